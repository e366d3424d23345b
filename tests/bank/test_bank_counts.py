"""Counts over a whole bank: of two runs, of labels, and of what became of false positives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banks import RUN, judge

from negmine.bank.bank import Bank
from negmine.bank.counts import (
    Banked,
    Labels,
    ScannedSource,
    banked,
    cluster_sizes,
    false_positives_of_runs,
    kinds_by_class,
    labels_of,
    scanned_sources,
    scores_by_class,
    verdict_origins,
)
from negmine.bank.records import JudgedDetection, ScannedImage
from negmine.bank.writer import BankWriter
from negmine.matching import Kind
from negmine.structures import FileStamp, GroundTruth

Make = Callable[..., ScannedImage]
Store = Callable[..., None]


def test_an_empty_bank(bank: BankWriter) -> None:
    assert scanned_sources(bank) == [] and kinds_by_class(bank) == {} and scores_by_class(bank) == {}
    assert banked(bank) == Banked(0, 0, 0, {}) and labels_of(bank) == Labels(0, 0, 0)
    assert false_positives_of_runs(bank) == verdict_origins(bank) == cluster_sizes(bank) == {}


@pytest.fixture
def filled(bank: BankWriter, store: Store, image: Make) -> BankWriter:
    """Two negatives of `a.jpg` (0.9, 0.8), that a second run has scanned too; `b.jpg` with a label and other kinds."""
    first = image("a.jpg", negatives=(b"one", b"two"))
    truth = GroundTruth(np.array([[1.0, 1.0, 9.0, 9.0]]), ("cat",), np.zeros(1, bool), np.zeros(1, bool))
    box = (1.0, 1.0, 9.0, 9.0)
    others = (
        JudgedDetection("cat", 1.0, box, Kind.TRUE_POSITIVE),
        JudgedDetection("cat", 0.5, box, Kind.DUPLICATE),
        JudgedDetection("dog", 0.04, box, Kind.BACKGROUND, skipped="too_small"),
        JudgedDetection("dog", 1.0, box, Kind.UNJUDGED),
    )
    second = replace(image("b.jpg", truth=truth, truth_hash="c" * 64, mtime_ns=7), detections=others)
    store(first, second)
    store(first, record=replace(RUN, weights_sha256="cd" * 32))
    return bank


def test_images_count_once_for_each_run(filled: BankWriter) -> None:
    assert scanned_sources(filled) == [
        ScannedSource(Path("/pictures/a.jpg"), 2, 4, FileStamp(123, 1)),
        ScannedSource(Path("/pictures/b.jpg"), 1, 2, FileStamp(123, 7)),
    ]
    assert false_positives_of_runs(filled) == {1: 4, 2: 2}


def test_kinds_scores_and_labels(filled: BankWriter) -> None:
    assert kinds_by_class(filled) == {
        "cat": {"background": 4, "duplicate": 1, "true_positive": 1},
        "dog": {"background": 1, "unjudged": 1},
    }
    scores = scores_by_class(filled)
    assert {name: {index: n for index, n in enumerate(each) if n} for name, each in scores.items()} == {
        "cat": {10: 1, 16: 2, 18: 2},
        "dog": {0: 1},
    }
    assert labels_of(filled) == Labels(1, 1, 0)


def test_flickers_are_counted_with_what_negatives_are_cut_around_and_their_frames_as_nobody_s_background(
    bank: BankWriter, store: Store, image: Make
) -> None:
    frame = image("a.jpg", negatives=(b"one",))
    flicker = replace(frame.detections[0], kind=Kind.FLICKER)
    store(replace(frame, detections=(flicker,), item=replace(frame.item, is_background=False)))
    assert banked(bank) == Banked(found=1, cropped=1, negatives=1, skipped={})
    assert labels_of(bank) == Labels(0, 0, 1)
    store(frame, record=replace(RUN, weights_sha256="cd" * 32))
    assert labels_of(bank) == Labels(0, 0, 0)


def test_what_became_of_false_positives(filled: BankWriter) -> None:
    assert banked(filled) == Banked(found=5, cropped=4, negatives=4, skipped={"too_small": 1})
    judge(filled.folder, 1, "rejected")
    assert verdict_origins(filled)["rejected"].popitem()[1] == 1


def test_negatives_that_were_not_compared_have_no_clusters(small_bank: Path) -> None:
    with Bank(small_bank) as opened:
        assert cluster_sizes(opened) == {} and len(scanned_sources(opened)) == 2
