"""Evaluating predictions: the same figures as the model that wrote them gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from blobs import square_detector
from eval_sets import scene
from written import predict

from negmine.errors import PredictionsError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.evaluate import evaluate


def test_an_evaluation_has_the_figures_of_the_model(tmp_path: Path) -> None:
    root = scene(tmp_path)
    written = predict(root, tmp_path / "out", without="train")
    result = evaluate([square_detector(), written], root, backgrounds=root / "backgrounds", config=EvalConfig(conf=0.3))
    model, predictions = (each.to_dict() for each in result.models)
    assert {key for key in model if model[key] != predictions[key]} <= {"name", "sha256"}
    assert predictions["name"] == "results.json" and not result.skipped


def test_predictions_that_were_cut_off_are_said(tmp_path: Path) -> None:
    root = scene(tmp_path)
    result = evaluate(predict(root, tmp_path / "out", without="train"), root, backgrounds=root / "backgrounds")
    (finding,) = (each for each in result.findings if each.kind == "opened-above")
    assert "results.json has no score under 0." in finding.message


def test_an_evaluation_of_other_images_is_refused(tmp_path: Path) -> None:
    root = scene(tmp_path)
    written = predict(root, tmp_path / "out", without="train")
    with pytest.raises(PredictionsError, match=r"not among the sources: backgrounds"):
        evaluate(written, root)
