"""The score that reaches a wanted FPPI; on a scene whose every score is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.evaluating.at_fppi import FppiPoint, fppi_by_score, fppi_point, score_over
from negmine.evaluating.count import ScoredDetections
from negmine.evaluating.match import code_of
from negmine.matching import Kind


def detections(true: list[float], false: list[float], *, objects: int = 4, images: int = 10) -> ScoredDetections:
    kinds = [Kind.TRUE_POSITIVE] * len(true) + [Kind.BACKGROUND] * len(false)
    count = len(kinds)
    return ScoredDetections(
        scores=np.array([*true, *false]),
        codes=np.array([code_of(kind) for kind in kinds], dtype=np.uint8),
        classes=np.zeros(count, dtype=np.int32),
        images=np.zeros(count, dtype=np.int32),
        counted=np.full(count, True),
        object_counts={0: objects},
        fppi_images=images,
        fppi_over="backgrounds",
    )


def test_nothing_found_needs_no_threshold() -> None:
    assert fppi_point(detections([], []), 0.1, 0.001) == FppiPoint(0.1, 0.001, 0.0, 0.0)
    assert fppi_point(detections([], [], objects=0), 0.1, 0.001).recall is None
    assert fppi_by_score(detections([], []), 0.2) == {"0.25": 0, "0.5": 0, "0.75": 0, "0.9": 0}


def test_without_images_there_is_none() -> None:
    assert fppi_point(detections([0.9], [], images=0), 0.1, 0.001) == FppiPoint(0.1, None, None, None)


@pytest.mark.parametrize(
    ("wanted", "threshold", "fppi", "recall"),
    [
        (0.0, 0.80001, 0.0, 0.25),  # over the highest false positive
        (0.09, 0.80001, 0.0, 0.25),  # none of ten images is 0.09 of one
        (0.1, 0.50001, 0.1, 0.5),
        (0.2, 0.50001, 0.1, 0.5),  # two score 0.5: both go, or none
        (0.3, 0.001, 0.3, 0.75),  # nothing is too many
        (9.0, 0.001, 0.3, 0.75),
    ],
)
def test_the_lowest_threshold_that_brings_no_more(wanted: float, threshold: float, fppi: float, recall: float) -> None:
    found = fppi_point(detections([0.9, 0.6, 0.5], [0.8, 0.5, 0.5]), wanted, 0.001)
    assert found == FppiPoint(wanted, threshold, pytest.approx(fppi), recall)


def test_no_threshold_is_over_a_score_of_1() -> None:
    assert fppi_point(detections([], [1.0]), 0.0, 0.001).threshold is None
    assert score_over(1.0, 0.001) is None and score_over(0.0001, 0.001) == 0.001


def test_fppi_counts_from_a_score_on() -> None:
    assert fppi_by_score(detections([], [0.25, 0.24, 0.1]), 0.001)["0.25"] == 0.1
