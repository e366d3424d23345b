"""Pairing the detector's classes with the truth's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.errors import TruthError
from negmine.labels.classes import match_class_names, paired_class_names


@pytest.mark.parametrize(("model", "truth"), [({}, []), ({}, ["cat"]), ({0: "cat"}, [])])
def test_no_names_have_none_in_common(model: dict[int, str], truth: list[str]) -> None:
    with pytest.raises(TruthError, match="no class name in common"):
        match_class_names(model, truth)


@pytest.mark.parametrize(
    ("model", "truth", "paired"),
    [
        ({0: "cat", 1: "dog"}, ["dog", "cat"], {0: "cat", 1: "dog"}),
        ({0: "cat", 5: "dog"}, ["fox", "dog"], {5: "dog"}),
        ({0: "Cat "}, ["cat"], {0: "cat"}),
        ({0: "STRASSE"}, ["Straße"], {0: "Straße"}),  # casefold, not lower
        ({0: "e\u0301lan"}, ["\u00e9lan"], {0: "\u00e9lan"}),  # macOS takes letters apart
        ({0: "E\u0301LAN"}, ["\u00e9lan"], {0: "\u00e9lan"}),
        ({0: "e\u0301lan", 1: "\u00e9lan"}, ["\u00e9lan"], {1: "\u00e9lan"}),
        ({0: "e\u0301lan", 1: "\u00c9lan", 2: "ox"}, ["\u00e9lan", "ox"], {2: "ox"}),  # two claim it
        ({0: "cat", 1: "Cat"}, ["Cat", "cat"], {0: "cat", 1: "Cat"}),  # exactly first
        ({0: "CAT", 1: "dog"}, ["Cat", "cat", "dog"], {1: "dog"}),  # which one? none
        ({0: "CAT", 1: "cat"}, ["cat"], {1: "cat"}),  # taken by the exact one
        ({0: "CAT", 1: "Cat", 2: "dog"}, ["cat", "dog"], {2: "dog"}),  # two claim it
        ({0: "cat", 1: "cat"}, ["cat"], {0: "cat", 1: "cat"}),
        ({0: "cat"}, ["cat", "cat"], {0: "cat"}),
        ({0: "CAT"}, ["cat", "cat"], {0: "cat"}),
    ],
)
def test_names_pair_exactly_else_by_case_where_unambiguous(
    model: dict[int, str], truth: list[str], paired: dict[int, str]
) -> None:
    assert match_class_names(model, truth) == paired


def test_the_message_lists_both_and_shortens_what_is_long() -> None:
    with pytest.raises(
        TruthError, match=r"the detector has n0, n1, .*, n11 and 68 more; the labels have cat;"
    ) as caught:
        match_class_names({i: f"n{i}" for i in range(80)}, ["cat"])
    assert "n12" not in str(caught.value)


def test_the_message_says_so_where_a_side_has_no_names() -> None:
    with pytest.raises(TruthError, match="the detector has cat; the labels have none;"):
        match_class_names({0: "cat"}, [])


@pytest.mark.parametrize(
    ("model", "truth", "advice"),
    [
        (["person"], ["Persons", "car"], "; if they mean the same, give --class-map Persons=person$"),
        (["traffic light", "stop"], ["traffic_light"], "; .* give --class-map 'traffic_light=traffic light'$"),
        (["kangaroo"], ["roo"], "; .* give --class-map roo=kangaroo$"),  # one on each side
        (
            ["zebra"],
            ["cat", "dog"],
            "; give --class-map OLD=NEW for each class OLD of the one that the other calls NEW$",
        ),
        (
            ["item"],
            ["kangaroo"],
            "single_cls=True call every class item: if these were, give --class-map kangaroo=item$",
        ),
        (["Item"], ["a", "b", "c", "d"], "Item: .* a=Item --class-map b=Item --class-map c=Item and so on$"),
        ([], ["cat"], "; name the classes on both sides$"),
    ],
)
def test_the_message_says_how_to_rename(model: list[str], truth: list[str], advice: str) -> None:
    with pytest.raises(TruthError, match=advice):
        match_class_names(dict(enumerate(model)), truth)


@given(st.dictionaries(st.integers(0, 9), st.sampled_from("aAbBcC")), st.lists(st.sampled_from("aAbBcC")))
def test_pairs_are_alike_exact_names_always_pair_and_no_two_spellings_share_one(
    model: dict[int, str], truth: list[str]
) -> None:
    try:
        paired = match_class_names(model, truth)
    except TruthError:
        paired = {}
    assert all(name in truth and name.casefold() == model[number].casefold() for number, name in paired.items())
    assert all(paired.get(number) == name for number, name in model.items() if name in truth)
    spellings = {(name, model[number]) for number, name in paired.items()}
    assert len({name for name, _ in spellings}) == len(spellings)


@pytest.mark.parametrize(
    ("model", "truth", "class_map", "paired"),
    [
        ({}, [], {"item": "kangaroo"}, {}),
        ({0: "item"}, ["kangaroo"], {"item": "kangaroo"}, {0: "kangaroo"}),
        ({0: "item"}, ["Kangaroo"], {"Item": "kangaroo "}, {0: "Kangaroo"}),
        ({0: "item", 1: "dog"}, ["kangaroo", "dog"], {"item": "kangaroo"}, {0: "kangaroo", 1: "dog"}),
        ({0: "cat", 1: "dog"}, ["animal"], {"cat": "animal", "dog": "animal"}, {0: "animal", 1: "animal"}),
        ({0: "kangaroo"}, ["kangaroo"], {"item": "kangaroo"}, {0: "kangaroo"}),  # another model has items
        (
            {0: "cat", 1: "dog"},
            ["dog", "cat"],
            {"cat": "dog", "dog": "cat"},
            {0: "cat", 1: "dog"},
        ),  # labels are swapped
        ({0: "item"}, ["koala"], {"item": "kangaroo"}, {}),
    ],
)
def test_a_class_without_a_pair_of_its_name_is_read_by_the_map(
    model: dict[int, str], truth: list[str], class_map: dict[str, str], paired: dict[int, str]
) -> None:
    assert paired_class_names(model, truth, class_map) == paired
