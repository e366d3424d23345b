"""Which categories are classes, and which classes an image was searched for."""

from __future__ import annotations

import pytest

from negmine.errors import TruthError
from negmine.labels.coco_categories import ALL_JUDGED, category_names, coverage_of, without_groups
from negmine.labels.coco_json import Entry, Id

GROUP: Entry = {"name": "marsupials", "supercategory": "none"}
KANGAROO: Entry = {"name": "kangaroo", "supercategory": "marsupials"}
KOALA: Entry = {"name": "koala", "supercategory": "marsupials"}
NAMES: dict[Id, str] = {1: "dog", 2: "car", 3: "bus"}


def classes(categories: dict[Id, Entry], *used: Id) -> list[str]:
    return list(without_groups(category_names(categories, "coco.json"), categories, set(used)).values())


def test_no_categories_are_no_classes() -> None:
    assert classes({}) == []


@pytest.mark.parametrize(
    ("categories", "used", "kept"),
    [
        ({0: GROUP, 1: KANGAROO}, [1], ["kangaroo"]),
        ({0: GROUP, 1: KANGAROO}, [], ["kangaroo"]),  # a data set of backgrounds
        ({0: GROUP, 1: KANGAROO, 2: KOALA}, [1], ["kangaroo", "koala"]),  # not used, and yet a class
        ({0: GROUP, 1: KANGAROO}, [0, 1], ["marsupials", "kangaroo"]),  # objects of the group
        ({7: GROUP, 1: KANGAROO}, [1], ["kangaroo"]),  # with any id, anywhere
        ({0: {**GROUP, "name": "my-project"}, 1: KANGAROO}, [1], ["kangaroo"]),  # Roboflow's, of another name
        ({5: {**GROUP, "name": "my-project"}, 1: KANGAROO}, [1], ["my-project", "kangaroo"]),
        ({0: {"name": "a", "supercategory": "none"}, 1: {"name": "b", "supercategory": "none"}}, [1], ["a", "b"]),
        ({0: {"name": "kangaroo", "supercategory": "none"}}, [], ["kangaroo"]),  # the only one
        ({1: {"name": "person", "supercategory": "person"}, 2: {"name": "car"}}, [2], ["person", "car"]),  # COCO's
        ({0: {"name": "background"}, 1: {"name": "car"}}, [1], ["car"]),
        ({0: {"name": "__background__"}, 1: {"name": "car"}}, [], ["car"]),
        ({0: {"name": "Background"}, 1: {"name": "car"}}, [0], ["Background", "car"]),
        ({0: {"name": "background sign"}, 1: {"name": "car"}}, [1], ["background sign", "car"]),
    ],
)
def test_a_group_that_no_annotation_uses_is_no_class(
    categories: dict[Id, Entry], used: list[Id], kept: list[str]
) -> None:
    assert classes(categories, *used) == kept


@pytest.mark.parametrize("name", [None, "", 5, ["a"]])
def test_a_category_without_a_name_is_named(name: object) -> None:
    with pytest.raises(TruthError, match=r"coco\.json: category 4 has no name, found .*; name it"):
        category_names({4: {"name": name}}, "coco.json")


def judged(entry: Entry, *present: str, federated: bool) -> list[str]:
    coverage = coverage_of(entry, NAMES, present, federated=federated)
    assert coverage.problem is None
    return [name for name in NAMES.values() if coverage.judges(name)]


def test_an_image_is_searched_for_every_class_unless_the_file_says_otherwise() -> None:
    assert coverage_of({"id": 1}, NAMES, {"dog"}, federated=False) is ALL_JUDGED
    assert judged({"not_exhaustive_category_ids": []}, federated=False) == ["dog", "car", "bus"]


def test_a_class_of_which_not_all_objects_have_annotations_is_not_judged() -> None:
    assert judged({"not_exhaustive_category_ids": [2, 99]}, "car", federated=False) == ["dog", "bus"]


@pytest.mark.parametrize(
    ("entry", "present", "expected"),
    [
        ({}, [], []),
        ({"neg_category_ids": []}, ["dog"], ["dog"]),
        ({"neg_category_ids": [3.0, 99]}, ["dog"], ["dog", "bus"]),  # of 99 the user has made no class
        ({"neg_category_ids": [3], "not_exhaustive_category_ids": [1]}, ["dog"], ["bus"]),
        ({"neg_category_ids": [3], "not_exhaustive_category_ids": [3]}, [], []),
    ],
)
def test_in_a_federated_file_only_what_was_searched_for_is_judged(
    entry: Entry, present: list[str], expected: list[str]
) -> None:
    assert judged(entry, *present, federated=True) == expected


@pytest.mark.parametrize("ids", ["2", 2, 0, {"2": 1}, ["2"], [1, "3"]])
def test_what_was_searched_for_is_not_guessed(ids: object) -> None:
    problem = coverage_of({"not_exhaustive_category_ids": ids}, NAMES, [], federated=False).problem
    assert problem is not None
    assert problem.startswith("expected not_exhaustive_category_ids to list ids of categories, found ")
