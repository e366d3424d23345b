"""Checkpoints that would run, fetch or write something where they are unpickled, built or run: nothing happens."""

from __future__ import annotations

import builtins
import copy
import getpass
import importlib
import io
import os
import random
import sys
import zipfile
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import DESCRIPTION, save_network, small_network
from torch import nn
from torch.overrides import TorchFunctionMode

from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.detectors.ultralytics.archive import Archive
from negmine.detectors.ultralytics.loading import open_model
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.ultralytics.records import UnreadableError
from negmine.detectors.ultralytics.weights_safety import read_pickle
from negmine.errors import ConfigError, WeightsError

_WATCHED = ("exec", "compile", "open", "os.", "subprocess.", "socket.", "shutil.", "pickle.find_class", "ctypes.dlopen")
_OURS = frozenset({"None", "True", "False", "nearest", "nc", "kpt_shape"})  # words that Ultralytics parses
_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None or not event.startswith(_WATCHED):
        return
    if event == "open" and not (
        isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    ):
        return
    if event == "compile" and isinstance(arguments[0], bytes):
        parsed = arguments[0].decode(errors="replace")
        if parsed in _OURS or parsed.startswith("torch.nn."):
            return
    if event not in ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv"):
        _seen.append(f"{event} {arguments!r}"[:200])


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is run, fetched or written in the block."""
    global _seen
    found = _seen = []
    try:
        yield found
    finally:
        _seen = None


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import everything before it is watched: an import runs code."""
    for encoding in ("cp437", "unicode_escape", "raw_unicode_escape", "latin-1"):  # of zip archives and old pickles
        "lamp".encode(encoding).decode(encoding)
    path = tmp_path_factory.mktemp("good") / "good.pt"
    with quiet_ultralytics():
        save_network(small_network(), path)
        for _ in range(2):
            run(path)


def run(path: Path) -> None:
    """Open a checkpoint that nobody vouches for, and detect with it."""
    with quiet_ultralytics(), torch.inference_mode():
        model = open_model(path, trusted=False)
        model.model(torch.zeros(1, 3, 64, 64))


class Calls:
    """Calls a function while it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __call__(self) -> None:
        """So that a pickle may call it in turn."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def bare(kind: type[nn.Module], **state: object) -> nn.Module:
    """A module with any attributes, never built."""
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    module.__dict__.update(state)
    return module


def text(marker: Path) -> str:
    return f"open({str(marker)!r}, 'w').close() or torch.nn.SiLU()"


def described(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DESCRIPTION), **changes}


def layer(name: str, *arguments: object) -> dict[str, Any]:
    """A description with another first layer."""
    return described(backbone=[[-1, 1, name, list(arguments)], *DESCRIPTION["backbone"][1:]])


def of(module: str, name: str) -> Callable[..., object]:
    """A class or function of Ultralytics."""
    found: Callable[..., object] = getattr(importlib.import_module(f"ultralytics.{module}"), name)
    return found


# Calls of what the classes and functions of torch and Ultralytics do: they build, fetch, read, write or evaluate.
NETWORKS = (
    "DetectionModel SegmentationModel PoseModel OBBModel RTDETRDetectionModel WorldModel ClassificationModel "
    "YOLOEModel YOLOESegModel SemanticSegmentationModel"
).split()
CALLS: dict[str, Callable[[Path], object]] = {
    "DistillationModel of an address": lambda _: Calls(of("nn.distill_model", "DistillationModel"), "http://0.0.0.0/x"),
    "DistillationModel of a file": lambda marker: Calls(of("nn.distill_model", "DistillationModel"), str(marker)),
    "TorchVision downloads": lambda _: Calls(of("nn.modules.block", "TorchVision"), "resnet18", "DEFAULT"),
    "a storage of a file": lambda marker: Calls(Calls(getattr, torch.FloatStorage, "from_file"), str(marker), True, 64),  # type: ignore[arg-type]
    "a pickle in the pickle": lambda marker: Calls(
        torch.storage._load_from_bytes, _saved(Calls(os.mkdir, str(marker)))
    ),
    "an array of objects": lambda marker: np.array([Calls(os.mkdir, str(marker))], dtype=object),
    "getattr": lambda _: Calls(getattr, nn.Linear, "__init__"),
    "getattr of getattr": lambda _: Calls(getattr, Calls(getattr, nn.Linear, "__init__"), "__globals__"),
    "a default factory": lambda _: defaultdict(of("nn.tasks", "DetectionModel")),
    "a namespace": lambda marker: SimpleNamespace(model=Calls(os.mkdir, str(marker))),
    "a deque": lambda marker: deque([Calls(of("nn.tasks", "DetectionModel"), {"activation": text(marker)})]),
    "os.system": lambda marker: Calls(os.system, f"touch {marker}"),
    "eval": lambda marker: Calls(builtins.eval, f"open({str(marker)!r}, 'w')"),
    "open": lambda marker: Calls(builtins.open, str(marker), "w"),
    "getpass": lambda _: Calls(getpass.getuser),
    "hub": lambda _: Calls(torch.hub.load, "a/b", "c"),
    "load_checkpoint": lambda _: Calls(of("nn.tasks", "load_checkpoint"), "http://0.0.0.0/x.pt"),
    "yaml_model_load": lambda _: Calls(of("nn.tasks", "yaml_model_load"), "http://0.0.0.0/x.yaml"),
    "bytes beyond measure": lambda _: Calls(bytearray, 1 << 40),
    "a range beyond measure": lambda _: Calls(set, Calls(range, 1 << 40)),
    "a layer beyond measure": lambda _: Calls(nn.Linear, 1 << 20, 1 << 20),
    **{
        f"{name} of a description": lambda marker, name=name: Calls(  # type: ignore[misc]
            of("nn.tasks", name), described(activation=text(marker))
        )
        for name in NETWORKS
    },
}


def _saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


# Texts and numbers in the description, which Ultralytics evaluates, looks up, or multiplies.
DESCRIPTIONS: dict[str, Callable[[Path], object]] = {
    "an activation": lambda marker: described(activation=text(marker)),
    "an activation that looks harmless": lambda marker: described(activation=f"nn.SiLU(open({str(marker)!r}, 'w'))"),
    "an activation of spaces": lambda marker: described(activation=f"nn.SiLU() if {text(marker)} else 0"),
    "an activation that is a number": lambda marker: described(activation=7),
    "a layer of torch that is a function": lambda marker: layer("nn.init.normal_", 8),
    "a layer that is a module": lambda marker: layer("nn.Sequential", 8),
    "a layer of torchvision": lambda marker: layer("torchvision.ops.Conv2dNormActivation", 8, 8),
    "a layer that downloads": lambda marker: layer("TorchVision", 16, "resnet18", "DEFAULT", True, 2),
    "a layer that is a network": lambda marker: layer("DetectionModel", {"activation": text(marker)}),
    "a layer that loads a checkpoint": lambda marker: layer("load_checkpoint", str(marker)),
    "a layer that loads a pickle": lambda marker: layer("torch_safe_load", str(marker)),
    "a layer that reads a YAML": lambda marker: layer("yaml_model_load", str(marker)),
    "a layer that is a path": lambda marker: layer("Path", str(marker)),
    "a layer that changes modules": lambda marker: layer("temporary_modules", {"os": "sys"}),
    "a layer that is a list": lambda marker: layer(["Conv"], 8),  # type: ignore[arg-type]
    "an argument that is an expression": lambda marker: layer("Conv", f"open({str(marker)!r}, 'w')"),
    "an argument that is a variable": lambda marker: layer("Conv", "d"),
    "an argument that is a mapping": lambda marker: layer("Conv", {"a": 1}),
    "an argument that is huge": lambda marker: layer("Conv", 1 << 60, 3, 2),
    "a kernel that is huge": lambda marker: layer("Conv", 8192, 8191, 2),
    "many repeats": lambda marker: described(backbone=[[-1, 10**9, "C2f", [16, True]]]),
    "repeats in repeats": lambda marker: described(backbone=[[-1, 100, "RepNCSPELAN4", [16, 16, 8, 100]]]),
    "a depth beyond measure": lambda marker: described(depth_multiple=1e300),
    "a width that is no number": lambda marker: described(width_multiple=float("nan")),
    "upsampling beyond measure": lambda marker: described(
        head=[*[[-1, 1, "nn.Upsample", [None, 4, "nearest"]]] * 20, [[-1], 1, "Detect", ["nc"]]]
    ),
    "too many layers": lambda marker: described(backbone=[[-1, 1, "Conv", [8, 3, 1]]] * 1000),
    "sources that are not there": lambda marker: described(head=[[[99], 1, "Detect", ["nc"]]]),
    "classes beyond measure": lambda marker: described(nc=1 << 40),
    "channels beyond measure": lambda marker: described(channels=1 << 40),
    "no mapping": lambda marker: [text(marker)],
    "a file": lambda marker: str(marker),
}


# What is beside the layers, or in place of them, in a network that was never built.
ATTRIBUTES: dict[str, Callable[[Path, Any], None]] = {
    "hooks": lambda marker, network: network.model[0]._forward_hooks.update(
        {0: Calls(getattr, nn.Linear, "extra_repr")}
    ),
    "a forward of its own": lambda marker, network: network.model[0].__dict__.update(forward=nn.Identity),
    "a method that is a class": lambda marker, network: network.model[-1].__dict__.update(forward_head=OrderedDict),
    "an activation of its own": lambda marker, network: setattr(
        network.model[0], "act", bare(nn.Sigmoid, inplace=Calls(os.mkdir, str(marker)))
    ),
    "names that are calls": lambda marker, network: network.__dict__.update(
        names={0: Calls(getattr, nn.Linear, "__init__")}
    ),
    "no names": lambda marker, network: network.__dict__.update(names={}),
    "a name too few": lambda marker, network: network.__dict__.update(names={0: "lamp"}),
    "names of other numbers": lambda marker, network: network.__dict__.update(names={5: "lamp", -3: "sign"}),
    "numbers that share lists": lambda marker, network: network.model[0].conv.__dict__.update(padding=_nested(60)),
    "names in names": lambda marker, network: network.__dict__.update(names=_nested(40)),
    "a stride that is a text": lambda marker, network: network.model[-1].__dict__.update(stride=text(marker)),
    "a stride beyond measure": lambda marker, network: network.model[-1].__dict__.update(stride=torch.tensor([1e30])),
    "boxes beyond measure": lambda marker, network: network.model[-1].__dict__.update(max_det=1 << 60),
    "a task that is an expression": lambda marker, network: network.__dict__.update(task=text(marker)),
    "another kernel": lambda marker, network: network.model[0].conv.__dict__.update(stride=(1, 1)),
    "a layer less": lambda marker, network: network.model[1]._modules.pop("m"),
    "a part that is no module": lambda marker, network: network._modules.update(extra=bare(nn.Identity)),
    "a tensor of another shape": lambda marker, network: setattr(
        network.model[0].conv, "weight", nn.Parameter(torch.zeros(16, 3, 1, 1))
    ),
    "a tensor of whole numbers": lambda marker, network: network.model[0].bn._buffers.update(
        running_mean=torch.zeros(16, dtype=torch.int64)
    ),
}


# Descriptions of few parameters whose feature maps are large: gigabytes where they are built unchecked.
LARGE: dict[str, tuple[dict[str, Any], str]] = {
    "many channels": (layer("Conv", 2000, 1, 1), "takes far more memory than any detector"),
    "wide windows": (layer("Conv", 8, 64, 1), "takes far more memory than any detector"),
    "upsampling": (layer("nn.Upsample", "None", 32, "nearest"), "enlarges images beyond measure"),
    "padding": (layer("nn.ZeroPad2d", 1000), "a kernel or padding of layer 0 with a number that is not from -1 to 64"),
    "padding in a list": (layer("nn.ZeroPad2d", [0, 1000, 0, 0]), "a kernel or padding of layer 0"),
}


@pytest.mark.parametrize("kind", LARGE)
def test_large_feature_maps_are_refused_before_they_are_made(kind: str, tmp_path: Path) -> None:
    description, message = LARGE[kind]
    with quiet_ultralytics():
        network = small_network()
        network.yaml = description
        save_network(network, tmp_path / "w.pt")
        with pytest.raises(WeightsError, match=message):
            open_model(tmp_path / "w.pt", trusted=False)


def test_a_tensor_that_repeats_its_elements_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1).expand(1 << 10)}, tmp_path / "w.pt")
    with Archive(tmp_path / "w.pt") as archive:
        document: Any = read_pickle(archive, tmp_path / "w.pt")
        with pytest.raises(UnreadableError, match="more elements than are in the file"):
            archive.tensor(document["weight"])


def test_too_little_memory_is_no_reason_to_trust_a_file(tmp_path: Path) -> None:
    with quiet_ultralytics():
        path = save_network(small_network(), tmp_path / "w.pt")
        with _NoMemory(), pytest.raises(WeightsError, match=r"does not fit into the memory of this machine$"):
            open_model(path, trusted=False)


class _NoMemory(TorchFunctionMode):
    """torch finds no memory for a tensor."""

    def __torch_function__(self, function: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.empty:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return function(*args, **(kwargs or {}))


def _nested(depth: int) -> object:
    """Lists in lists that double with each: 2^40 elements where they are walked."""
    value: object = "lamp"
    for _ in range(depth):
        value = [value, value]
    return value


def refuse(path: Path, marker: Path) -> None:
    """See that a checkpoint is refused in one line, and that nothing was run, fetched or written."""
    with watched() as events, pytest.raises(WeightsError) as caught:
        run(path)
    assert events == []
    assert not marker.exists()
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", CALLS)
def test_calls_are_not_made(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    torch.save({"model": CALLS[kind](marker)}, tmp_path / "w.pt")
    refuse(tmp_path / "w.pt", marker)


@pytest.mark.filterwarnings("ignore")
def test_calls_beside_a_sound_network_are_not_made(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    calls = [
        call(marker)
        for name, call in CALLS.items()
        if name.endswith(("description", "address", "a layer beyond measure"))
    ]
    with quiet_ultralytics():
        save_network(small_network(), tmp_path / "w.pt", optimizer=calls)
    with watched() as events:
        run(tmp_path / "w.pt")  # what is on the list of names, and not on the way to the network, is never looked at
    assert events == [] and not marker.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["a pickle in the pickle", "an array of objects", "eval", "open", *NETWORKS])
def test_plain_torch_would_have_made_them(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    kind = f"{kind} of a description" if kind in NETWORKS else kind
    torch.save({"model": CALLS[kind](marker)}, tmp_path / "w.pt")
    with suppress(Exception):
        torch.load(tmp_path / "w.pt", weights_only=False)
    assert marker.exists(), "the attack does nothing, so that the test could not fail"


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_descriptions_are_data(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with quiet_ultralytics():
        network = small_network()
        network.yaml = DESCRIPTIONS[kind](marker)
        save_network(network, tmp_path / "w.pt")
    refuse(tmp_path / "w.pt", marker)


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_are_data(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with quiet_ultralytics():
        network = small_network()
        ATTRIBUTES[kind](marker, network)
        save_network(network, tmp_path / "w.pt")
    refuse(tmp_path / "w.pt", marker)


def test_a_network_whose_forward_builds_another_is_refused(tmp_path: Path) -> None:
    """Classes of Ultralytics alone: its layers hand a description to `DetectionModel` when they run."""
    marker = tmp_path / "ran"
    with quiet_ultralytics():
        tasks = importlib.import_module("ultralytics.nn.tasks")
        modules = importlib.import_module("ultralytics.nn.modules")
        constant = bare(
            modules.Detect, cv2=described(activation=text(marker)), cv3=None, forward_head=OrderedDict,
            train=nn.Identity, training=True, f=[], i=0, nc=1, nl=0, reg_max=1,
        )  # fmt: skip
        pick = bare(modules.Index, index="box_head", f=-1, i=1)
        call = bare(
            modules.Proto, cv1=tasks.DetectionModel, upsample=nn.Identity, cv2=nn.Identity, cv3=nn.Identity, f=-1, i=2
        )
        network: Any = bare(
            tasks.DetectionModel, yaml={"nc": 1, "channels": 3}, save=[], names={0: "lamp"}, inplace=True,
            stride=torch.tensor([32.0]), task="detect", args={},
        )  # fmt: skip
        network._modules["model"] = nn.Sequential(constant, pick, call)
        save_network(network, tmp_path / "w.pt")
    refuse(tmp_path / "w.pt", marker)


def test_settings_that_name_files_are_left_in_the_file(tmp_path: Path) -> None:
    settings = {"imgsz": "64", "data": "http://0.0.0.0/x.zip", "model": str(tmp_path / "x.pt"), "task": "detect"}
    with quiet_ultralytics():
        save_network(small_network(), tmp_path / "w.pt", train_args=settings)
        with watched() as events:
            run(tmp_path / "w.pt")
        assert events == []
        kept = open_model(tmp_path / "w.pt", trusted=False).overrides
    assert (kept["data"], kept["model"], kept["imgsz"]) == (None, str(tmp_path / "w.pt"), 640)


def test_a_large_size_that_only_a_file_states_is_refused(tmp_path: Path) -> None:
    with quiet_ultralytics():
        path = save_network(small_network(), tmp_path / "w.pt", train_args={"imgsz": 16384, "task": "detect"})
    with pytest.raises(ConfigError, match=r"w\.pt asks for images of 16384 pixels.*pass --imgsz"):
        open_detector(DetectorConfig(str(path), backend="torch"))


@pytest.mark.slow
def test_mutated_checkpoints_are_opened_or_refused_in_one_line(tmp_path: Path) -> None:
    with quiet_ultralytics():
        whole = save_network(small_network().half(), tmp_path / "whole.pt").read_bytes()
    chosen = random.Random(0)
    for _ in range(400):
        path = tmp_path / "w.pt"
        path.write_bytes(mutated(whole, chosen))
        with watched() as events, suppress(WeightsError):
            run(path)
        assert events == []


def mutated(whole: bytes, chosen: random.Random) -> bytes:
    """A checkpoint with a few bytes changed, cut, doubled or exchanged: in its pickle, or anywhere."""
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    anywhere = chosen.random() < 0.2
    target = next(name for name in parts if name.endswith("data.pkl"))
    data = bytearray(whole if anywhere else parts[target])
    for _ in range(chosen.choice((1, 1, 2, 5, 20))):
        start = chosen.randrange(len(data))
        length = chosen.choice((1, 1, 1, 4, 30))
        kind = chosen.randrange(4)
        if kind == 0:
            data[start : start + length] = chosen.randbytes(length)
        elif kind == 1:
            del data[start : start + length]
        elif kind == 2:
            data[start:start] = data[start : start + length]
        else:
            other = chosen.randrange(len(data))
            data[start : start + length] = data[other : other + length]
    if anywhere:
        return bytes(data)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in (parts | {target: bytes(data)}).items():
            file.writestr(name, content)
    return buffer.getvalue()
