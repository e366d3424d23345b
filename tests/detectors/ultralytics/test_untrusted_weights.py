"""Checkpoints that hold other things than a network and its tensors: refused in one line, or never looked at."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_weights import Calls, bare, refuse, run, text, watched
from small_networks import save_network, small_network
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

pytestmark = pytest.mark.usefixtures("imported")
LONG = "x" * 600_000


def _nested(depth: int) -> object:
    """Lists in lists that double with each: 2^40 elements where they are walked."""
    value: object = "lamp"
    for _ in range(depth):
        value = [value, value]
    return value


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
    "names that share a long text": lambda marker, network: network.__dict__.update(names=dict.fromkeys((0, 1), LONG)),
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


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_are_data(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with quiet_ultralytics():
        network = small_network()
        ATTRIBUTES[kind](marker, network)
        save_network(network, tmp_path / "w.pt")
    refuse(tmp_path / "w.pt", marker)


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
