"""ONNX models that never end, or that are far larger inside than their file: one line each, and soon."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.limits import Limits, limited_sessions
from negmine.detectors.open import open_detector
from negmine.errors import ConfigError, WeightsError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def constant(name: str, value: object, kind: type[Any] = np.int64) -> Any:
    return onnx.numpy_helper.from_array(np.asarray(value, kind), name)


def model(
    *nodes: Any, constants: tuple[Any, ...] = (), shape: tuple[int, ...] = (1, 3, 64, 64), names: str = ""
) -> Any:
    """A model that turns `images` into `found` by some nodes, and gives the largest of it, which is no detection."""
    image, found = (
        helper.make_tensor_value_info(name, FLOAT, sides) for name, sides in (("images", shape), ("y", None))
    )
    last = helper.make_node("ReduceMax", ["found"], ["y"], keepdims=1)
    graph = helper.make_graph([*nodes, last], "g", [image], [found], list(constants))
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(built, {"names": names or "{0: 'lamp', 1: 'sign'}"})
    return built


def looped(step: Any, trips: int) -> Any:
    """A model that does a step so often: `x` to `z`."""
    info = helper.make_tensor_value_info
    begins = [info("i", onnx.TensorProto.INT64, []), info("go", onnx.TensorProto.BOOL, []), info("x", FLOAT, None)]
    ends = [info("on", onnx.TensorProto.BOOL, []), info("z", FLOAT, None)]
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["on"]), step], "body", begins, ends)
    loop = helper.make_node("Loop", ["trips", "true", "images"], ["found"], body=body)
    return model(loop, constants=(constant("trips", trips), constant("true", True, np.bool_)))


def node(kind: str, *inputs: str) -> Any:
    return helper.make_node(kind, list(inputs), ["found"])


def functions(count: int, calls: int) -> Any:
    """Functions that each call the one before it twice; where `calls` is not 0, the first calls the last."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = []
    for number in range(count):
        below = [f"f{(number - 1) % count}", "own"] if number or calls else ["Relu", ""]
        nodes = [helper.make_node(below[0], [a], [b], domain=below[1]) for a, b in (("x", "t"), ("t", "y"))]
        made.append(helper.make_function("own", f"f{number}", ["x"], ["y"], nodes, imports))
    built = model(helper.make_node(f"f{count - 1}", ["images"], ["found"], domain="own"))
    built.functions.extend(made)
    built.opset_import.append(imports[1])
    return built


LARGE = "takes over 384 MiB of memory, which its size does not explain"
ENDLESS = "takes over 0 s for an image, which its size does not explain"
ATTACKS: dict[str, tuple[Callable[[], Any], str]] = {
    "endless loop": (lambda: looped(helper.make_node("Neg", ["x"], ["z"]), 2**62), ENDLESS),
    "doubling loop": (
        lambda: looped(helper.make_node("Concat", ["x", "x"], ["z"], axis=0), 60),
        "which its size does not explain",
    ),
    "expand": (lambda: model(node("Expand", "images", "n"), constants=(constant("n", [10**5, 3, 64, 64]),)), LARGE),
    "constant": (lambda: model(node("ConstantOfShape", "n"), constants=(constant("n", [10**9]),)), LARGE),
    "resize": (
        lambda: model(node("Resize", "images", "", "by"), constants=(constant("by", [1, 1, 900, 900], np.float32),)),
        LARGE,
    ),
    "functions": (lambda: functions(60, 0), "it has over 50000 operations"),
    "functions in a circle": (lambda: functions(3, 1), "it has over 50000 operations"),
    "names": (lambda: model(node("Relu", "images"), names="x" * (2 << 20)), "its metadata has over 1 MiB"),
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("negmine.detectors.onnx.limits._SECONDS", 0.05)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", ATTACKS)
def test_what_takes_too_much_is_one_line(tmp_path: Path, name: str) -> None:
    make, said = ATTACKS[name]
    (tmp_path / "w.onnx").write_bytes(make().SerializeToString())
    with pytest.raises(WeightsError, match=said) as caught:
        open_detector(DetectorConfig(str(tmp_path / "w.onnx"), device="cpu"))
    assert "\n" not in str(caught.value)


def test_an_input_that_only_the_file_states_is_refused_where_it_is_large(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(model(node("Relu", "images"), shape=(1, 3, 10**5, 10**5)).SerializeToString())
    with pytest.raises(ConfigError, match="asks for images of 100000 pixels"):
        open_detector(DetectorConfig(str(tmp_path / "w.onnx"), device="cpu"))


def test_who_vouches_for_a_file_sets_no_limit(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(functions(2, 0).SerializeToString())
    assert Limits.of(tmp_path / "w.onnx", DetectorConfig("w.onnx", trust_weights=True)) is None
    limits = Limits.of(tmp_path / "w.onnx", DetectorConfig("w.onnx"))
    assert limits is not None and 384 << 20 <= limits.memory < 385 << 20


def test_limits_grow_with_the_file_and_the_image(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(functions(2, 0).SerializeToString())
    (tmp_path / "w.onnx.data").write_bytes(bytes(64 << 10))
    small, large = (Limits.of(tmp_path / "w.onnx", DetectorConfig("w.onnx", imgsz=side)) for side in (640, 2560))
    assert small is not None and large is not None
    assert large.memory - small.memory > 15 * 16 * (64 << 10) and large.seconds > small.seconds


def test_sessions_of_other_libraries_keep_to_them_too(tmp_path: Path) -> None:
    path = tmp_path / "w.onnx"
    path.write_bytes(ATTACKS["endless loop"][0]().SerializeToString())
    with limited_sessions(Limits("w.onnx", 384 << 20, 0.05)):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with pytest.raises(WeightsError, match=ENDLESS):
        session.run(None, {"images": np.zeros((1, 3, 64, 64), np.float32)})


def test_sessions_that_threads_open_keep_to_the_limits_of_their_own(tmp_path: Path) -> None:
    path, plain = tmp_path / "w.onnx", onnxruntime.InferenceSession
    path.write_bytes(model(node("Relu", "images")).SerializeToString())
    first_is_open, second_begins = threading.Event(), threading.Event()

    def open_first() -> Any:
        with limited_sessions(Limits("first.onnx", 384 << 20, 0.0)):
            first_is_open.set()
            second_begins.wait(5)
            return plain_of(path)

    def open_second() -> Any:
        first_is_open.wait(5)
        unlimited = plain_of(path)
        second_begins.set()
        with limited_sessions(Limits("second.onnx", 384 << 20, 0.0)):
            return unlimited, plain_of(path)

    with ThreadPoolExecutor(2) as pool:
        first, (unlimited, second) = (each.result() for each in (pool.submit(open_first), pool.submit(open_second)))
    assert [type(each) for each in (first, unlimited, second)] == [plain] * 3
    assert ["run" in vars(each) for each in (first, unlimited, second)] == [True, False, True]
    assert onnxruntime.InferenceSession is plain


def plain_of(path: Path) -> Any:
    """A session, as any library opens it."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("cut", [1, 50, 90, 99])
def test_a_file_that_is_cut_off_is_one_line(tmp_path: Path, cut: int) -> None:
    data = functions(4, 0).SerializeToString()
    (tmp_path / "w.onnx").write_bytes(data[: len(data) * cut // 100])
    with pytest.raises(WeightsError, match=r"cannot be opened by onnxruntime: .*cut off|cannot be opened|no protobuf"):
        open_detector(DetectorConfig(str(tmp_path / "w.onnx"), device="cpu"))


def test_metadata_that_are_no_text_are_none(tmp_path: Path) -> None:
    data = model(node("Relu", "images"), names="N@MES").SerializeToString()
    (tmp_path / "w.onnx").write_bytes(data.replace(b"N@MES", b"\xff\xfe\xff\xfe\xff"))
    with pytest.raises(WeightsError, match="no class names inside"):
        open_detector(DetectorConfig(str(tmp_path / "w.onnx"), device="cpu"))


def test_a_file_beside_that_is_all_holes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(functions(2, 0).SerializeToString())
    (tmp_path / "w.onnx.data").write_bytes(b"x")
    os.truncate(tmp_path / "w.onnx.data", 1 << 38)
    with pytest.raises(WeightsError, match="it is nearly all holes"):
        open_detector(DetectorConfig(str(tmp_path / "w.onnx"), device="cpu"))
