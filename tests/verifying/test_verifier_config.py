"""Settings of a verifier out of their ranges are refused."""

from __future__ import annotations

import math

import pytest

from negmine.errors import ConfigError
from negmine.verifying.config import VerifierConfig


@pytest.mark.parametrize(
    "settings",
    [
        {"conf": 0.0}, {"conf": 1.0}, {"conf": math.nan}, {"min_score": 0.0}, {"holdout": 1.0},
        {"max_recall_loss": 1.0}, {"max_recall_loss": -0.1}, {"jitters": -1}, {"folds": 1}, {"min_examples": 1},
        {"workers": 0}, {"penalties": ()}, {"penalties": (0.0,)},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    (name,) = settings
    with pytest.raises(ConfigError, match=name):
        VerifierConfig(**settings)  # type: ignore[arg-type]


def test_the_settings_of_the_report_are_json_values() -> None:
    assert VerifierConfig(seed=3).settings()["seed"] == 3
