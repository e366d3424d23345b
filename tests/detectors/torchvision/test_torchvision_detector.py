"""torchvision's detectors behind the port: the same boxes as the model gives by hand."""

from __future__ import annotations

import dataclasses
import functools
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.torchvision.builders import BUILDERS, TorchvisionCheckpoint, build, checkpoint_of
from negmine.detectors.torchvision.checkpoints import read_checkpoint, write_checkpoint
from negmine.detectors.torchvision.detector import TorchvisionDetector
from negmine.errors import ConfigError, DetectorError, UnsafeWeightsError, WeightsError

NAMES = ("lamp", "clock")
SHARED: list[Any] = functools.reduce(lambda value, _: [value, value], range(60), ["lamp"])  # 2^60 where they are walked
SMALL: dict[str, dict[str, Any]] = {  # so that a test takes a second
    "ssd300_vgg16": {},
    "ssdlite320_mobilenet_v3_large": {},
}
DEFAULT_SMALL: dict[str, Any] = {"min_size": 96, "max_size": 160}


def _model(builder: str) -> torch.nn.Module:
    torch.manual_seed(0)
    arguments = SMALL.get(builder, DEFAULT_SMALL)
    return get_model(builder, weights=None, weights_backbone=None, num_classes=3, **arguments).eval()


def _image(seed: int, height: int = 90, width: int = 120) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    path = tmp_path_factory.mktemp("weights") / "lamps.safetensors"
    builder = "fasterrcnn_mobilenet_v3_large_320_fpn"
    write_checkpoint(checkpoint_of(_model(builder), builder, NAMES, DEFAULT_SMALL), path)
    return lambda: path


@pytest.mark.slow_after(1)
@pytest.mark.parametrize("builder", BUILDERS)
def test_the_boxes_are_those_of_the_model_by_hand(builder: str, tmp_path: Path) -> None:
    model = _model(builder)
    path = tmp_path / "weights.safetensors"
    write_checkpoint(checkpoint_of(model, builder, NAMES, SMALL.get(builder, DEFAULT_SMALL)), path)
    image = _image(1)
    head: Any = getattr(model, "roi_heads", model)
    head.score_thresh = 0.01
    with torch.inference_mode():
        by_hand = model([torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1) / 255])[0]
    detector = open_detector(DetectorConfig(str(path), conf=0.01, device="cpu"))
    assert isinstance(detector, TorchvisionDetector)
    found = detector.predict([image])[0]
    x1, y1, x2, y2 = by_hand["boxes"].T
    kept = (by_hand["labels"] > 0) & (x2 > x1) & (y2 > y1)
    by_hand = {name: value[kept] for name, value in by_hand.items()}
    assert len(found) == len(by_hand["boxes"]) > 0
    np.testing.assert_allclose(found.boxes_xyxy, by_hand["boxes"].numpy(), atol=1e-4)
    np.testing.assert_allclose(found.scores, by_hand["scores"].numpy(), atol=1e-6)
    np.testing.assert_array_equal(found.class_ids, by_hand["labels"].numpy() - 1)
    assert dict(detector.class_names) == {0: "lamp", 1: "clock"}


def test_no_images_no_detections(mobilenet: Callable[[], Path]) -> None:
    assert open_detector(DetectorConfig(str(mobilenet()), device="cpu")).predict([]) == []


@pytest.mark.slow
def test_what_is_found_in_an_image_does_not_depend_on_the_others(mobilenet: Callable[[], Path]) -> None:
    images = [_image(1), _image(2, 60, 200), _image(3), _image(4, 200, 60)]
    batched = open_detector(DetectorConfig(str(mobilenet()), conf=0.01, device="cpu", batch=4))
    assert batched.batch_size == 4
    alone = open_detector(DetectorConfig(str(mobilenet()), conf=0.01, device="cpu"))
    for image, together in zip(images, batched.predict(images), strict=True):
        apart = alone.predict([image])[0]
        np.testing.assert_allclose(together.boxes_xyxy, apart.boxes_xyxy, atol=1e-3)
        np.testing.assert_allclose(together.scores, apart.scores, atol=1e-5)


@pytest.mark.slow
def test_thresholds_classes_and_size_are_those_asked_for(mobilenet: Callable[[], Path]) -> None:
    def found(**settings: Any) -> Any:
        return open_detector(DetectorConfig(str(mobilenet()), device="cpu", **settings)).predict([_image(1)])[0]

    everything = found(conf=0.01)
    middle = float(np.median(everything.scores))
    np.testing.assert_array_equal(found(conf=middle).scores, everything.scores[everything.scores > middle])
    assert set(found(conf=0.01, classes=("clock",)).class_ids) == {1}
    assert len(found(conf=0.01, iou=0.01)) < len(everything)
    assert found(conf=0.01, imgsz=64).boxes_xyxy.shape != everything.boxes_xyxy.shape


def test_score_thresholds_of_the_weights_hold_for_each_class(mobilenet: Callable[[], Path], tmp_path: Path) -> None:
    everything = open_detector(DetectorConfig(str(mobilenet()), conf=0.01, device="cpu")).predict([_image(1)])[0]
    assert set(everything.class_ids) == {0, 1}
    for dropped, thresholds in ((0, (1.0, 0.0)), (1, (0.0, 1.0))):
        path = tmp_path / f"{dropped}.safetensors"
        write_checkpoint(replace(read_checkpoint(mobilenet()), score_thresholds=thresholds), path)
        found = open_detector(DetectorConfig(str(path), conf=0.01, device="cpu")).predict([_image(1)])[0]
        np.testing.assert_array_equal(found.boxes_xyxy, everything.boxes_xyxy[everything.class_ids != dropped])


@pytest.mark.parametrize("thresholds", [[0.1], [0.1, 2], [0.1, "high"], 0.1, {"lamp": 0.1}])
def test_score_thresholds_that_are_none_are_refused(
    thresholds: Any, mobilenet: Callable[[], Path], tmp_path: Path
) -> None:
    checkpoint = read_checkpoint(mobilenet())
    document = {"builder": checkpoint.builder, "class_names": list(NAMES), "score_thresholds": thresholds}
    torch.save({**document, "state_dict": dict(checkpoint.state)}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=r"expected score_thresholds to be 2 numbers from 0 to 1, one per class"):
        read_checkpoint(tmp_path / "bad.pth")


@pytest.mark.slow
def test_an_identity_tells_detectors_apart(mobilenet: Callable[[], Path]) -> None:
    def identity(**settings: Any) -> Any:
        return open_detector(DetectorConfig(str(mobilenet()), device="cpu", **settings)).identity

    assert identity() == identity()
    assert identity().name == "lamps.safetensors"
    assert identity().settings["iou"] == 0.5
    assert identity().settings != identity(conf=0.5).settings != identity(imgsz=64).settings
    json.dumps(identity().settings)


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    builder = "retinanet_resnet50_fpn"
    before = checkpoint_of(_model(builder), builder, NAMES, DEFAULT_SMALL)
    write_checkpoint(before, tmp_path / "a.safetensors")
    after = read_checkpoint(tmp_path / "a.safetensors")
    assert (after.builder, after.class_names, after.arguments) == (builder, NAMES, DEFAULT_SMALL)
    assert after.frozen_eps is None
    assert all(torch.equal(after.state[name], value) for name, value in before.state.items())


@pytest.mark.slow
@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_frozen_batch_normalisation_is_frozen_again(eps: float, tmp_path: Path) -> None:
    builder = "fasterrcnn_resnet50_fpn"
    plain = checkpoint_of(_model(builder), builder, NAMES)
    frozen = build(TorchvisionCheckpoint(builder, NAMES, plain.state, {}, eps), name="a")
    again = checkpoint_of(frozen, builder, NAMES)
    assert again.frozen_eps == eps
    assert not any("num_batches_tracked" in name for name in again.state if name.startswith("backbone.body"))
    write_checkpoint(again, tmp_path / "a.safetensors")
    assert read_checkpoint(tmp_path / "a.safetensors").frozen_eps == eps
    torch.save({"builder": builder, "class_names": list(NAMES), "state_dict": frozen.state_dict()}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth").frozen_eps == 1e-5  # as torchvision builds it, where nothing is said


def test_a_dictionary_of_torch_save_is_a_checkpoint_too(tmp_path: Path) -> None:
    builder = "ssdlite320_mobilenet_v3_large"
    names = ["__background__", *NAMES]
    state = _model(builder).state_dict()
    torch.save({"builder": builder, "num_classes": 3, "class_names": names, "state_dict": state}, tmp_path / "a.pth")
    detector = open_detector(DetectorConfig(str(tmp_path / "a.pth"), device="cpu"))
    assert dict(detector.class_names) == {0: "lamp", 1: "clock"}
    with pytest.raises(ConfigError, match=r"takes images of 320x320 pixels only, found imgsz 640"):
        open_detector(DetectorConfig(str(tmp_path / "a.pth"), device="cpu", imgsz=640))


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (_Harmful(), UnsafeWeightsError, "holds more than tensors and plain values, and is not opened"),
        ({"w": torch.zeros(1)}, WeightsError, "not a dictionary with builder, class_names and state_dict"),
        ({"state_dict": {"w": torch.zeros(1)}}, WeightsError, "does not say which model it is"),
        (
            {"builder": "maskrcnn", "class_names": ["a"], "state_dict": {}},
            WeightsError,
            "is a maskrcnn; expected one of",
        ),
        ({"builder": BUILDERS[0], "class_names": [], "state_dict": {}}, WeightsError, "class_names to be a list of"),
        ({"builder": BUILDERS[0], "class_names": ["a"], "state_dict": {"w": 1}}, WeightsError, "found int as w"),
        ({"builder": SHARED, "class_names": ["a"], "state_dict": {}}, WeightsError, "expected one of"),
        (
            {"builder": BUILDERS[0], "class_names": SHARED, "state_dict": {}},
            WeightsError,
            "class_names to be a list of",
        ),
        (
            {"builder": BUILDERS[0], "class_names": ["x" * 600_000] * 2, "state_dict": {}},
            WeightsError,
            "found over 1048576 letters",
        ),
        (
            {"builder": BUILDERS[0], "class_names": ["a"], "num_classes": 7, "state_dict": {}},
            WeightsError,
            "num_classes 7, and names 1 classes",
        ),
        (
            {"builder": "ssdlite320_mobilenet_v3_large", "class_names": ["a"], "state_dict": {"w": torch.zeros(1)}},
            WeightsError,
            "does not fit what it says it is, ssdlite320_mobilenet_v3_large with num_classes 2",
        ),
    ],
)
def test_what_is_no_checkpoint_is_one_line(
    document: object, error: type[Exception], message: str, tmp_path: Path
) -> None:
    torch.save(document, tmp_path / "a.pth")
    with pytest.raises(error, match=message) as caught:
        open_detector(DetectorConfig(str(tmp_path / "a.pth"), device="cpu"))
    assert "\n" not in str(caught.value) and "a.pth" in str(caught.value)


def test_another_number_of_classes_is_named(mobilenet: Callable[[], Path], tmp_path: Path) -> None:
    checkpoint = read_checkpoint(mobilenet())
    other = TorchvisionCheckpoint(checkpoint.builder, ("lamp",), checkpoint.state, checkpoint.arguments)
    write_checkpoint(other, tmp_path / "one.safetensors")
    with pytest.raises(WeightsError, match=r"with num_classes 2: size mismatch for roi_heads"):
        open_detector(DetectorConfig(str(tmp_path / "one.safetensors"), device="cpu"))


@pytest.mark.slow
def test_the_same_checkpoint_gives_the_same_bytes(mobilenet: Callable[[], Path], tmp_path: Path) -> None:
    checkpoint = read_checkpoint(mobilenet())
    for number in range(8):
        write_checkpoint(checkpoint, tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "empty.pth").touch()
    save_file({"w": torch.zeros(1)}, tmp_path / "bare.safetensors")
    for name, message in (
        ("a.safetensors", "cannot be read as safetensors"),
        ("a.pth", "a.pth"),
        ("empty.pth", "cannot be read as a checkpoint"),
        ("bare.safetensors", "does not say which model it is"),
        ("gone.safetensors", "expected a file of weights at"),
    ):
        with pytest.raises(WeightsError, match=message) as caught:
            open_detector(DetectorConfig(str(tmp_path / name), device="cpu"))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pickled",
    [
        pytest.param(b"\x80\x02h\x05.", id="a value that was not kept"),
        pytest.param(b"\x80\x020.", id="nothing to pop"),
        pytest.param(b"\x80\x02J\x01.", id="half a number"),
        pytest.param(b"\x80\x02}K\x01s.", id="a key alone"),
        pytest.param(b"\x80\x02]}s.", id="a list as a mapping"),
        pytest.param(b"\x80\x02(.", id="a mark"),
        pytest.param(b"\x80\x02}(]", id="cut"),
    ],
)
def test_broken_pickles_are_one_line(pickled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    for zipped in (True, False):
        path.write_bytes(pickled)
        if zipped:
            writer = torch._C.PyTorchFileWriter(str(path))
            writer.write_record("data.pkl", pickled, len(pickled))
            writer.write_end_of_file()
        with pytest.raises(WeightsError, match=r"w.pth (cannot be read|holds more|is not a dictionary)") as caught:
            open_detector(DetectorConfig(str(path), device="cpu"))
        assert "\n" not in str(caught.value)


def test_a_name_that_torchvision_does_not_have() -> None:
    with pytest.raises(WeightsError, match=r"torchvision has no detector 'yolo'; expected one of fasterrcnn"):
        open_detector(DetectorConfig("torchvision:yolo", device="cpu"))


@pytest.mark.slow
def test_labels_that_were_counted_from_0(tmp_path: Path) -> None:
    builder = "fcos_resnet50_fpn"
    document = {"builder": builder, "num_classes": 3, "arguments": DEFAULT_SMALL}
    document["state_dict"] = _model(builder).state_dict()
    torch.save({**document, "class_names": list(NAMES)}, tmp_path / "from-1.pth")
    torch.save({**document, "class_names": [*NAMES, "wheel"]}, tmp_path / "from-0.pth")
    one, zero = (open_detector(DetectorConfig(str(tmp_path / f"from-{n}.pth"), conf=0, device="cpu")) for n in (1, 0))
    assert dict(zero.class_names) == {0: "lamp", 1: "clock", 2: "wheel"}
    labels = zero.predict([_image(1)])[0].class_ids
    np.testing.assert_array_equal(one.predict([_image(1)])[0].class_ids, labels[labels > 0] - 1)
    assert len(labels) > 0


def test_a_device_that_is_not_there(mobilenet: Callable[[], Path]) -> None:
    with pytest.raises(ConfigError, match=r"expected a device that is there, found 'nonsense'"):
        open_detector(DetectorConfig(str(mobilenet()), device="nonsense"))


def test_published_weights_are_opened_from_the_cache_of_torch(monkeypatch: Any, tmp_path: Path) -> None:
    """The file is one that torch would have downloaded: torchvision builds the model and finds it by its own rules."""
    from torchvision.models import get_model_weights

    name = "ssdlite320_mobilenet_v3_large"
    weights = get_model_weights(name).DEFAULT
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    model: Any = get_model(name, weights=None, weights_backbone=None, num_classes=91).eval()
    cached = tmp_path / "hub" / "checkpoints" / weights.url.rsplit("/", 1)[1]
    cached.parent.mkdir(parents=True)
    torch.save(model.state_dict(), cached)
    detector = open_detector(DetectorConfig(f"torchvision:{name}", conf=0.001, device="cpu"))
    assert len(detector.class_names) == 90
    assert detector.class_names[0] == "person"
    assert detector.identity.name == f"torchvision:{name}"
    image = _image(1)
    model.score_thresh = 0.001
    with torch.inference_mode():
        by_hand = model([torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1) / 255])[0]
    found = detector.predict([image])[0]
    assert len(found) == len(by_hand["boxes"]) > 0
    np.testing.assert_allclose(found.scores, by_hand["scores"].numpy(), atol=1e-6)


def test_published_weights_that_cannot_be_downloaded_are_one_line(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(WeightsError, match=r"published weights of ssdlite320_\w+ are not here, and could not be") as e:
        open_detector(DetectorConfig("torchvision:ssdlite320_mobilenet_v3_large", device="cpu"))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arguments": [1, 2]}, r"expected arguments to be a mapping by name, found \[1, 2\]"),
        ({"arguments": "abc"}, "expected arguments to be a mapping by name, found abc"),
        ({"arguments": {"image_mean": "x"}}, "expected image_mean to be a number or several, found x"),
        ({"arguments": {"image_mean": [0.1, 0.2]}}, "expected image_mean to be a number or several"),
        ({"arguments": {"box_detections_per_img": None}}, "expected box_detections_per_img to be a number"),
        ({"arguments": {"box_nms_thresh": float("inf")}}, "expected box_nms_thresh to be a number"),
        ({"arguments": {"min_size": 30000}}, "expected min_size from 1 to 16384 pixels, found 30000"),
        ({"arguments": {"min_size": [32, 0]}}, "expected min_size from 1 to 16384 pixels"),
        ({"arguments": {"box_roi_pool": 3}}, "refuses its arguments"),
        ({"arguments": {"sizes": 1}}, "refuses its arguments: it has no sizes"),
        ({"frozen_eps": "abc"}, "expected frozen_eps to be a number of 0 or more, found abc"),
        ({"num_classes": torch.tensor(3)}, r"expected num_classes to be a whole number, found tensor\(3\)"),
        ({"num_classes": "3"}, "expected num_classes to be a whole number, found 3"),
    ],
)
def test_what_a_file_says_of_itself_and_is_wrong_is_one_line(
    changes: dict[str, Any], message: str, mobilenet: Callable[[], Path], tmp_path: Path
) -> None:
    checkpoint = read_checkpoint(mobilenet())
    document = {"builder": checkpoint.builder, "class_names": list(NAMES), "arguments": dict(checkpoint.arguments)}
    torch.save({**document, **changes, "state_dict": dict(checkpoint.state)}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        open_detector(DetectorConfig(str(tmp_path / "bad.pth"), device="cpu"))
    assert "\n" not in str(caught.value)


def test_a_large_size_that_only_a_file_states_is_refused(mobilenet: Callable[[], Path], tmp_path: Path) -> None:
    checkpoint = dataclasses.replace(read_checkpoint(mobilenet()), arguments={"min_size": 3000, "max_size": 3000})
    path = tmp_path / "large.safetensors"
    write_checkpoint(checkpoint, path)
    with pytest.raises(ConfigError, match=r"asks for images of 3000 pixels.*pass --imgsz"):
        open_detector(DetectorConfig(str(path), device="cpu"))
    open_detector(DetectorConfig(str(path), device="cpu", imgsz=64))


def test_a_model_that_fails_on_an_image_is_one_line(mobilenet: Callable[[], Path], tmp_path: Path) -> None:
    checkpoint = dataclasses.replace(
        read_checkpoint(mobilenet()), arguments={"min_size": 96, "rpn_pre_nms_top_n_test": -5}
    )
    path = tmp_path / "bad.safetensors"
    write_checkpoint(checkpoint, path)
    detector = open_detector(DetectorConfig(str(path), device="cpu"))
    with pytest.raises(DetectorError, match=r"bad.safetensors cannot run on an image: ") as caught:
        detector.predict([_image(1)])
    assert "\n" not in str(caught.value)


def test_an_argument_that_ssd_would_take_no_notice_of_is_refused(tmp_path: Path) -> None:
    builder = "ssdlite320_mobilenet_v3_large"
    write_checkpoint(checkpoint_of(_model(builder), builder, NAMES, {"detections": 3}), tmp_path / "a.safetensors")
    with pytest.raises(WeightsError, match="it has no detections"):
        open_detector(DetectorConfig(str(tmp_path / "a.safetensors"), device="cpu"))


def test_weights_of_a_training_that_diverged_are_refused(mobilenet: Callable[[], Path], tmp_path: Path) -> None:
    checkpoint = read_checkpoint(mobilenet())
    name = "roi_heads.box_predictor.cls_score.bias"
    for value in (float("nan"), float("inf")):
        state = {**checkpoint.state, name: torch.full_like(checkpoint.state[name], value)}
        write_checkpoint(replace(checkpoint, state=state), tmp_path / "a.safetensors")
        with pytest.raises(WeightsError, match=rf"NaN or infinite \({name}\): the training that made it diverged"):
            open_detector(DetectorConfig(str(tmp_path / "a.safetensors"), device="cpu"))


def test_a_folder_is_no_file_of_weights(tmp_path: Path) -> None:
    (tmp_path / "a.pth").mkdir()
    with pytest.raises(WeightsError, match=r"expected a file of weights at .*a\.pth, found a folder"):
        open_detector(DetectorConfig(str(tmp_path / "a.pth"), device="cpu"))
