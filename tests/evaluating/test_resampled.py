"""Intervals of all figures, of a whole evaluation."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from eval_sets import blind_detector, many_classes, scaled_detector, scene

from negmine.evaluating.config import EvalConfig
from negmine.evaluating.evaluate import evaluate


def test_every_figure_that_exists_has_an_interval_which_holds_it(tmp_path: Path) -> None:
    root = scene(tmp_path)
    config = EvalConfig(at_fppi=(0.0, 0.5))
    result = evaluate(scaled_detector(1.0), root / "data.yaml", backgrounds=root / "backgrounds", config=config)
    (model,), (found,) = result.models, result.intervals
    for name in ("fppi", "recall", "precision", "map50", "map50_95", "lamr"):
        low, high = getattr(found.rates, name)
        assert low <= getattr(model, name) <= high, name
    assert model.threshold_at_recall == 0.3 and found.threshold_at_recall == (-math.inf, 0.6)
    low, high = found.rates.images_with_fp
    assert low <= model.images_with_fp / model.background_images <= high
    for point, ends in zip(model.at_fppi, found.rates.at_fppi, strict=True):
        assert ends.wanted == point.wanted and ends.threshold is not None and ends.recall is not None
        assert point.threshold is not None and ends.threshold.low <= point.threshold <= ends.threshold.high
        assert point.recall is not None and ends.recall.low <= point.recall <= ends.recall.high
    sign = found.classes["sign"]  # there is none to find
    assert (sign.recall, sign.lamr, sign.map50, sign.at_fppi[0].recall) == (None, None, None, None)
    assert found.classes["lamp"].recall == found.rates.recall
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_seed_decides_and_nothing_else(tmp_path: Path) -> None:
    root = scene(tmp_path)

    def intervals(seed: int, workers: int) -> object:
        config = EvalConfig(seed=seed, workers=workers)
        found = evaluate(scaled_detector(1.0), root / "data.yaml", backgrounds=root / "backgrounds", config=config)
        return found.intervals[0].to_dict()

    assert intervals(0, 1) == intervals(0, 2) != intervals(1, 1)


def test_frames_that_belong_together_are_drawn_together(tmp_path: Path) -> None:
    """All labelled images are one group, so every sample has them all."""
    root = scene(tmp_path)
    config = EvalConfig(group_by="folder")
    (found,) = evaluate(scaled_detector(1.0), root / "data.yaml", config=config).intervals
    assert found.rates.recall == (0.75, 0.75)


def test_the_mean_is_over_the_classes_of_a_sample(tmp_path: Path) -> None:
    root, detector = many_classes(tmp_path, 4)
    (model,), (found,) = (getattr(evaluate(detector, root), name) for name in ("models", "intervals"))
    assert found.rates.map50 == (pytest.approx(model.map50), pytest.approx(model.map50))  # objects are in one image
    of_classes = [each.map50 for name, each in found.classes.items() if each.map50 is not None]
    assert np.mean([low for low, _ in of_classes]) == pytest.approx(model.map50) and len(of_classes) == 3


def test_a_detector_that_finds_nothing_has_intervals_too(tmp_path: Path) -> None:
    root = scene(tmp_path)
    (found,) = evaluate(blind_detector(), root / "data.yaml").intervals
    assert found.rates.recall == (0, 0) and found.rates.precision is None and found.rates.map50 == (0, 0)
    assert found.rates.fppi == (0, 3)  # of one silent image
