"""Running detectors over images: which images count, in what order, and what is reported of the others."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from blobs import draw, find_squares, square_detector
from eval_sets import LEFT, LOW, blind_detector, label, labelled, scaled_detector, scene

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_truth
from negmine.detectors.base import Detector
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError, DetectorError, TruthError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalImages
from negmine.evaluating.match import MatchedDetections
from negmine.evaluating.predict import predict_and_match
from negmine.structures import Detections, Image
from negmine.videos.contents import OnCount

CONFIG = EvalConfig(workers=2)


def images_of(root: Path, labels: LabelConfig | None = None) -> EvalImages:
    labelled_images = sorted((root / "images" / "val").iterdir())
    truth = open_truth(root / "data.yaml", config=labels)
    return EvalImages(labelled_images, truth, sorted((root / "backgrounds").iterdir()))


def predict_one(
    detector: Detector, images: EvalImages, config: EvalConfig, on_progress: OnCount | None = None
) -> MatchedDetections:
    (matched,) = predict_and_match([detector], images, config, on_progress)
    return matched


def names(paths: Sequence[Path]) -> list[str]:
    return [path.name for path in paths]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return scene(tmp_path)


def test_no_images_and_a_detector_that_is_never_asked(root: Path) -> None:
    told: list[tuple[int, int]] = []
    nothing = EvalImages([], open_truth(root / "data.yaml"), [])
    matched = predict_one(blind_detector(), nothing, CONFIG, lambda done, total: told.append((done, total)))
    assert matched.images == () and told == [(0, 0)]


def test_images_come_in_order_with_the_kinds_of_their_detections(root: Path) -> None:
    matched = predict_one(square_detector(), images_of(root), CONFIG)
    assert names([image.path for image in matched.images]) == ["a.png", "b.png", "c.png", "d.png", "e.png", "f.png"]
    assert [image.background for image in matched.images] == [False] * 4 + [True] * 2
    assert [image.without_targets for image in matched.images] == [False, False, True, False, True, True]
    assert [str(kind) for kind in matched.images[1].kinds] == ["true_positive", "background"]
    assert (matched.name, matched.sha256) == ("squares", square_detector().identity.sha256)
    assert (matched.skipped, matched.findings, matched.lacking) == ((), (), ())


@pytest.mark.parametrize("batch_size", [1, 3, 16])
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_and_workers_change_nothing(root: Path, batch_size: int, workers: int) -> None:
    one = predict_one(square_detector(), images_of(root), CONFIG)
    other = predict_one(square_detector(batch_size=batch_size), images_of(root), EvalConfig(workers=workers))
    assert [(i.path, i.scores.tolist(), i.kinds) for i in one.images] == [
        (i.path, i.scores.tolist(), i.kinds) for i in other.images
    ]


def test_progress_goes_from_nothing_to_all(root: Path) -> None:
    for number in range(9):
        draw(root / "backgrounds" / f"x{number}.png", seed=100 + number)
    told: list[tuple[int, int]] = []
    predict_one(square_detector(), images_of(root), CONFIG, lambda done, total: told.append((done, total)))
    assert told == [(0, 15), (8, 15), (15, 15)]


def test_what_scores_under_the_floor_is_dropped(root: Path) -> None:
    matched = predict_one(square_detector(), images_of(root), EvalConfig(conf=0.6, floor=0.6))
    assert sorted(score for image in matched.images for score in image.scores) == [0.6, 0.7, 0.8, 0.9]


def test_broken_images_are_skipped_for_every_model(root: Path) -> None:
    (root / "images/val/a.png").write_bytes(b"not an image")
    (root / "backgrounds/e.png").write_bytes(b"")
    draw(root / "images/val/u.png")  # without a label
    label(root / "labels/val/b.txt", [(7, LEFT)])
    for matched in predict_and_match([square_detector(), blind_detector()], images_of(root), CONFIG):
        assert names([image.path for image in matched.images]) == ["c.png", "d.png", "f.png"]
        skipped = {each.source.name: (each.kind, each.reason) for each in matched.skipped}
        assert {name: kind for name, (kind, _) in skipped.items()} == {
            "a.png": "unreadable",
            "b.png": "label",
            "u.png": "unlabelled",
            "e.png": "unreadable",
        }
        assert "empty (0 bytes)" in skipped["e.png"][1] and "class 7" in skipped["b.png"][1]


def test_missing_is_empty(root: Path) -> None:
    draw(root / "images/val/u.png", [(*LOW, 66)], seed=9)
    matched = predict_one(square_detector(), images_of(root, LabelConfig(missing_is_empty=True)), EvalConfig())
    (image,) = (image for image in matched.images if image.path.name == "u.png")
    assert image.without_targets and not image.background and matched.skipped == ()


def test_an_image_that_one_model_fails_on_is_skipped_for_all(root: Path) -> None:
    def broken(image: Image) -> Detections:
        found = find_squares(image)
        return Detections(found.boxes_xyxy * (np.nan if 0.9 in found.scores else 1), found.scores, found.class_ids)

    bad = FunctionDetector(broken, ["lamp", "sign"], name="bad")
    good, _ = predict_and_match([square_detector(), bad], images_of(root), CONFIG)
    assert "a.png" not in names([image.path for image in good.images])
    (skipped,) = good.skipped
    assert (skipped.source.name, skipped.kind) == ("a.png", "detector")
    assert skipped.reason.startswith("bad: detection 0 is not finite")


def test_a_model_that_fails_on_every_image_is_an_error_whatever_the_others_find(root: Path) -> None:
    def inverted(image: Image) -> Detections:
        return Detections(np.array([[9, 0, 1, 8]]), np.array([0.9]), np.array([0]))

    bad = FunctionDetector(inverted, ["lamp"], name="bad")
    with pytest.raises(DetectorError, match=r"bad failed on every image .* first on .*a.png: bad: detection 0 is inv"):
        predict_and_match([square_detector(), bad], images_of(root), CONFIG)


def test_a_copy_of_a_background_counts_once(root: Path) -> None:
    shutil.copy(root / "backgrounds/e.png", root / "backgrounds/g.png")
    matched = predict_one(square_detector(), images_of(root), CONFIG)
    assert names([image.path for image in matched.images if image.background]) == ["e.png", "f.png"]
    (finding,) = matched.findings
    assert (finding.kind, names(finding.files)) == ("background-copy", ["g.png"])
    assert finding.message == "backgrounds that are copies of others, counted once: 1"


def test_backgrounds_that_are_images_of_the_data(root: Path) -> None:
    shutil.copy(root / "images/val/a.png", root / "backgrounds/with.png")
    shutil.copy(root / "images/val/c.png", root / "backgrounds/without.png")
    matched = predict_one(square_detector(), images_of(root), CONFIG)
    assert names([image.path for image in matched.images if image.background]) == ["e.png", "f.png"]
    found = {finding.kind: names(finding.files) for finding in matched.findings}
    assert found == {"background-with-targets": ["with.png"], "background-in-data": ["without.png"]}


def test_of_two_labels_of_one_image_the_one_with_objects_holds(root: Path) -> None:
    shutil.copy(root / "images/val/a.png", root / "images/val/z.png")
    label(root / "labels/val/z.txt", [])
    shutil.copy(root / "images/val/a.png", root / "backgrounds/copy.png")
    matched = predict_one(square_detector(), images_of(root), CONFIG)
    assert [finding.kind for finding in matched.findings] == ["background-with-targets"]


def test_classes_of_model_and_data(root: Path) -> None:
    stranger = FunctionDetector(find_squares, ["cow", "dog"], name="stranger")
    with pytest.raises(TruthError, match="no class name in common"):
        predict_and_match([square_detector(), stranger], images_of(root), CONFIG)
    other = predict_one(FunctionDetector(find_squares, ["Lamp", "cow"], name="half"), images_of(root), CONFIG)
    assert (other.judged, other.lacking) == (("lamp", "sign"), ("sign",))
    with pytest.raises(ConfigError, match="no class crane; it lists lamp, sign"):
        predict_one(square_detector(), images_of(root), EvalConfig(classes=("crane",)))


def test_only_a_few_decoded_images_are_in_memory(tmp_path: Path) -> None:
    for number in range(60):
        labelled(tmp_path, f"val/{number:02d}", [], [])
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: [lamp]\n")
    alive: list[weakref.ref[Image]] = []
    most = 0

    def watch(image: Image) -> Detections:
        nonlocal most
        alive.append(weakref.ref(image))
        most = max(most, sum(each() is not None for each in alive))
        return Detections.empty()

    images = EvalImages(sorted((tmp_path / "images/val").iterdir()), open_truth(tmp_path / "data.yaml"))
    predict_one(FunctionDetector(watch, ["lamp"]), images, CONFIG)
    assert len(alive) == 60 and most <= 16


@pytest.mark.parametrize("number", [0, 300])
def test_of_a_background_only_what_figures_need_and_a_few_boxes_are_kept(root: Path, number: int) -> None:
    corner = np.arange(number, dtype=np.float64)[:, None] % [90, 80] * [1, 1]
    many = Detections(np.hstack([corner, corner + 9]), np.linspace(0.01, 0.9, number), np.zeros(number, dtype=int))
    matched = predict_one(FunctionDetector(lambda image: many, ["lamp"], name="many"), images_of(root), CONFIG)
    for image in matched.images:
        assert len(image.scores) == len(image.classes) == len(image.codes) == len(image.kinds) == number
        assert image.boxes_xyxy.shape == (min(number, 10) if image.background else number, 4)
        if image.background and number:
            assert image.scores[0] == 0.9 and image.boxes_xyxy[0].tolist() == many.boxes_xyxy[-1].tolist()
        arrays = [image.boxes_xyxy, image.scores, image.classes, image.codes]
        held = sum((each if each.base is None else each.base).nbytes for each in arrays)
        assert held <= (13 * number + 10 * 32 if image.background else 45 * number)
        assert not image.background or len(image.truth) == 0


def test_scores_are_rounded_and_boxes_clipped_as_a_scan_does(root: Path) -> None:
    matched = predict_one(scaled_detector(1 / 3), images_of(root), CONFIG)
    assert matched.images[0].scores.tolist() == [0.3, 0.2]
    wide = FunctionDetector(lambda image: ([[-5, -5, 500, 10.123]], [0.5], [0]), ["lamp"], name="wide")
    assert predict_one(wide, images_of(root), CONFIG).images[0].boxes_xyxy.tolist() == [[0, 0, 200, 10.12]]
