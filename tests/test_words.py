"""Words for people."""

from __future__ import annotations

import pytest

from negmine.words import counted, did_you_mean, nearest_name


@pytest.mark.parametrize(("number", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images")])
def test_a_number_goes_with_its_noun(number: int, text: str) -> None:
    assert counted(number, "image") == text


def test_an_odd_plural_is_given() -> None:
    assert (counted(1, "class", "classes"), counted(3, "class", "classes")) == ("1 class", "3 classes")


@pytest.mark.parametrize(
    ("name", "names", "nearest"),
    [
        ("cat", [], None),
        ("cat", ["submarine"], None),
        ("kangoroo", ["koala", "kangaroo", "kangaroo rat"], "kangaroo"),
        ("Traffic_Lights", ["stop sign", "traffic light"], "traffic light"),
        ("e\u0301cureuil", ["\u00e9cureuils", "ours"], "\u00e9cureuils"),
        ("\uff43\uff41\uff54", ["dog", "cat"], "cat"),  # full width
    ],
)
def test_the_nearest_name(name: str, names: list[str], nearest: str | None) -> None:
    assert nearest_name(name, names) == nearest


def test_the_end_of_a_message_is_one_line() -> None:
    assert did_you_mean("cat", ["submarine"]) == ""
    assert did_you_mean("ca\ntt", ["ca\nt"]) == r"; did you mean 'ca\nt'?"
