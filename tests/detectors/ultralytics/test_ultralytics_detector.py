"""Ultralytics models as detectors, against what Ultralytics itself says."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detector_members import missing_members
from firing import write_firing_checkpoint

from negmine.detectors.base import Detector, imgsz_warning
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import ConfigError, UnsafeWeightsError, WeightsError
from negmine.structures import Detections, Image

BuildCheckpoint = Callable[[str], Path]
ARCHITECTURES = [
    "yolov5n",
    "yolov8n",
    "yolov9t",
    "yolov10n",
    "yolo11n",
    "yolo12n",
    "yolo26n",
    "yolov8n-rtdetr",
    "yolov8n-seg",
    "yolo11n-seg",
    "yolo11n-pose",
    "yolo11n-obb",
    "yolo26n-seg",
    "yolo26n-pose",
    "yolo26n-obb",
]


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def same(one: Detections, other: Detections) -> bool:
    return (
        np.array_equal(one.boxes_xyxy, other.boxes_xyxy)
        and np.array_equal(one.scores, other.scores)
        and np.array_equal(one.class_ids, other.class_ids)
    )


def kangaroo_config(real_data: Path, **settings: object) -> DetectorConfig:
    return DetectorConfig(str(real_data / "weights/kangaroo_yolo11n_320.pt"), imgsz=320, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def kangaroos(real_data: Path) -> Detector:
    return open_detector(kangaroo_config(real_data))


@pytest.fixture(scope="module")
def photographs(real_data: Path) -> list[Image]:
    """Twelve photographs, of several sizes."""
    files = sorted((real_data / "images/raccoon/images").glob("*.jpg"))[:12]
    return [np.asarray(cv2.imread(str(file)), dtype=np.uint8) for file in files]


def test_no_images_give_no_results(build_checkpoint: BuildCheckpoint) -> None:
    detector = open_detector(DetectorConfig(str(build_checkpoint("yolo11n")), imgsz=64))
    assert detector.predict([]) == []
    assert missing_members(detector) == []


@pytest.mark.slow_after(3)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_opens_without_trust_and_gives_boxes_inside_the_image(
    architecture: str, build_checkpoint: BuildCheckpoint
) -> None:
    # at conf 0 an untrained model fires everywhere, so that there is something to look at
    detector = open_detector(DetectorConfig(str(build_checkpoint(architecture)), imgsz=64, conf=0.0))
    (found,) = detector.predict([noise(48, 64)])
    assert 0 < len(found) <= 300
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy <= [64, 48, 64, 48]).all()
    assert set(found.class_ids.tolist()) <= set(detector.class_names)


def test_it_finds_what_ultralytics_finds(real_data: Path, kangaroos: Detector, photographs: list[Image]) -> None:
    found = kangaroos.predict(photographs)
    assert sum(map(len, found)) > 5
    with quiet_ultralytics() as restore_threads:
        from ultralytics import YOLO

        model = YOLO(str(real_data / "weights/kangaroo_yolo11n_320.pt"))
        model.predict(photographs[0], imgsz=320)
        restore_threads()  # with another number of threads, or in another order, the sums differ by 4e-4 pixels
        for image, ours in zip(photographs, found, strict=True):
            theirs = model.predict(image, conf=0.25, iou=0.7, imgsz=320)[0].boxes
            np.testing.assert_allclose(ours.boxes_xyxy, theirs.xyxy.numpy(), atol=1e-3)
            np.testing.assert_allclose(ours.scores, theirs.conf.numpy(), atol=1e-5)  # as a bank keeps it
            assert ours.class_ids.tolist() == theirs.cls.tolist()


def test_a_result_does_not_depend_on_the_other_images(kangaroos: Detector, photographs: list[Image]) -> None:
    assert len({image.shape for image in photographs}) > 3
    together = kangaroos.predict(photographs)
    backwards = kangaroos.predict(photographs[::-1])[::-1]
    alone = [kangaroos.predict([image])[0] for image in photographs]
    assert all(map(same, together, alone))
    assert all(map(same, together, backwards))


@pytest.mark.slow
def test_nor_in_larger_batches_where_ultralytics_alone_would_pad_to_a_square(
    real_data: Path, kangaroos: Detector, photographs: list[Image]
) -> None:
    batched = open_detector(kangaroo_config(real_data, batch=8))
    assert batched.batch_size == 8
    for alone, together in zip(kangaroos.predict(photographs), batched.predict(photographs), strict=True):
        np.testing.assert_allclose(together.boxes_xyxy, alone.boxes_xyxy, atol=1e-2)  # sums differ by batch
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-5)


def test_a_mixed_batch_really_changes_what_ultralytics_alone_says(
    real_data: Path, kangaroos: Detector, photographs: list[Image]
) -> None:
    with quiet_ultralytics():
        from ultralytics import YOLO

        results = YOLO(str(real_data / "weights/kangaroo_yolo11n_320.pt")).predict(photographs, imgsz=320)
    scores = [result.boxes.conf.numpy() for result in results]
    ours = [found.scores for found in kangaroos.predict(photographs)]
    assert any(len(a) != len(b) or not np.allclose(a, b, atol=1e-3) for a, b in zip(scores, ours, strict=True))


def test_the_identity_says_what_was_run(real_data: Path, kangaroos: Detector) -> None:
    import hashlib

    weights = real_data / "weights/kangaroo_yolo11n_320.pt"
    assert kangaroos.identity.name == "kangaroo_yolo11n_320.pt"
    assert kangaroos.identity.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert kangaroos.identity.settings == {
        "kind": "ultralytics",
        "conf": 0.25,
        "iou": 0.7,
        "imgsz": 320,
        "classes": [],
        "backend": "torch",
    }
    assert set(kangaroos.identity.versions) == {"torch", "ultralytics"}


@pytest.mark.slow
def test_another_size_than_that_of_the_training_is_told(build_checkpoint: BuildCheckpoint) -> None:
    weights = build_checkpoint("yolo11n")  # trained at 64, by what it says
    assert imgsz_warning(open_detector(DetectorConfig(str(weights), imgsz=64))) is None
    warning = imgsz_warning(open_detector(DetectorConfig(str(weights), imgsz=96)))
    assert warning == "yolo11n-random.pt was trained at imgsz 64 and runs at 96; --imgsz 64 may suit it"
    unasked = open_detector(DetectorConfig(str(weights)))
    assert unasked.identity.settings["imgsz"] == 64 and imgsz_warning(unasked) is None


def test_threads_are_kept_nothing_is_printed_and_no_folder_appears(
    build_checkpoint: BuildCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    weights = build_checkpoint("yolo11n")
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads(), cv2.getNumThreads()
    open_detector(DetectorConfig(str(weights), imgsz=64)).predict([noise(64, 64)])
    assert (torch.get_num_threads(), cv2.getNumThreads()) == threads
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_only_the_classes_asked_for_are_kept(real_data: Path) -> None:
    weights = str(real_data / "weights/yolo11n_coco_rebuilt.pt")
    image = np.asarray(cv2.imread(str(real_data / "images/kangaroo/images/00001.jpg")), dtype=np.uint8)
    everything = open_detector(DetectorConfig(weights, conf=0.01)).predict([image])[0]
    birds = open_detector(DetectorConfig(weights, conf=0.01, classes=("dog", "bird"))).predict([image])[0]
    assert {14, 16} & set(everything.class_ids.tolist())  # bird is 14 and dog 16 in COCO-80
    assert set(birds.class_ids.tolist()) <= {14, 16}
    assert len(birds) == sum(i in (14, 16) for i in everything.class_ids)


def test_an_unknown_class_is_refused_with_those_there_are(build_checkpoint: BuildCheckpoint) -> None:
    with pytest.raises(ConfigError, match=r"no class zebra crossing; it has 0, 1, .* 9 and 70 more"):
        open_detector(DetectorConfig(str(build_checkpoint("yolo11n")), imgsz=64, classes=("3", "zebra crossing")))


@pytest.mark.parametrize("architecture", ["yolov8n-cls", "yolo11n-cls"])
def test_a_classifier_is_refused_with_the_reason(architecture: str, build_checkpoint: BuildCheckpoint) -> None:
    with pytest.raises(WeightsError, match="'classify', which gives no boxes"):
        open_detector(DetectorConfig(str(build_checkpoint(architecture)), imgsz=64))


@pytest.mark.parametrize("device", ["99", "cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(device: str, build_checkpoint: BuildCheckpoint) -> None:
    with pytest.raises(ConfigError, match=f"found '{device}'; use auto or cpu"):
        open_detector(DetectorConfig(str(build_checkpoint("yolo11n")), imgsz=64, device=device))


def test_a_state_dict_is_no_model(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(1, 1).state_dict(), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="cannot be opened as a detector"):
        open_detector(DetectorConfig(str(tmp_path / "w.pt")))


def test_a_cut_off_checkpoint_is_one_clear_line(tmp_path: Path, build_checkpoint: BuildCheckpoint) -> None:
    whole = build_checkpoint("yolo11n").read_bytes()
    (tmp_path / "w.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="damaged or truncated") as caught:
        open_detector(DetectorConfig(str(tmp_path / "w.pt")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Bob's best.pt", "yolov5n.pt", "käfig \n.PT"])
def test_the_file_named_is_the_file_opened(name: str, tmp_path: Path, build_checkpoint: BuildCheckpoint) -> None:
    # Ultralytics alone would open `Bobs best.pt` and `yolov5nu.pt`, which nobody looked into
    path = Path(shutil.copyfile(build_checkpoint("yolo11n"), tmp_path / name))
    for other in ("Bobs best.pt", "yolov5nu.pt"):
        (tmp_path / other).write_bytes(b"must not be opened")
    detector = open_detector(DetectorConfig(str(path), imgsz=64))
    assert detector.identity.name == name
    assert len(detector.class_names) == 80


def test_a_detector_of_one_channel_sees_grey_as_ultralytics_shows_it(tmp_path: Path) -> None:
    path = write_firing_checkpoint(tmp_path / "grey.pt", names=["lamp"], channels=1)
    detector = open_detector(DetectorConfig(str(path), imgsz=96, conf=0.1, device="cpu", backend="torch"))
    image = noise(80, 96)
    (found,) = detector.predict([image])
    with quiet_ultralytics():
        from ultralytics import YOLO

        expected = YOLO(str(path)).predict(image, imgsz=96, conf=0.1, verbose=False)[0].boxes
    assert detector.channels == 1 and len(found) == len(expected) > 0
    np.testing.assert_array_equal(found.boxes_xyxy, expected.xyxy.numpy())
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert same(detector.predict([grey])[0], found)


@pytest.mark.parametrize("channels", [2, 4])
def test_a_detector_of_more_channels_than_images_have_is_refused(tmp_path: Path, channels: int) -> None:
    path = write_firing_checkpoint(tmp_path / "many.pt", names=["lamp"], channels=channels)
    with pytest.raises(WeightsError, match=rf"many.pt takes images of {channels} channels, .*of 3 channels or of 1"):
        open_detector(DetectorConfig(str(path), imgsz=96))


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_a_missing_runtime_is_named_with_the_command_and_not_installed(tmp_path: Path) -> None:
    (tmp_path / "w.engine").write_bytes(b"\0" * 64)
    with pytest.raises(WeightsError, match=r"needs the package tensorrt.*pip install tensorrt"):
        open_detector(DetectorConfig(str(tmp_path / "w.engine"), trust_weights=True))


@pytest.mark.parametrize(
    "name",
    [
        "w.engine", "w.torchscript", "w.pb", "w_saved_model", "w_saved_model_v2_model", "w_int8_edgetpu.tflite",
        "w_executorch_model", "w_axelera_model", "w_imx_model",
    ],
)  # fmt: skip
def test_programs_are_opened_only_for_who_trusts_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.mkdir() if name.endswith("_model") else path.write_bytes(b"\0" * 64)
    with pytest.raises(UnsafeWeightsError, match=r"is a program that runs when it is opened; pass --trust-weights"):
        open_detector(DetectorConfig(str(path)))


@pytest.mark.skipif(importlib.util.find_spec("openvino") is not None, reason="OpenVINO is installed")
def test_so_is_openvino(tmp_path: Path) -> None:
    folder = tmp_path / "yolo11n_openvino_model"
    folder.mkdir()
    for name in ("yolo11n.xml", "yolo11n.bin"):
        (folder / name).write_bytes(b"")
    with pytest.raises(WeightsError, match=r"pip install openvino"):
        open_detector(DetectorConfig(str(folder)))


def test_a_detector_of_another_make_is_refused_with_the_way_to_run_it(real_data: Path) -> None:
    with pytest.raises(WeightsError, match=r"not exported by Ultralytics.*--onnx-layout.*FunctionDetector"):
        open_detector(DetectorConfig(str(real_data / "weights/yolox_nano.onnx"), imgsz=416))


@pytest.fixture(scope="module")
def onnx_weights(build_checkpoint: BuildCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Exports an untrained YOLO11n for 64 pixels."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")

    def export(architecture: str = "yolo11n", **settings: object) -> Path:
        source = build_checkpoint(architecture)
        copy = shutil.copyfile(source, tmp_path_factory.mktemp("onnx") / source.name)
        with quiet_ultralytics():
            from ultralytics import YOLO

            return Path(YOLO(str(copy)).export(format="onnx", imgsz=64, simplify=False, **settings))

    return export


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_onnx_export_finds_what_its_checkpoint_finds(
    onnx_weights: Callable[..., Path], build_checkpoint: BuildCheckpoint
) -> None:
    image = noise(64, 64)
    exported = open_detector(DetectorConfig(str(onnx_weights()), imgsz=64, conf=0.0)).predict([image, image])
    (original,) = open_detector(DetectorConfig(str(build_checkpoint("yolo11n")), imgsz=64, conf=0.0)).predict([image])
    assert len(exported) == 2
    for found in exported:
        np.testing.assert_allclose(found.boxes_xyxy, original.boxes_xyxy, atol=1e-2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_onnx_export_for_another_size_says_which(onnx_weights: Callable[..., Path]) -> None:
    path = str(onnx_weights())
    with pytest.raises(ConfigError, match="64x64 pixels only, found imgsz 640; use --imgsz 64"):
        open_detector(DetectorConfig(path, imgsz=640))
    assert open_detector(DetectorConfig(path)).identity.settings["imgsz"] == 64
    assert open_detector(DetectorConfig(str(onnx_weights(dynamic=True)), imgsz=96)).predict([noise(50, 90)])


@pytest.mark.filterwarnings("ignore")
def test_an_onnx_classifier_is_refused_too(onnx_weights: Callable[..., Path]) -> None:
    with pytest.raises(WeightsError, match="'classify', which gives no boxes"):
        open_detector(DetectorConfig(str(onnx_weights("yolo11n-cls")), imgsz=64))


def test_an_onnx_file_that_is_none_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"w\.onnx") as caught:
        open_detector(DetectorConfig(str(tmp_path / "w.onnx")))
    assert "\n" not in str(caught.value)
