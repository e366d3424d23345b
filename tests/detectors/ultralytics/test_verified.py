"""A verifier behind real models: features by hand, the same scores on every path, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from firing import pictures, write_firing_checkpoint

import negmine
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.cpu_copies import CpuCopiesDetector
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.neck import Neck, region_features, require_features
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.ultralytics.regions import RegionReader
from negmine.detectors.ultralytics.verified import VerifiedDetector
from negmine.detectors.verifier import FeatureMap, RegionFeatures, Verifier
from negmine.detectors.verifier_files import write_verifier
from negmine.detectors.weights_files import hash_weights
from negmine.errors import ConfigError, WeightsError
from negmine.structures import Detections

pytestmark = pytest.mark.slow

CERTAIN, NEVER = 60.0, -60.0  # logits


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_firing_checkpoint(tmp_path_factory.mktemp("verified") / "best.pt", names=["lamp", "sign"], spread=0.1)


def config(weights: Path, **settings: object) -> DetectorConfig:
    return DetectorConfig(str(weights), device="cpu", backend="torch", **settings)  # type: ignore[arg-type]


def verifier_for(weights: Path, *, seed: int | None = None, intercept: float = 0.0, shift: float = 0.0) -> Verifier:
    """Random coefficients, or none."""
    reader = RegionReader(config(weights))
    size = reader.features.size
    drawn = np.zeros((2, size)) if seed is None else np.random.default_rng(seed).normal(0, 2, (2, size))
    return Verifier(
        weights=reader.name,
        weights_sha256=reader.sha256,
        class_names=reader.class_names,
        features=reader.features,
        class_ids=np.array([0, 1]),
        coefficients=drawn.astype(np.float32),
        intercepts=np.full(2, intercept, dtype=np.float32),
        shift=shift,
        imgsz=96,
        conf=0.25,
    )


def written(verifier: Verifier, folder: Path) -> str:
    path = folder / "v.safetensors"
    write_verifier(verifier, path)
    return str(path)


def close(one: Detections, other: Detections) -> bool:
    return (
        np.allclose(one.boxes_xyxy, other.boxes_xyxy, atol=1e-3)
        and np.allclose(one.scores, other.scores, atol=1e-5)
        and np.array_equal(one.class_ids, other.class_ids)
    )


def test_a_box_is_described_by_the_mean_of_each_map_in_it() -> None:
    """A map whose value is the x of its cell: the mean in a box is the x of its centre, in cells, less the half that
    RoIAlign's centres are shifted by. The other channel is 1, so the ratio of the two survives the scaling to length 1.
    """
    columns = torch.arange(16.0).expand(1, 1, 16, 16)
    maps = [torch.cat([columns, torch.ones_like(columns)], 1)]
    features = RegionFeatures((FeatureMap(8, 2),), (1.0, 2.0))
    found = region_features(maps, torch.tensor([[32.0, 32, 64, 64]]), torch.zeros(1), features).numpy()
    ratios = found.reshape(2, 2)
    assert ratios[:, 0] / ratios[:, 1] == pytest.approx([5.5, 5.5])  # 48 / 8 - 0.5, the box and the grown box alike
    assert np.linalg.norm(ratios, axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_no_box_has_no_features(weights: Path) -> None:
    reader = RegionReader(config(weights))
    _, describe = reader.read(pictures(1)[0])
    assert describe(np.zeros((0, 4))).shape == (0, reader.features.size)


class Layers(torch.nn.Module):
    """A model that is a head alone."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Identity())


def test_boxes_of_an_image_are_looked_up_where_the_letterbox_put_them() -> None:
    """200 x 100 pixels in an input of 96 x 64: scaled by 0.48 to 96 x 48, with 8 rows of grey above. The map holds the
    y of its cell and 1, so the ratio is the y of the box's centre in cells, less the half of RoIAlign.
    """
    rows = torch.arange(8.0).reshape(1, 1, 8, 1).expand(2, 1, 8, 12)
    layers, neck = Layers(), Neck()
    neck.watch(layers)
    layers.model[-1]([torch.cat([rows, torch.ones_like(rows)], 1)])
    features = RegionFeatures((FeatureMap(8, 2),), (1.0,))
    y, one = neck.describe(1, np.array([[50.0, 25, 100, 75]]), (100, 200, 3), features)[0]
    assert y / one == pytest.approx((50 * 0.48 + 8) / 8 - 0.5)


@pytest.mark.parametrize("batch", [None, 4], ids=["copies", "batches"])
def test_a_verifier_that_is_certain_changes_nothing(weights: Path, tmp_path: Path, batch: int | None) -> None:
    path = written(verifier_for(weights, intercept=CERTAIN), tmp_path)
    images = pictures(8)
    plain = open_detector(config(weights, batch=batch)).predict(images)
    verified = open_detector(config(weights, batch=batch, verifier=path))
    assert isinstance(verified, VerifiedDetector)
    assert all(map(close, plain, verified.predict(images))) and sum(map(len, plain)) > 10


def test_a_verifier_that_believes_nothing_leaves_nothing(weights: Path, tmp_path: Path) -> None:
    path = written(verifier_for(weights, intercept=NEVER), tmp_path)
    assert sum(map(len, open_detector(config(weights, verifier=path)).predict(pictures(4)))) == 0


def test_every_path_gives_the_scores_of_the_arithmetic(weights: Path, tmp_path: Path) -> None:
    """Detect low, describe each box and rescore by hand; copies on cores, batches, and a plain YOLO find the same."""
    verifier = verifier_for(weights, seed=1, intercept=1.0, shift=0.5)
    path, images = written(verifier, tmp_path), pictures(7)
    reader = RegionReader(config(weights, conf=verifier.detector_conf(0.25)))
    by_hand = []
    for image in images:
        found, describe = reader.read(image)
        scores = verifier.rescored(found.scores, found.class_ids, describe(found.boxes_xyxy))
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > 0.25]
        by_hand.append(Detections(found.boxes_xyxy[order], scores[order], found.class_ids[order]))
    assert 0 < sum(map(len, by_hand)) < sum(len(reader.read(image)[0]) for image in images)
    copies = open_detector(config(weights, verifier=path))
    assert isinstance(copies, VerifiedDetector) and isinstance(copies.detector, CpuCopiesDetector | UltralyticsDetector)
    assert all(map(close, by_hand, copies.predict(images)))
    assert all(map(close, by_hand, open_detector(config(weights, batch=3, verifier=path)).predict(images)))
    with quiet_ultralytics():
        from ultralytics import YOLO

        model = YOLO(weights)
        negmine.attach_verifier(model, path)
        results = [model.predict(image, conf=0.25, imgsz=96, device="cpu", verbose=False)[0] for image in images]
    for expected, result in zip(by_hand, results, strict=True):
        data = result.boxes.data.numpy()
        assert close(expected, Detections(data[:, :4], data[:, 4], data[:, 5]))


def test_the_identity_names_the_verifier(weights: Path, tmp_path: Path) -> None:
    path = written(verifier_for(weights), tmp_path)
    plain, verified = (open_detector(config(weights, verifier=each)).identity for each in (None, path))
    assert verified.settings == {**plain.settings, "verifier": hash_weights(Path(path))}
    assert verified.sha256 == plain.sha256


def test_masks_stay_with_their_boxes(build_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    weights = build_checkpoint("yolo11n-seg")
    verifier = verifier_for(weights, seed=2, intercept=2.0)
    with quiet_ultralytics():
        from ultralytics import YOLO

        plain, verified = YOLO(weights), YOLO(weights)
        negmine.attach_verifier(verified, written(verifier, tmp_path))
        image = pictures(3)[2]
        one, other = (
            each.predict(image, conf=1e-6, imgsz=96, device="cpu", verbose=False)[0] for each in (plain, verified)
        )
    assert 0 < len(other.boxes) == len(other.masks)
    boxes = one.boxes.xyxy.tolist()
    for box, mask in zip(other.boxes.xyxy.tolist(), other.masks.data, strict=True):
        alike = [index for index, before in enumerate(boxes) if before == box]  # clipped boxes may coincide
        assert any(torch.equal(mask, one.masks.data[index]) for index in alike)


def test_weights_and_verifiers_that_do_not_fit_are_refused(weights: Path, tmp_path: Path) -> None:
    other = write_firing_checkpoint(tmp_path / "other.pt", seed=3, names=["lamp", "sign"])
    verifier = verifier_for(weights)
    path = written(verifier, tmp_path)
    with pytest.raises(WeightsError, match=r"was trained for best\.pt .* found other\.pt"):
        open_detector(config(other, verifier=path))
    half = replace(verifier.features, maps=verifier.features.maps[:1])
    short = replace(verifier, features=half, coefficients=verifier.coefficients[:, : half.size])
    with pytest.raises(WeightsError, match="it was trained on other feature maps"):
        open_detector(config(weights, verifier=written(short, tmp_path)))


def test_scores_hold_at_the_size_of_the_training_only(weights: Path, tmp_path: Path) -> None:
    """The weights were trained at 96 pixels, this verifier at 128: that is what runs unless another size is named."""
    verifier = replace(verifier_for(weights), imgsz=128)
    path = written(verifier, tmp_path)
    assert open_detector(config(weights, verifier=path)).identity.settings["imgsz"] == 128
    message = r"expected imgsz 128, at which the verifier of best\.pt was trained, found 96; use that, or train"
    with pytest.raises(ConfigError, match=message):
        open_detector(config(weights, verifier=path, imgsz=96))
    with quiet_ultralytics():
        from ultralytics import YOLO

        model = YOLO(weights)
        negmine.attach_verifier(model, path)
        with pytest.raises(ConfigError, match=message):
            model.predict(pictures(1)[0], device="cpu", verbose=False)
        assert len(model.predict(pictures(1)[0], imgsz=128, device="cpu", verbose=False)) == 1


def test_scores_are_not_multiplied_twice(weights: Path, tmp_path: Path) -> None:
    path = written(verifier_for(weights), tmp_path)
    with quiet_ultralytics():
        from ultralytics import YOLO

        model = YOLO(weights)
        negmine.attach_verifier(model, path)
        with pytest.raises(ConfigError, match="expected a model without a verifier, found one behind it"):
            negmine.attach_verifier(model, path)
        with pytest.raises(ConfigError, match="found augment=True; leave it out"):
            model.predict(pictures(1)[0], augment=True, imgsz=96, device="cpu", verbose=False)


@pytest.mark.parametrize("settings", [{"backend": "openvino"}, {"backend": "onnx"}, {"int8": True}])
def test_only_torch_has_feature_maps(weights: Path, tmp_path: Path, settings: dict[str, object]) -> None:
    path = written(verifier_for(weights), tmp_path)
    with pytest.raises(ConfigError, match="reads the feature maps of torch, found"):
        open_detector(DetectorConfig(str(weights), verifier=path, **settings))  # type: ignore[arg-type]


def test_other_makes_are_refused(tmp_path: Path, weights: Path) -> None:
    path = written(verifier_for(weights), tmp_path)
    with pytest.raises(ConfigError, match=r"for a \.pt of Ultralytics, found torchvision:fcos"):
        open_detector(DetectorConfig("torchvision:fcos_resnet50_fpn", verifier=path))


def test_a_yolo_without_a_file_is_refused(weights: Path, tmp_path: Path) -> None:
    with quiet_ultralytics():
        from ultralytics import YOLO

        with pytest.raises(WeightsError, match="opened from a file of weights"):
            negmine.attach_verifier(YOLO("yolo11n.yaml"), written(verifier_for(weights), tmp_path))


@pytest.mark.parametrize("architecture", ["yolov8n", "yolov10n", "yolo26n", "yolo11n-pose"])
def test_heads_of_all_kinds_have_maps(build_checkpoint: Callable[[str], Path], architecture: str) -> None:
    reader = RegionReader(config(build_checkpoint(architecture), conf=0.001))
    assert [each.stride for each in reader.features.maps] == [8, 16, 32]
    _, describe = reader.read(pictures(1)[0])
    described = describe(np.array([[1.0, 2, 30, 40]]))
    assert described.shape == (1, reader.features.size) and np.isfinite(described).all()


@pytest.mark.parametrize("architecture", ["yolov8n-rtdetr", "yolo11n-obb"])
def test_a_model_without_such_a_head_is_refused(build_checkpoint: Callable[[str], Path], architecture: str) -> None:
    with pytest.raises(WeightsError, match="only the feature maps that go into the head of a YOLO can be read"):
        RegionReader(config(build_checkpoint(architecture)))


def test_require_features_takes_a_model_before_and_after_fusing(weights: Path) -> None:
    detector = UltralyticsDetector(config(weights))
    assert require_features(detector.module, "detect", "x") == require_features(detector.model.model, "detect", "x")
