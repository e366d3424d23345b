"""Which backend runs a checkpoint, and that a converted model which finds other things is not used."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import pytest
from firing import break_model, pictures, write_firing_checkpoint

from negmine.detectors.base import Detector, opening_notes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.devices import may_have_gpu
from negmine.detectors.open import open_detector
from negmine.detectors.parity import compare
from negmine.detectors.ultralytics import backends
from negmine.detectors.ultralytics import converted as converted_module
from negmine.detectors.ultralytics.cache import fingerprint, pack
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.tensorrt import engines_folder
from negmine.errors import ConfigError, WeightsError
from negmine.paths import cache_folder
from negmine.structures import Image

openvino = pytest.importorskip("openvino")


class Asked:
    """Samples that remember for how many they were asked."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, most: int) -> Iterator[Image]:
        self.counts.append(most)
        return iter(pictures(min(most, 7)))


def config(weights: Path, **settings: object) -> DetectorConfig:
    return DetectorConfig(str(weights), **{"device": "cpu", "conf": 0.3} | settings)  # type: ignore[arg-type]


def backend_of(weights: Path, samples: Callable[[int], Iterator[Image]] | None, **settings: object) -> object:
    return open_detector(config(weights, **settings), samples).identity.settings["backend"]


def test_without_images_to_compare_on_it_is_the_weights_themselves(firing_weights: Path) -> None:
    assert backend_of(firing_weights, None) == "torch"
    assert backend_of(firing_weights, Asked(), backend="torch") == "torch"


@pytest.mark.slow
def test_with_images_it_is_openvino_once_it_has_found_the_same(converted: Path, firing_weights: Path) -> None:
    samples = Asked()
    first = open_detector(config(firing_weights), samples)
    assert (first.identity.settings["backend"], samples.counts, opening_notes(first)) == ("openvino", [4], ())
    again = open_detector(config(firing_weights), samples)
    assert samples.counts == [4], "what was compared once is not compared again"
    asked_for = open_detector(config(firing_weights, backend="openvino"))
    assert again.identity == first.identity == asked_for.identity
    original = open_detector(config(firing_weights))
    result = compare(original.predict(pictures(7)), first.predict(pictures(7)), 0.3)
    assert result.difference is None and result.compared > 10
    assert backend_of(firing_weights, samples, iou=0.5) == "openvino" and samples.counts == [4, 4]


OPENED = """
import sys
from negmine.detectors.config import DetectorConfig
from negmine.mining.scan import scan
result = scan(sys.argv[1], DetectorConfig(sys.argv[2], conf=0.3), bank=sys.argv[3])
print(result.device.backend, result.scanned > 0, sorted({"torch", "torchvision", "ultralytics"} & set(sys.modules)))
"""


@pytest.mark.skipif(may_have_gpu(), reason="torch has a say in what runs beside a GPU")
@pytest.mark.slow
def test_what_was_compared_once_runs_without_torch(
    converted_folder: Path, firing_weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), pictures(1)[0])
    said = []
    for bank in ("first", "second"):
        command = [sys.executable, "-c", OPENED, tmp_path / "in", firing_weights, tmp_path / bank]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
        said.append(done.stdout.strip())
    assert said == ["openvino True ['torch', 'torchvision', 'ultralytics']", "openvino True []"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino", "onnx"])
@pytest.mark.parametrize("settings", [{}, {"classes": ("3", "17"), "imgsz": 100, "iou": 0.4, "batch": 3}])
def test_what_is_kept_is_the_same_detector(
    converted_folder: Path, firing_weights: Path, settings: dict[str, object], backend: str
) -> None:
    asked = config(firing_weights, backend=backend, **settings)
    first, again = open_detector(asked, Asked()), open_kept(asked)
    assert again is not None
    assert (again.identity, again.class_names, again.batch_size) == (
        first.identity,
        first.class_names,
        first.batch_size,
    )
    assert opening_notes(again) == opening_notes(first)
    for one, other in zip(first.predict(pictures(7)), again.predict(pictures(7)), strict=True):
        assert np.array_equal(one.boxes_xyxy, other.boxes_xyxy) and np.array_equal(one.scores, other.scores)
        assert np.array_equal(one.class_ids, other.class_ids)


def open_kept(asked: DetectorConfig) -> Detector | None:
    """Open without the weights; None where that cannot be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "UltralyticsDetector", lambda *_, **__: pytest.fail("the weights were opened"))
        patch.setattr(backends, "may_have_gpu", lambda: False)
        try:
            return open_detector(asked, Asked())
        except pytest.fail.Exception:
            return None


@pytest.mark.slow
def test_what_is_kept_is_not_taken_for_anything_else(converted: Path, firing_weights: Path) -> None:
    asked = config(firing_weights)
    assert open_kept(asked) is None, "not compared yet"
    open_detector(asked, Asked())
    assert open_kept(asked) is not None and open_kept(replace(asked, device="auto")) is not None
    assert backend_of(firing_weights, None) == "torch", "without images it stays the weights, kept or not"
    for other in ({"conf": 0.31}, {"iou": 0.6}, {"imgsz": 64}, {"classes": ("3",)}, {"device": "mps"}, {"int8": True}):
        assert open_kept(replace(asked, **other)) is None, other  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the model has no class zebra; it has"):
        open_detector(replace(asked, classes=("zebra",)), Asked())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            converted_module, "_comparison_key", lambda *_: next(iter(findings(converted)))
        )  # as if it had been compared
        with pytest.raises(ConfigError, match="the model has no class zebra; it has"):
            open_kept(replace(asked, classes=("zebra",)))
    with firing_weights.with_name("other.pt").open("wb") as other_weights:
        other_weights.write(firing_weights.read_bytes() + b" ")
    assert open_kept(replace(asked, weights=str(firing_weights.with_name("other.pt")))) is None


def findings(converted: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(converted.with_suffix(".json").read_text())["findings"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"[]", b'{"class_names": {"a": 1}}', None])
def test_a_kept_model_that_does_not_say_what_it_is_of_is_not_run_alone(
    converted: Path, firing_weights: Path, part: bytes | None
) -> None:
    open_detector(config(firing_weights), Asked())
    with zipfile.ZipFile(converted) as file:
        parts = {name: file.read(name) for name in file.namelist() if name != "checkpoint.json"}
    converted.write_bytes(pack(parts if part is None else {**parts, "checkpoint.json": part}))
    found = json.loads(converted.with_suffix(".json").read_text())
    found["model"] = fingerprint(parts if part is None else {**parts, "checkpoint.json": part})
    converted.with_suffix(".json").write_text(json.dumps(found))
    assert open_kept(config(firing_weights)) is None
    assert backend_of(firing_weights, Asked()) == "openvino"
    assert open_kept(config(firing_weights)) is not None, "it was made anew"


def uninstall(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not installed."""

    def without(name: str) -> metadata.Distribution:
        if name == package:
            raise metadata.PackageNotFoundError(name)
        return found(name)

    found = metadata.Distribution.from_name
    monkeypatch.setattr(metadata.Distribution, "from_name", without)
    monkeypatch.setitem(sys.modules, package, None)


def _no_home(*_: object, **__: object) -> Path:
    raise RuntimeError  # as platformdirs does


@pytest.mark.skipif(sys.platform == "win32", reason="a folder of Windows belongs to its user anyway")
def test_without_a_home_engines_are_not_kept_where_others_can_put_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", _no_home)
    assert cache_folder() is None
    assert engines_folder().stat().st_mode & 0o077 == 0 and engines_folder() != Path(tempfile.gettempdir())


def test_without_openvino_it_is_torch(firing_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall("openvino", monkeypatch)
    assert backend_of(firing_weights, Asked()) == "torch"


@pytest.mark.parametrize(("package", "backend"), [("openvino", "openvino"), ("onnxruntime", "onnx")])
def test_a_runtime_that_is_asked_for_and_not_installed_is_one_line(
    firing_weights: Path, monkeypatch: pytest.MonkeyPatch, package: str, backend: str
) -> None:
    uninstall(package, monkeypatch)
    with pytest.raises(WeightsError, match=f"backend {backend} needs the package {package}, which is not installed"):
        open_detector(config(firing_weights, backend=backend), Asked())


@pytest.mark.slow
def test_with_a_gpu_torch_decides(converted: Path, firing_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_detector(config(firing_weights), Asked())
    opened: list[DetectorConfig] = []

    def spy(asked: DetectorConfig) -> UltralyticsDetector:
        opened.append(asked)
        return UltralyticsDetector(replace(asked, device="cpu"))

    monkeypatch.setattr(backends, "UltralyticsDetector", spy)
    monkeypatch.setattr(backends, "may_have_gpu", lambda: True)
    assert backend_of(firing_weights, Asked(), device="auto") == "openvino" and len(opened) == 1
    assert backend_of(firing_weights, Asked(), device="cpu") == "openvino" and len(opened) == 1


@pytest.mark.slow
def test_where_only_faint_things_are_found_these_are_compared(converted_folder: Path, tmp_path: Path) -> None:
    weights = write_firing_checkpoint(tmp_path / "faint.pt", bias=-12.3)
    low = open_detector(config(weights, backend="torch", conf=0.001)).predict(pictures(4))
    assert 0.011 < max(found.scores.max(initial=0) for found in low) < 0.05
    samples = Asked()
    assert opening_notes(open_detector(config(weights), samples)) == ()
    assert (backend_of(weights, samples), samples.counts) == ("openvino", [4])
    break_model(*converted_folder.glob("*.zip"))
    assert backend_of(weights, samples) == "torch"


@pytest.mark.slow
def test_where_nothing_is_found_it_is_said_and_compared_again_the_next_time(
    converted_folder: Path, tmp_path: Path
) -> None:
    weights = write_firing_checkpoint(tmp_path / "silent.pt", bias=-20.0)
    samples = Asked()
    for _ in range(2):
        detector = open_detector(config(weights), samples)
        assert detector.identity.settings["backend"] == "openvino"
        assert "silent.pt runs on openvino, and nothing was found in 4 images to compare" in opening_notes(detector)
    assert samples.counts == [4, 4]


@pytest.mark.slow
def test_another_machine_or_torch_is_compared_anew(
    converted: Path, firing_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = Asked()
    open_detector(config(firing_weights), samples)
    monkeypatch.setattr("platform.node", lambda: "another")
    open_detector(config(firing_weights), samples)
    open_detector(config(firing_weights), samples)
    assert samples.counts == [4, 4]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["auto", "openvino"])
def test_a_model_that_finds_other_things_is_refused_loudly_each_time(
    converted: Path, firing_weights: Path, backend: str
) -> None:
    assert backend_of(firing_weights, Asked()) == "openvino"  # and noted
    break_model(converted)
    for _ in range(2):
        detector = open_detector(config(firing_weights, backend=backend), Asked())
        assert detector.identity.settings["backend"] == "torch"
        (note,) = opening_notes(detector)[:1]
        assert note.startswith("warning: firing.pt does not find the same on openvino as on torch")
        assert str(converted) in note and "\n" not in note


@pytest.mark.slow
def test_where_nothing_is_found_nothing_is_noted(converted: Path, firing_weights: Path) -> None:
    asked: list[int] = []

    def nothing(most: int) -> Iterator[Image]:
        asked.append(most)
        return iter(())

    assert backend_of(firing_weights, nothing) == backend_of(firing_weights, nothing) == "openvino"
    assert asked == [4, 4]


def test_asked_for_without_images_it_says_that_nothing_was_compared(converted: Path, firing_weights: Path) -> None:
    (note,) = opening_notes(open_detector(config(firing_weights, backend="openvino")))[:1]
    assert note == "firing.pt runs on openvino and was not compared with the weights: no images for it"


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"PK\x03\x04 cut", pack({"model.xml": b"<net/>", "model.bin": b""})])
def test_a_damaged_file_is_made_anew(converted: Path, firing_weights: Path, damage: bytes) -> None:
    converted.write_bytes(damage)
    assert backend_of(firing_weights, Asked()) == "openvino"
    assert converted.stat().st_size > 1_000_000


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_time_only(
    tmp_path: Path, firing_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert backend_of(firing_weights, Asked()) == "openvino"


@pytest.mark.slow
def test_onnx_runs_the_same_way(firing_weights: Path) -> None:
    pytest.importorskip("onnxruntime")
    samples, steps, name = Asked(), list[str](), firing_weights.name
    detector = open_detector(config(firing_weights, backend="onnx"), samples, steps.append)
    assert steps == [f"converting {name} for onnx, once", f"comparing onnx with torch on {name}, once"]
    assert (detector.identity.settings["backend"], samples.counts) == ("onnx", [4])
    assert opening_notes(detector) == () and len(detector.predict(pictures(1))[0]) > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "openvino", "device": "0"}, "openvino runs on the CPU, found device '0'"),
        ({"backend": "onnx", "device": "cuda:1"}, "onnx runs on the CPU"),
        ({"int8": True, "device": "0"}, "openvino runs on the CPU"),
        ({"backend": "cuda"}, "backend of auto, torch, openvino, onnx, tensorrt, found 'cuda'"),
        ({"backend": "torch", "int8": True}, "int8 runs on OpenVINO, found backend torch"),
    ],
)
def test_what_contradicts_itself_is_refused(firing_weights: Path, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_detector(config(firing_weights, **settings), Asked())


@pytest.mark.parametrize(
    "settings", [{"backend": "openvino"}, {"backend": "onnx"}, {"backend": "tensorrt"}, {"int8": True}]
)
@pytest.mark.parametrize("weights", ["hf:detr", "a.safetensors", "torchvision:ssd300_vgg16", "a.onnx"])
def test_only_checkpoints_of_ultralytics_are_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, settings: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.onnx").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"is for a \.pt of Ultralytics, found .*; leave it out"):
        open_detector(DetectorConfig(weights, **settings))  # type: ignore[arg-type]
    if weights == "a.onnx":
        with pytest.raises(ConfigError, match=r"is for a \.pt of Ultralytics"):
            open_detector(DetectorConfig(weights, onnx_layout="ssd", **settings))  # type: ignore[arg-type]


@pytest.mark.slow
def test_models_that_are_not_converted_stay_on_torch(build_checkpoint: Callable[[str], Path]) -> None:
    weights = build_checkpoint("yolo11n-seg")
    assert backend_of(weights, Asked(), imgsz=64) == "torch"
    with pytest.raises(ConfigError, match="does not run on backend openvino: it is a model for the task 'segment'"):
        open_detector(config(weights, backend="openvino", imgsz=64), Asked())


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_tensorrt_that_is_missing_is_named(firing_weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs the package tensorrt, which is not installed; pip install tensorrt"):
        open_detector(config(firing_weights, backend="tensorrt"), Asked())


def test_nncf_that_is_missing_is_named(firing_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(
        WeightsError, match=r"needs the package nncf, which is not installed; pip install 'negmine\[int8\]'"
    ):
        open_detector(config(firing_weights, int8=True), Asked())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of nncf's
def test_8_bit_weights_are_calibrated_once_and_say_how_they_differ(converted: Path, firing_weights: Path) -> None:
    with pytest.raises(ConfigError, match="int8 is calibrated on images, found none"):
        open_detector(config(firing_weights, int8=True))
    samples = Asked()
    first = open_detector(config(firing_weights, int8=True), samples)
    assert samples.counts == [128, 16]
    (note,) = opening_notes(first)[:1]
    assert note.startswith("firing.pt runs with 8-bit weights: on 7 images it finds ")
    assert first.identity.settings["backend"] == "openvino" and len(str(first.identity.settings["int8"])) == 16
    again = open_detector(config(firing_weights, int8=True), samples)
    assert samples.counts == [128, 16] and opening_notes(again) == opening_notes(first)
    assert again.identity == first.identity
    small = open_detector(config(firing_weights, int8=True, imgsz=64), samples)
    assert samples.counts[2:] == [128, 16], "another size of input is another calibration"
    kept = open_kept(config(firing_weights, int8=True, imgsz=64))
    assert kept is not None and (kept.identity, opening_notes(kept)) == (small.identity, opening_notes(small))
    kept = open_kept(config(firing_weights, int8=True))
    assert kept is not None and (kept.identity, opening_notes(kept)) == (first.identity, opening_notes(first))
    assert sum(map(len, first.predict(pictures(7)))) > 10
