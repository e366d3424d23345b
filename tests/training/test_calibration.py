"""Shifts of logits, and the scores that they lead to."""

from __future__ import annotations

import numpy as np
import pytest

from negmine.errors import ConfigError
from negmine.training.calibration import Calibration, logits, shifted


def test_no_scores() -> None:
    assert shifted(np.zeros(0), 1.0).shape == (0,)


def test_a_score_moves_to_conf_from_where_the_shift_says() -> None:
    calibration = Calibration(0.25, {1: 1.5})
    assert calibration.shift(0) == 0 and calibration.score_before(0) == pytest.approx(0.25)
    assert shifted(np.array([calibration.score_before(1)]), 1.5)[0] == pytest.approx(0.25)
    assert calibration.score_before(1) < 0.25


def test_logits_are_finite_and_in_order() -> None:
    assert np.isfinite(logits(np.array([0.0, 1.0]))).all()
    assert (np.diff(logits(np.linspace(0.00001, 0.99999, 50))) > 0).all()


@pytest.mark.parametrize(("conf", "shift"), [(1.5, 0.0), (float("nan"), 0.0), (0.25, float("inf"))])
def test_what_is_no_calibration_is_refused(conf: float, shift: float) -> None:
    with pytest.raises(ConfigError, match=r"expected"):
        Calibration(conf, {0: shift})
