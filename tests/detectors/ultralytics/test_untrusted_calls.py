"""Checkpoints that would run, fetch or write something where they are unpickled or run: nothing happens."""

from __future__ import annotations

import builtins
import getpass
import importlib
import io
import os
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hostile_weights import Calls, bare, described, of, refuse, run, text, watched
from small_networks import save_network, small_network
from torch import nn

from negmine.detectors.ultralytics.quiet import quiet_ultralytics

pytestmark = pytest.mark.usefixtures("imported")


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
