"""Renaming the classes of a data set."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negmine.errors import ConfigError, TruthError
from negmine.labels.classes import (
    apply_class_map,
    pairs_for_detectors,
    parse_class_map,
    require_known_to_detectors,
    require_old_names,
)


def test_no_pairs_are_no_map_and_change_no_name() -> None:
    assert parse_class_map([]) == {}
    assert apply_class_map(["cat", "dog"], {}) == {"cat": "cat", "dog": "dog"}


def test_pairs_are_read_without_the_blanks_around_names() -> None:
    assert parse_class_map(["cat=animal", " traffic light = light ", "a=b=c"]) == {
        "cat": "animal", "traffic light": "light", "a": "b=c",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        (["cat"], "expected a class map of OLD=NEW, .* found 'cat'"),
        (["=cat"], "found '=cat'"),
        (["cat="], "found 'cat='"),
        (["cat= "], "found 'cat= '"),
        ([""], "found ''"),
        (["a=b", "c\nd"], r"found 'c\\\\nd'"),
        (["cat=a", "dog=a", "cat=b"], "renames cat twice, to a and to b; keep one"),
    ],
)
def test_what_is_no_map_is_said(pairs: list[str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_class_map(pairs)


def test_several_classes_may_become_one() -> None:
    found = apply_class_map(["cat", "dog", "car"], {"cat": "animal", "dog": "animal"})
    assert found == {"cat": "animal", "dog": "animal", "car": "car"}


def test_names_may_be_swapped() -> None:
    assert apply_class_map(["cat", "dog"], {"cat": "dog", "dog": "cat"}) == {"cat": "dog", "dog": "cat"}


@pytest.mark.parametrize("old", ["CAT", " cat ", "Cat"])
def test_an_old_name_is_found_as_classes_are_paired(old: str) -> None:
    assert apply_class_map(["cat", "dog"], {old: "x"}) == {"cat": "x", "dog": "dog"}


@pytest.mark.parametrize(
    ("names", "old", "reason"),
    [
        (["kangaroo", "koala"], "kangoroo", "it has kangaroo, koala; did you mean 'kangaroo'\\?"),
        (
            ["Traffic_Light"],
            "traffic light",
            "it has Traffic_Light; did you mean 'Traffic_Light'",
        ),  # a suggestion, and no match
        (["cat"], "submarine", "it has cat; name one of these"),
        (["Cat", "cat"], "CAT", "it has Cat, cat; did you mean"),  # which one?
        ([], "cat", "it has none; name one of these"),
    ],
)
def test_a_class_that_the_data_does_not_have_is_named_with_the_nearest(names: list[str], old: str, reason: str) -> None:
    with pytest.raises(TruthError, match=f"reads {old} as x, and the data has neither: {reason}"):
        apply_class_map(names, {old: "x"})


@given(
    st.lists(st.sampled_from("abcAB"), unique=True), st.dictionaries(st.sampled_from("abcAB"), st.sampled_from("xya"))
)
def test_every_name_has_one_and_only_those_in_the_map_change(names: list[str], class_map: dict[str, str]) -> None:
    try:
        found = apply_class_map(names, class_map)
    except TruthError:
        assert any(old not in names and new not in names for old, new in class_map.items())
        return
    assert list(found) == names
    assert all(found[old] == new for old, new in class_map.items() if old in names)
    changed = {name for name, new in found.items() if name != new}
    assert changed <= {name for name in names if name.casefold() in {old.casefold() for old in class_map}}


@pytest.mark.parametrize(
    ("name", "text"),
    [("map.yaml", "item: kangaroo\nwallaby: kangaroo\n"), ("map.txt", "item = kangaroo\n\nwallaby=kangaroo\n")],
)
def test_a_map_may_be_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = parse_class_map(["dog=cat", str(tmp_path / name)])
    assert found == {"dog": "cat", "item": "kangaroo", "wallaby": "kangaroo"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.yaml", "- a", "expected a class map, `OLD: NEW` in each line"),
        ("map.yaml", "a: [b]", r"expected a class map of OLD=NEW.*; found \"a: \['b'\]\""),
        ("map.yaml", "a: [", "cannot read the class map"),
        ("map.txt", "a", "map.txt: expected a class map of OLD=NEW.* found 'a'"),
        ("map.txt", "\xff", "cannot read the class map"),
        ("map.txt", "dog=wolf", "renames dog twice, to cat and to wolf"),
    ],
)
def test_a_file_that_is_no_map_is_said(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=message):
        parse_class_map(["dog=cat", str(tmp_path / name)])


def test_a_pair_may_be_about_the_detector_alone() -> None:
    assert apply_class_map(["kangaroo"], {"item": "kangaroo"}) == {"kangaroo": "kangaroo"}
    assert pairs_for_detectors(["kangaroo", "koala"], {"item": "kangaroo", "KOALA": "bear"}) == {"item": "kangaroo"}
    require_known_to_detectors(
        {"item": "kangaroo", "koala": "item"}, ["item"], {"item": "kangaroo"}, ["kangaroo", "item"]
    )
    with pytest.raises(
        TruthError, match=r"reads itm as kangaroo, and the detector has neither: .*did you mean 'item'\?"
    ):
        require_known_to_detectors({"itm": "kangaroo"}, ["item"], {"itm": "kangaroo"}, ["kangaroo"])
    with pytest.raises(TruthError, match=r"reads koala as iten, and the detector has neither: .*did you mean 'item'\?"):
        require_known_to_detectors({"koala": "iten"}, ["item"], {}, ["iten"])


def test_an_old_name_that_neither_side_has_is_refused_though_both_have_the_new_one() -> None:
    neither = r"reads itm as kangaroo, and neither the data nor a detector has a class 'itm': there is kangaroo, item; "
    with pytest.raises(TruthError, match=neither + r"did you mean 'item'\?"):
        require_known_to_detectors({"itm": "kangaroo"}, ["kangaroo", "item"], {"itm": "kangaroo"}, ["kangaroo"])
    with pytest.raises(TruthError, match=r"the data has no class 'kangarou': there is kangaroo; did you mean"):
        require_old_names({"kangarou": "kangaroo"}, [], ["kangaroo"])
