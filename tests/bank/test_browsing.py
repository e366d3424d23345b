"""Finding negatives in a bank: filters, orders, and the beginning of a hash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banks import RUN, judge

from negmine.bank.browsing import (
    browse,
    counts,
    digits,
    find,
    findings,
    hardest,
    in_crop,
    in_order,
    labelled_objects,
    runs,
)
from negmine.bank.cells import NUMBER, SHA256, TEXT, WHOLE
from negmine.bank.filters import NegativeFilter
from negmine.bank.records import ScannedImage
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.errors import BankError
from negmine.structures import GroundTruth

Make = Callable[..., ScannedImage]
Store = Callable[..., None]


@pytest.fixture
def filled(bank: BankWriter, store: Store, image: Make) -> BankWriter:
    """Five negatives: 1 and 2 of one image (0.9, 0.8), 3 to 5 of another in a folder (0.9, 0.8, 0.7), 4 a dog."""
    other = image("night/b.jpg", negatives=(b"three", b"four", b"five"))
    dog = replace(other.detections[1], class_name="dog")
    store(image("a.jpg", negatives=(b"one", b"two")))
    store(
        replace(other, detections=(other.detections[0], dog, other.detections[2])),
        record=replace(RUN, weights="2.pt", weights_sha256="cd" * 32),
    )
    judge(bank.folder, 2, "rejected")
    judge(bank.folder, 4, "target")
    return bank


def test_an_empty_bank_has_nothing(bank: BankWriter) -> None:
    assert browse(bank) == []
    assert counts(bank) == {"classes": {}, "states": {}}
    assert digits(bank) == 7
    assert runs(bank) == []


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        (NegativeFilter(), [1, 3, 2, 4, 5]),
        (NegativeFilter(classes=("dog",)), [4]),
        (NegativeFilter(classes=("dog", "cat"), states=("unreviewed",)), [1, 3, 5]),
        (NegativeFilter(states=("rejected", "target")), [2, 4]),
        (NegativeFilter(runs=(2,)), [3, 4, 5]),
        (NegativeFilter(min_score=0.8, max_score=0.8), [2, 4]),
        (NegativeFilter(folder=Path("/pictures/night")), [3, 4, 5]),
        (NegativeFilter(folder=Path("/pictures/nig")), []),
        (NegativeFilter(cluster=0), []),
    ],
)
def test_conditions(filled: BankWriter, which: NegativeFilter, numbers: list[int]) -> None:
    assert browse(filled, which) == numbers
    assert sum(counts(filled, which)["classes"].values()) == len(numbers)


def test_orders(filled: BankWriter) -> None:
    assert browse(filled, sort="newest") == [5, 4, 3, 2, 1]
    assert browse(filled, sort="class") == [1, 3, 2, 5, 4]
    assert browse(filled, sort="source") == [1, 2, 3, 4, 5]
    assert (
        browse(filled, sort="unlabelled") == browse(filled, sort="cluster") == [1, 3, 2, 4, 5]
    )  # nobody compared them


def test_of_equal_false_positives_that_which_was_stored_first_stands_for_a_negative(
    bank: BankWriter, store: Store, image: Make
) -> None:
    """Several runs and images with crops of equal bytes, and few scores; each negative is asked for by itself here."""
    rng = np.random.default_rng(0)
    for run in range(3):
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            scanned = image(name, negatives=(b"one", b"two", b"three"))
            scores, order = rng.integers(5, 7, size=6) / 10, rng.permutation(6)
            found = [
                replace(scanned.detections[i % 3], score=scores[i], class_name=f"{run}{name}{i}")
                for i in order.tolist()
            ]
            store(replace(scanned, detections=tuple(found)), record=replace(RUN, weights_sha256=f"{run}" * 64))
    question = (
        "SELECT d.class_name, d.score, s.sha256 FROM detections d JOIN sources s ON s.id = d.source_id"
        " WHERE d.negative_id = ? ORDER BY d.score DESC, d.id LIMIT 1"
    )
    expected = {number: tuple(*bank.query(question, (number,))) for number in (1, 2, 3)}
    for found_here in (bank.negatives(), bank.negatives([3, 1, 2])):
        negatives = list(found_here)
        assert {n.id: (n.class_name, n.score, n.source_sha256) for n in negatives} == expected
        assert [n.id for n in negatives] == sorted(expected, key=lambda number: (-expected[number][1], number))
        assert browse(bank) == [n.id for n in negatives]
    named = hardest(
        bank,
        "n.id, d.class_name, d.score, s.sha256",
        {"id": WHOLE, "class_name": TEXT, "score": NUMBER, "sha256": SHA256},
    )
    assert {number: tuple(rest) for number, *rest in named} == expected


def test_negatives_come_in_the_order_asked_for(filled: BankWriter) -> None:
    assert [negative.id for negative in in_order(filled, [5, 99, 1, 4])] == [5, 1, 4]


def test_counts(filled: BankWriter) -> None:
    assert counts(filled) == {"classes": {"cat": 4, "dog": 1}, "states": {"unreviewed": 3, "rejected": 1, "target": 1}}


def test_a_hash_is_found_by_its_beginning(filled: BankWriter) -> None:
    for negative in filled.negatives():
        assert find(filled, negative.sha256[: digits(filled)].upper()) == negative.id


@pytest.mark.parametrize(
    ("prefix", "message"), [("abc", "expected 4 or more"), ("wxyz", "hex digits"), ("f" * 64, "has no negative ffff")]
)
def test_what_is_no_hash(filled: BankWriter, prefix: str, message: str) -> None:
    with pytest.raises(BankError, match=message):
        find(filled, prefix)


def test_what_is_known_of_a_negative(bank: BankWriter, store: Store, image: Make) -> None:
    truth = GroundTruth.of([(60, 60, 70, 70)], ["cat"])
    store(image("a.jpg", negatives=(b"one", b"two"), truth=truth, truth_hash="1"))
    (negative,) = in_order(bank, [2])
    assert [(each.score, each.is_here, each.kind) for each in findings(bank, negative)] == [
        (0.9, False, "background"),
        (0.8, True, "background"),
    ]
    assert [each.box_xyxy for each in labelled_objects(bank, negative)] == [(60, 60, 70, 70)]


def test_runs(filled: BankWriter) -> None:
    assert [(run.weights, run.images, run.negatives, run.detector_settings) for run in runs(filled)] == [
        ("best.pt", 1, 2, {"conf": 0.25}),
        ("2.pt", 1, 3, {"conf": 0.25}),
    ]


def test_a_box_in_a_letterboxed_crop() -> None:
    """100 x 50 pixels doubled are 200 x 100, in the middle of 200 x 200: fifty grey rows above."""
    rect, size_wh = Rect(10, 20, 110, 70), (200, 200)
    assert in_crop((20, 30, 30, 40), rect, size_wh) == (20, 70, 40, 90)
    assert in_crop((0, 0, 500, 500), rect, size_wh) == (0, 50, 200, 150)  # what the crop does not show is cut off
    assert in_crop((110, 30, 120, 40), rect, size_wh) is None
