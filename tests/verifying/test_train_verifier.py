"""Training a verifier with a real detector on drawn images: what is learned from, what never is, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from firing import pictures, write_firing_checkpoint

import negmine
from negmine.bank.bank import Bank
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.verifier_files import read_verifier
from negmine.errors import BankError, TruthError, WeightsError
from negmine.structures import Detections, Image
from negmine.verifying.config import VerifierConfig
from negmine.verifying.regions import folds_of
from negmine.verifying.result import VerifierResult

pytestmark = pytest.mark.slow

CONF = 0.1


def drawn(count: int, seed: int) -> list[Image]:
    return [cv2.resize(image, (128, 96)) for image in pictures(count, seed=seed)]


def backgrounds() -> list[Image]:
    """Without red, which the labelled images have: something to tell them by."""
    return [image * np.array([1, 1, 0], dtype=np.uint8) for image in drawn(8, 3)]


def surest(found: Detections, count: int) -> list[tuple[float, ...]]:
    """The boxes of so many detections that hardly overlap."""
    boxes: list[tuple[float, ...]] = []
    for box in found.boxes_xyxy[np.argsort(-found.scores)].tolist():
        if all(min(box[2], b[2]) <= max(box[0], b[0]) or min(box[3], b[3]) <= max(box[1], b[1]) for b in boxes):
            boxes.append(tuple(box))
    return boxes[:count]


def write_image(path: Path, image: Image, boxes: Sequence[tuple[float, ...]] | None = None) -> None:
    """An image, with a YOLO label unless `boxes` is None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    if boxes is not None:
        height, width = image.shape[:2]
        label = path.parents[2] / "labels" / path.parent.name / f"{path.stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("".join(
            f"0 {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} {(x2 - x1) / width} {(y2 - y1) / height}\n"
            for x1, y1, x2, y2 in boxes
        ))  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`best.pt`, labelled images whose objects are what it is surest of, and a bank of what it finds in others."""
    folder = tmp_path_factory.mktemp("verifier-world")
    write_firing_checkpoint(folder / "best.pt", names=["sign"], bias=-1.5, spread=0.1)
    detector = open_detector(DetectorConfig(str(folder / "best.pt"), conf=CONF, device="cpu", backend="torch"))
    for split, count, seed in (("train", 8, 1), ("val", 3, 2)):
        for index, (image, found) in enumerate(
            zip(images := drawn(count, seed), detector.predict(images), strict=True)
        ):
            write_image(folder / "images" / split / f"{split}{index}.png", image, surest(found, 3))
    for index, image in enumerate(backgrounds()):
        write_image(folder / "backgrounds" / f"b{index}.png", image)
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [sign]\n")
    negmine.scan(
        folder / "backgrounds", detector, bank=folder / "bank",
        config=negmine.ScanConfig(crop=negmine.CropConfig(crop="image")),
    )  # fmt: skip
    return folder


def config(**settings: object) -> VerifierConfig:
    return VerifierConfig(conf=CONF, min_examples=5, folds=3, device="cpu", penalties=(0.1, 1.0), **settings)  # type: ignore[arg-type]


def train(world: Path, out: Path, **arguments: object) -> VerifierResult:
    given: dict[str, object] = {"config": config(), **arguments}
    return negmine.train_verifier(world / "best.pt", world / "data.yaml", world / "bank", out=out, **given)  # type: ignore[arg-type]


def test_the_same_arguments_give_the_same_file_and_another_seed_another(world: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    counts: list[tuple[str, int, int]] = []
    first = train(
        world, tmp_path / "a.safetensors", on_step=steps.append, on_progress=lambda *each: counts.append(each)
    )
    second = train(world, tmp_path / "b.safetensors", config=config(workers=1))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert first.sha256 == second.sha256
    assert train(world, tmp_path / "c.safetensors", config=config(seed=5)).sha256 != first.sha256
    assert steps[2] == "looking at 8 labelled images and 8 backgrounds" and counts[-1] == ("images", 16, 16)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors", "c.safetensors"]


def test_what_was_learned_is_reported_and_helps_on_the_images_it_is_of(world: Path, tmp_path: Path) -> None:
    result = train(world, tmp_path / "v.safetensors")
    (sign,) = result.classes
    assert sign.reason is None and sign.loss is not None and sign.objects > 24 and sign.false_positives > 5
    document = result.to_dict()
    assert document["validation"]["false_positives"] >= document["validation"]["false_positives_after"]  # type: ignore[index]
    line = str(result.validation)
    assert line.startswith("cross-validated in 3 parts of 16 images, at conf 0.1: false positives ")
    verifier = read_verifier(result.out)
    assert (verifier.weights, verifier.conf, verifier.imgsz) == ("best.pt", CONF, 96)
    assert verifier.report["validation"] == document["validation"]
    plain, verified = (
        open_detector(DetectorConfig(str(world / "best.pt"), conf=CONF, device="cpu", backend="torch", verifier=each))
        for each in (None, str(result.out))
    )
    before, after = (sum(map(len, each.predict(backgrounds()))) for each in (plain, verified))
    assert after < before


def test_held_out_images_their_copies_and_refused_negatives_are_never_read(world: Path, tmp_path: Path) -> None:
    held_out, copied = tmp_path / "held-out", backgrounds()
    write_image(held_out / "same.png", copied[0])
    write_image(held_out / "brighter.jpg", cv2.convertScaleAbs(copied[1], alpha=1.02))
    write_image(held_out / "labelled.png", drawn(8, 1)[0])
    steps: list[str] = []
    result = train(world, tmp_path / "v.safetensors", held_out=held_out, on_step=steps.append)
    assert steps[2] == "looking at 7 labelled images and 6 backgrounds"
    assert any("2 negatives of the bank not trained on: they are, or were cut from" in note for note in result.notes)
    assert any("1 labelled image not trained on: held out, or alike" in note for note in result.notes)


def test_labelled_images_to_validate_on_are_not_trained_on(world: Path, tmp_path: Path) -> None:
    """The split val may be anything: the verifier is the same to the bit, but for what the data set is called."""
    before = train(world, tmp_path / "a.safetensors").sha256
    other = tmp_path / "other"
    for index, image in enumerate(drawn(4, 9)):
        write_image(other / "images" / "val" / f"o{index}.png", image, [(10, 10, 60, 60)])
    (other / "data.yaml").write_text(f"train: {world / 'images/train'}\nval: images/val\nnames: [sign]\n")
    result = negmine.train_verifier(
        world / "best.pt", other / "data.yaml", world / "bank", out=tmp_path / "b.safetensors", config=config()
    )
    assert result.sha256 == before


def test_parts_without_targets_are_all_that_is_learned_from_in_a_background(world: Path, tmp_path: Path) -> None:
    """The bank of context crops: detections outside of every crop are not taken for false positives."""
    negmine.scan(
        world / "backgrounds",
        DetectorConfig(str(world / "best.pt"), conf=0.5, device="cpu", backend="torch"),
        bank=tmp_path / "bank",
        config=negmine.ScanConfig(crop=negmine.CropConfig(context=1.0, min_side_px=1)),
    )
    with Bank(tmp_path / "bank") as bank:
        assert bank.negative_count() > 1
    few = negmine.train_verifier(
        world / "best.pt", world / "data.yaml", tmp_path / "bank", out=tmp_path / "v.safetensors", config=config()
    )
    assert few.classes[0].false_positives < train(world, tmp_path / "w.safetensors").classes[0].false_positives


def test_a_class_with_too_few_examples_is_named(world: Path, tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"found none \(sign: \d+ found objects, fewer than 5000\)"):
        train(world, tmp_path / "v.safetensors", config=VerifierConfig(min_examples=5000, device="cpu"))
    assert list(tmp_path.iterdir()) == []


def test_other_weights_and_missing_banks_are_refused_before_any_work(world: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"ends in \.safetensors"):
        train(world, tmp_path / "v.pt")
    with pytest.raises(WeightsError, match=r"expected a \.pt of Ultralytics, found .*model\.onnx: no other weights"):
        (tmp_path / "model.onnx").write_bytes(b"x")
        negmine.train_verifier(
            tmp_path / "model.onnx", world / "data.yaml", world / "bank", out=tmp_path / "v.safetensors"
        )
    with pytest.raises(BankError, match="does not exist"):
        negmine.train_verifier(
            world / "best.pt", world / "data.yaml", tmp_path / "none", out=tmp_path / "v.safetensors", config=config()
        )


def test_groups_stay_together_and_folds_are_even() -> None:
    groups = [[f"p{i}"] for i in range(6)] + [["n0", "n1"], ["n2"], ["n3"]]
    folds = dict(folds_of(groups, frozenset(f"p{i}" for i in range(6)), 3))
    assert folds["n0"] == folds["n1"]
    assert sorted(folds[f"p{i}"] for i in range(6)) == [0, 0, 1, 1, 2, 2]
    assert {folds["n0"], folds["n2"], folds["n3"]} == {0, 1, 2}
    assert dict(folds_of([], frozenset(), 3)) == {}


def test_without_a_split_to_validate_on_a_share_of_the_images_is_not_trained_on(world: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.yaml"
    data.write_text(f"train: {world / 'images/train'}\nnames: [sign]\n")
    objects = [
        negmine.train_verifier(
            world / "best.pt", data, world / "bank", out=tmp_path / f"{share}.safetensors", config=config(holdout=share)
        ).classes[0].objects
        for share in (1e-6, 0.5)
    ]  # fmt: skip
    assert 0 < objects[1] < objects[0]
