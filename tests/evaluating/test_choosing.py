"""Scores by class: chosen on images, written down, and measured with."""

from __future__ import annotations

from pathlib import Path

import pytest
from blobs import draw
from eval_sets import many_classes, scaled_detector, scene

from negmine.detectors.class_thresholds import read_thresholds
from negmine.detectors.config import PredictionsConfig
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError
from negmine.evaluating.choosing import ChosenThresholds, Wanted
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.evaluate import evaluate


def chosen(root: Path, reach: str | None = None, conf: float = 0.25) -> ChosenThresholds:
    """On the scene: lamps are found with 0.9, 0.6, 0.3; false positives have 0.8, 0.7, 0.5 and 0.2, on 3 images."""
    result = evaluate(
        scaled_detector(1.0), root / "data.yaml", backgrounds=root / "backgrounds", config=EvalConfig(conf=conf),
        thresholds=root / "scores.yaml", reach=reach,
    )  # fmt: skip
    assert result.thresholds is not None
    return result.thresholds


@pytest.mark.parametrize(
    ("reach", "conf", "score", "reached"),
    [
        ("fppi=0", 0.25, 0.70001, True),
        (None, 0.25, 0.70001, True),  # fppi=0.1, of three images none
        ("fppi=0.34", 0.25, 0.50001, True),
        ("fppi=0.67", 0.25, 0.25, True),  # 0.20001 would do, and finds no more
        ("fppi=0.67", 0.4, 0.3, True),  # under conf, as far as another lamp is found
        ("fppi=9", 0.25, 0.25, True),
        ("precision=1", 0.25, 0.9, True),
        ("precision=0.5", 0.25, 0.3, True),  # 3 of 6
        ("precision=0.45", 0.4, 0.3, True),
    ],
)
def test_scores_go_down_for_what_is_found_and_up_for_what_is_wanted(
    tmp_path: Path, reach: str | None, conf: float, score: float, reached: bool
) -> None:
    lamp = chosen(scene(tmp_path), reach, conf).classes["lamp"]
    assert (lamp.threshold, lamp.is_reached) == (score, reached)


def test_a_class_that_is_never_found_keeps_conf_and_is_named(tmp_path: Path) -> None:
    found = chosen(scene(tmp_path), "precision=0.5")
    assert [name for name, each in found.classes.items() if not each.is_reached] == ["sign"]
    assert found.classes["sign"].threshold == 0.25


def test_the_file_says_what_was_asked_on_what_and_how_many(tmp_path: Path) -> None:
    root = scene(tmp_path)
    found = chosen(root, "fppi=0.34")
    read = read_thresholds(root / "scores.yaml")
    assert read.by_class == {"lamp": 0.50001, "sign": 0.25} and read.others is None
    assert (read.weights_sha256, read.images_sha256) == (found.weights_sha256, found.images_sha256)
    text = (root / "scores.yaml").read_text()
    assert "reach: fppi <= 0.34" in text and "labelled: 4" in text and "without_targets: 3" in text


def test_classes_that_were_not_judged_get_conf(tmp_path: Path) -> None:
    root, detector = many_classes(tmp_path, 3)
    config = EvalConfig(conf=0.4, classes=("class 1",))
    found = evaluate(detector, root, config=config, thresholds=root / "scores.yaml").thresholds
    assert found is not None and list(found.classes) == ["class 1"] and found.others == 0.4


def test_the_detectors_own_names_are_written(tmp_path: Path) -> None:
    root = scene(tmp_path)
    detector = scaled_detector(1.0)
    renamed = FunctionDetector(lambda image: detector.predict([image])[0], ["LAMP", "board"], name="renamed")
    result = evaluate(
        renamed, root / "data.yaml", thresholds=root / "scores.yaml",
        config=EvalConfig(classes=("lamp",)),
    )  # fmt: skip
    assert result.thresholds is not None and list(result.thresholds.classes) == ["LAMP"]


def test_measured_at_its_thresholds_a_class_has_what_was_chosen(tmp_path: Path) -> None:
    root = scene(tmp_path)
    lamp = chosen(root, "fppi=0.34").classes["lamp"]
    config = EvalConfig(thresholds=str(root / "scores.yaml"))
    result = evaluate(scaled_detector(1.0), root / "data.yaml", backgrounds=root / "backgrounds", config=config)
    (model,) = result.models
    assert (model.fppi, model.recall, model.precision) == (lamp.fppi, lamp.recall, lamp.precision)
    assert [finding.kind for finding in result.findings] == ["thresholds"]
    assert "chosen on these very images" in result.findings[0].message
    other = evaluate(scaled_detector(0.5, name="half"), root / "data.yaml", config=config)
    assert "was chosen for other weights than half" in [finding.message for finding in other.findings][-1]


def test_every_score_that_is_a_threshold_reaches_it(tmp_path: Path) -> None:
    """Moved by rounding, it would be just under."""
    root = scene(tmp_path)
    for score in (0.9, 0.6, 0.3):
        (root / "own.yaml").write_text(f"thresholds: {{lamp: {score}, sign: 0.5}}\n")
        config = EvalConfig(thresholds=str(root / "own.yaml"), conf=0.7)
        (model,) = evaluate(scaled_detector(1.0), root / "data.yaml", config=config).models
        assert model.recall == {0.9: 0.25, 0.6: 0.5, 0.3: 0.75}[score]


@pytest.mark.parametrize(
    "text", ["", "fppi", "recall=1", "fppi=x", "fppi=-1", "precision=0", "precision=2", "fppi=nan"]
)
def test_what_nobody_can_reach_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected to reach fppi=0\.1 or precision=0\.9"):
        Wanted.parse(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reach": "fppi=1"}, "expected --reach with --thresholds"),
        ({"thresholds": "a.txt"}, "ends in .yaml, found a.txt"),
        ({"thresholds": "nowhere/a.yaml"}, "cannot be written to nowhere/a.yaml"),
        (
            {"thresholds": "a.yaml", "config": EvalConfig(thresholds="b.yaml")},
            "to be read or to be written, found both",
        ),
        ({"thresholds": "a.yaml", "config": EvalConfig(at_fppi=())}, "expected what the thresholds shall reach"),
    ],
)
def test_settings_that_contradict_are_refused(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(scaled_detector(1.0), "data.yaml", **settings)  # type: ignore[arg-type]
    said = PredictionsConfig("said", thresholds="b.yaml")
    with pytest.raises(ConfigError, match=r"found b\.yaml; give them to the EvalConfig"):
        evaluate(said, backgrounds=draw(tmp_path / "a.png"))
    with pytest.raises(ConfigError, match="thresholds are those of one detector, found 2"):
        evaluate([scaled_detector(1.0)] * 2, "data.yaml", thresholds="a.yaml")
