"""An evaluation without labelled data: false positives, and nothing about what is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eval_sets import many_classes, scaled_detector, scene

from negmine.cli._figures import render_figures
from negmine.datasets.config import LabelConfig
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError, SourceError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.evaluate import evaluate
from negmine.structures import Detections


def test_no_images_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected labelled data, backgrounds, or both, found neither"):
        evaluate(scaled_detector(1.0))
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"found none of 1; name others with --backgrounds \(.*a.jpg: "):
        evaluate(scaled_detector(1.0), backgrounds=tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "val"}, "--split is about labelled data"),
        ({"config": EvalConfig(labels=LabelConfig(missing_is_empty=True))}, "--missing-is-empty is about labelled"),
        ({"plot": "curve.png"}, "a plot of miss rate needs labelled data"),
    ],
)
def test_settings_of_labelled_data_are_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(scaled_detector(1.0), backgrounds=scene(tmp_path) / "backgrounds", **settings)  # type: ignore[arg-type]


def test_false_positives_are_counted_by_score_and_class(tmp_path: Path) -> None:
    """It fires with 0.7 and 0.2 on one of two images."""
    result = evaluate(scaled_detector(1.0), backgrounds=scene(tmp_path) / "backgrounds")
    (model,), (found,) = result.models, result.intervals
    assert (model.fppi, model.images_with_fp, model.background_images, model.images) == (0.5, 1, 2, 0)
    assert (model.recall, model.precision, model.map50, model.lamr, model.at_recall) == (None,) * 5
    assert model.fppi_by_score == {"0.05": 1, "0.1": 1, "0.25": 0.5, "0.5": 0.5, "0.75": 0, "0.9": 0}
    (point,) = model.at_fppi
    assert (point.wanted, point.threshold, point.fppi, point.recall) == (0.1, 0.70001, 0, None)
    lamp, sign = model.classes
    assert (lamp.name, lamp.fppi, lamp.precision, sign.fppi) == ("lamp", 0.5, None, 0)
    assert found.rates.recall is None and found.rates.fppi.high > 0
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert (document["data"], document["format"], document["split"]) == (None, None, None)
    assert document["models"][0]["intervals"]["recall"] is None


def test_models_with_other_classes_share_those_of_one_name(tmp_path: Path) -> None:
    root = scene(tmp_path)
    other = FunctionDetector(lambda image: Detections.empty(), ["Lamp", "cat"], name="other")
    first, second = evaluate([scaled_detector(1.0), other], backgrounds=root / "backgrounds").models
    assert [each.name for each in first.classes] == [each.name for each in second.classes] == ["lamp", "sign", "cat"]
    assert (first.fppi, second.fppi) == (0.5, 0)


def test_models_are_compared_without_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = scene(tmp_path)
    models = [scaled_detector(1.0, name="one"), scaled_detector(0.3, name="other")]
    result = evaluate(models, backgrounds=root / "backgrounds", fail_if=["fppi>0.4", "recall<0.5"])
    _, difference = result.differences
    assert difference is not None and difference.comparison is None and difference.figures.fppi.low == -1
    assert [failure.check for failure in result.failures] == ["recall<0.5"]  # unknown, so it does not pass
    render_figures(result)
    shown = capsys.readouterr().out
    assert "2 backgrounds; without labelled data recall is unknown" in shown
    assert "B against A at conf 0.25: -1.000 to +0.000 false positives per image (90 %" in " ".join(shown.split())


def test_of_several_classes_those_that_fire_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, detector = many_classes(tmp_path, 25)
    render_figures(evaluate(detector, backgrounds=root / "images" / "val" / "b.png"))
    shown = capsys.readouterr().out
    assert shown.count("class 3 ") == 2 and "and 5 more classes; --json has all" in shown and "0.50001" in shown
