"""The log-average miss rate: by hand, and against a slow twin written from the paper's words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.evaluating.metrics.lamr import REFERENCE_FPPI, curve_lamr, log_average_miss_rate


def slow_lamr(fppi: list[float], miss: list[float]) -> float:
    """Nine values, spaced evenly between -2 and 0 in powers of ten; at each the last point that is not beyond it."""
    product = 1.0
    for step in range(9):
        value = 10 ** (-2 + step / 4)
        rate = 1.0
        for x, y in zip(fppi, miss, strict=True):
            if x <= value:
                rate = y
        product *= max(rate, 1e-10) ** (1 / 9)
    return product


def test_the_nine_values() -> None:
    assert np.allclose(REFERENCE_FPPI, np.logspace(-2, 0, 9), rtol=1e-12, atol=0)
    assert REFERENCE_FPPI[0] == 0.01 and REFERENCE_FPPI[-1] == 1  # exactly, so that a point right on one counts


@pytest.mark.parametrize(
    ("fppi", "miss", "expected"),
    [
        ([], [], 1.0),  # nothing detected: everything is missed everywhere
        ([0.0], [0.4], 0.4),  # a curve that ends early keeps its last miss rate
        ([2.0], [0.1], 1.0),  # one that begins beyond 1 has missed everything before
        ([1.0], [0.5], 0.5 ** (1 / 9)),  # only the last of the nine is reached
        ([0.01], [0.5], 0.5),  # the first value itself is reached
        ([0.0, 0.05, 0.5], [0.8, 0.4, 0.2], math.exp((3 * math.log(0.8) + 4 * math.log(0.4) + 2 * math.log(0.2)) / 9)),
        ([0.0], [0.0], 1e-10),  # a miss rate of 0 has no logarithm
    ],
)
def test_by_hand(fppi: list[float], miss: list[float], expected: float) -> None:
    assert log_average_miss_rate(np.array(fppi), np.array(miss)) == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=40).map(
        lambda rows: (sorted(x for x, _ in rows), sorted((y for _, y in rows), reverse=True))
    )
)
def test_against_the_slow_twin(points: tuple[list[float], list[float]]) -> None:
    fppi, miss = points
    assert log_average_miss_rate(np.array(fppi), np.array(miss)) == pytest.approx(slow_lamr(fppi, miss), rel=1e-9)


def test_without_objects_or_images_there_is_none() -> None:
    assert curve_lamr(DetectionCurve.of(np.zeros(0), np.array([0.5]), objects=0, images=3)) is None
    assert curve_lamr(DetectionCurve.of(np.zeros(0), np.zeros(0), objects=3, images=0)) is None
    assert curve_lamr(DetectionCurve.of(np.zeros(0), np.array([0.5]), objects=3, images=1)) == 1.0
