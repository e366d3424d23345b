"""Evaluating: models side by side at equal recall, on the split and the backgrounds that are meant."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from blobs import draw, find_squares, square_detector
from eval_sets import LEFT, blind_detector, labelled, picky_detector, scaled_detector, scene
from written import predict as write_predictions

from negmine.datasets.config import LabelConfig
from negmine.detectors.base import DetectorIdentity
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError, PredictionsError, SourceError, TruthError, WeightsError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.evaluate import distinct_names, evaluate


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return scene(tmp_path)


def test_models_are_compared_at_the_recall_of_the_first(root: Path) -> None:
    """Halved scores are worse at one threshold only: at equal recall they are the same."""
    models = [square_detector(), scaled_detector(0.5, name="half"), picky_detector(60), blind_detector()]
    result = evaluate(models, root, backgrounds=root / "backgrounds", config=EvalConfig(conf=0.3))
    whole, half, picky, blind = result.models
    assert [model.at_recall for model in result.models] == [0.75] * 4
    assert (half.recall, half.fppi) == (0.5, pytest.approx(1 / 3))
    assert (whole.threshold_at_recall, half.threshold_at_recall) == (0.3, 0.15)
    assert whole.fppi_at_recall == half.fppi_at_recall == pytest.approx(2 / 3)
    assert (whole.lamr, whole.map50) == (half.lamr, half.map50)
    for model in (picky, blind):
        assert (model.threshold_at_recall, model.fppi_at_recall) == (None, None)


def test_a_first_model_that_finds_nothing_compares_nothing(root: Path) -> None:
    result = evaluate([blind_detector(), square_detector()], root, fail_if=["fppi_at_recall>0.1"])
    assert [model.fppi_at_recall for model in result.models] == [None, None]
    assert not result.ok  # a check on what is not known is not passed


def test_frames_of_one_clip_are_drawn_together_for_the_intervals(root: Path) -> None:
    """One clip is one piece of evidence: every sample holds it whole, so its figures never differ."""
    backgrounds = root / "backgrounds"

    def recall(group_by: str | None) -> tuple[float | None, float | None]:
        result = evaluate(square_detector(), root, backgrounds=backgrounds, config=EvalConfig(group_by=group_by))
        low, high = result.intervals[0].at_recalls.recall
        return low, high

    low, high = recall(None)
    assert low != high and recall(r"/(\w)\.png$") == (low, high)
    low, high = recall(r"/[a-d](\.png)$")
    assert low == high
    for wrong, message in (
        ("near-duplicate", "expected group-by folder"),
        ("(", "regular"),
        ("(x+)_", "matches none of 6"),
    ):
        with pytest.raises(ConfigError, match=message):
            recall(wrong)


def test_one_model_and_no_backgrounds(root: Path) -> None:
    result = evaluate(square_detector(), root / "data.yaml")
    assert (result.split, result.format, result.backgrounds, result.empty) == ("val", "YOLO", 0, 1)
    assert result.ok and result.plot is None
    document = result.to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["schema_version"] == 1
    assert document["images"] == {"labelled": 4, "empty": 1, "backgrounds": 0, "skipped": 0}


def test_val_else_test_else_everything(root: Path) -> None:
    data = root / "data.yaml"
    assert evaluate(square_detector(), data, split="train").models[0].images == 1
    data.write_text("train: images/train\ntest: images/val\nnames: [lamp, sign]\n")
    assert evaluate(square_detector(), data).split == "test"
    data.write_text("train: images/train\nnames: [lamp, sign]\n")
    assert evaluate(square_detector(), data).split == "train"
    data.write_text("train: images/gone\nval: images/val\nnames: [lamp, sign]\n")
    assert evaluate(square_detector(), data).split == "val"  # what is not asked for need not be there
    assert evaluate(square_detector(), data, split="val").models[0].images == 4
    with pytest.raises(TruthError, match="no split 'test', only train, val"):
        evaluate(square_detector(), data, split="test")
    with pytest.raises(SourceError, match="gone, which does not exist"):
        evaluate(square_detector(), data, split="train")


def test_the_first_of_several_is_compared_with_and_not_checked(root: Path) -> None:
    picky, good = picky_detector(60), square_detector()
    config = EvalConfig(conf=0.3)
    assert not evaluate(picky, root, config=config, fail_if=["recall<0.6"]).ok
    assert evaluate([picky, good], root, config=config, fail_if=["recall<0.6"]).ok


def test_checks_say_which_model_fails(root: Path) -> None:
    models = [square_detector(), picky_detector(60)]
    result = evaluate(models, root, config=EvalConfig(conf=0.3), fail_if=["recall<0.6", "precision<0.1"])
    assert [(failure.check, failure.model) for failure in result.failures] == [("recall<0.6", "picky")]
    assert not result.ok and result.to_dict()["ok"] is False


def test_backgrounds_that_are_images_of_another_split_with_objects_are_left_out(root: Path) -> None:
    draw(root / "backgrounds" / "g.png", seed=60)
    sources = [root / "backgrounds", root / "images" / "train"]
    result = evaluate(square_detector(), root, backgrounds=sources)
    assert result.backgrounds == 3
    (finding,) = result.findings
    assert finding.kind == "background-with-targets" and [path.name for path in finding.files] == ["t.png"]


def test_labels_of_another_data_set_are_none_of_this(root: Path, tmp_path: Path) -> None:
    """A background that lies in a data set of its own has labels there, of other classes."""
    other = labelled(tmp_path / "other", "train/o", [(LEFT, 40)], [(0, LEFT)])
    result = evaluate(square_detector(), root / "data.yaml", backgrounds=other)
    assert (result.backgrounds, result.findings) == (1, ())


def test_findings_about_models(root: Path) -> None:
    half = FunctionDetector(find_squares, ["lamp", "cow"], name="half")
    (finding,) = evaluate(half, root).findings
    assert (finding.kind, finding.message) == ("lacking", "half does not know sign: their objects count as missed")

    class Opened(FunctionDetector):
        @property
        def identity(self) -> DetectorIdentity:
            return DetectorIdentity("opened", "0", {"conf": 0.25})

    (finding,) = evaluate(Opened(find_squares, ["lamp", "sign"]), root).findings
    assert finding.kind == "opened-above" and "open it with conf 0.001" in finding.message


def test_models_of_the_same_name_are_told_apart(root: Path) -> None:
    result = evaluate([square_detector(), square_detector()], root)
    assert [model.name for model in result.models] == ["squares", "squares (2)"]


def test_the_curves_are_plotted(root: Path) -> None:
    plot = root / "curves.png"
    result = evaluate(square_detector(), root, backgrounds=root / "backgrounds", plot=plot)
    data = plot.read_bytes()
    evaluate(square_detector(), root, backgrounds=root / "backgrounds", plot=plot)
    assert result.plot == plot and data.startswith(b"\x89PNG") and plot.read_bytes() == data


def test_bad_input_is_refused_before_any_image_is_read(root: Path) -> None:
    def never(done: int, total: int) -> None:
        raise AssertionError("work was begun")

    for error, message, settings in (
        (ConfigError, "expected a check such as", {"fail_if": ["fppi"]}),
        (ConfigError, r"ends in \.png", {"plot": root / "x.svg"}),
        (SourceError, "nowhere does not exist", {"backgrounds": root / "nowhere"}),
        (TruthError, "does not exist", {"data": root / "nowhere"}),
        (WeightsError, "nowhere.pt", {"detectors": [square_detector(), root / "nowhere.pt"]}),
        (ConfigError, "at least one detector", {"detectors": []}),
    ):
        arguments = {"detectors": square_detector(), "data": root, "on_progress": never, **settings}
        with pytest.raises(error, match=message):
            evaluate(**arguments)  # type: ignore[arg-type]


def test_nothing_to_measure_on_is_an_error(root: Path) -> None:
    shutil.rmtree(root / "labels" / "val")
    with pytest.raises(SourceError, match=r"split val: expected labelled images, found none .* of 4; .*a\.png"):
        evaluate(square_detector(), root)
    config = EvalConfig(labels=LabelConfig(missing_is_empty=True))
    assert evaluate(square_detector(), root, config=config).models[0].objects == 0


def test_backgrounds_of_which_none_is_left_are_an_error(root: Path) -> None:
    with pytest.raises(SourceError, match=r"expected backgrounds .* found none of 1"):
        evaluate(square_detector(), root, backgrounds=root / "images/val/a.png")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conf": 1.5}, "conf from 0 to 1"),
        ({"conf": float("nan")}, "conf from 0 to 1"),
        ({"conf": 0.0001}, r"conf of 0\.001 or more"),
        ({"workers": 0}, "at least 1 worker"),
        ({"classes": ("a", "a")}, "each class once"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EvalConfig(**settings)  # type: ignore[arg-type]


def test_predictions_have_the_figures_of_the_model_that_wrote_them(tmp_path: Path) -> None:
    root = scene(tmp_path)
    written = write_predictions(root, tmp_path / "out", without="train")
    result = evaluate([square_detector(), written], root, backgrounds=root / "backgrounds", config=EvalConfig(conf=0.3))
    model, predictions = (each.to_dict() for each in result.models)
    assert {key for key in model if model[key] != predictions[key]} <= {"name", "sha256"}
    assert predictions["name"] == "results.json" and not result.skipped


def test_predictions_that_were_cut_off_are_reported(tmp_path: Path) -> None:
    root = scene(tmp_path)
    result = evaluate(
        write_predictions(root, tmp_path / "out", without="train"), root, backgrounds=root / "backgrounds"
    )
    (finding,) = (each for each in result.findings if each.kind == "opened-above")
    assert "results.json has no score under 0." in finding.message


def test_predictions_of_other_images_are_refused(tmp_path: Path) -> None:
    root = scene(tmp_path)
    written = write_predictions(root, tmp_path / "out", without="train")
    with pytest.raises(PredictionsError, match=r"not among the sources: backgrounds"):
        evaluate(written, root)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], []),
        (["runs/a/best.pt"], ["best.pt"]),
        (["a/old.pt", "a/new.pt"], ["old.pt", "new.pt"]),
        (["a/weights/best.pt", "b/weights/best.pt", "c.pt"], ["a/weights/best.pt", "b/weights/best.pt", "c.pt"]),
        (["best.pt", "best.pt", "best.pt"], ["best.pt", "best.pt (2)", "best.pt (3)"]),
        (["/a/best.pt", "/a/best.pt"], ["best.pt", "best.pt (2)"]),
        (["/a/best.pt", "/b/best.pt", "/a/best.pt"], ["a/best.pt", "b/best.pt", "a/best.pt (2)"]),
        (["best.pt", "b/best.pt"], ["best.pt", "b/best.pt"]),
        (["a\nb.pt"], ["a\\nb.pt"]),
    ],
)
def test_names_are_as_short_as_they_can_be(paths: list[str], expected: list[str]) -> None:
    assert distinct_names([Path(path) for path in paths]) == expected
