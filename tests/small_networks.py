"""Networks of Ultralytics that are built in milliseconds, for tests of their checkpoints."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

DESCRIPTION: dict[str, Any] = {
    "nc": 2,
    "backbone": [[-1, 1, "Conv", [16, 3, 2]], [-1, 1, "C2f", [16, True]], [-1, 1, "SPPF", [16, 5]]],
    "head": [[-1, 1, "nn.Upsample", ["None", 2, "nearest"]], [[-1], 1, "Detect", ["nc"]]],
}


def small_network(**changes: Any) -> Any:
    """A detector of two classes with random weights; call it inside `quiet_ultralytics`."""
    return _built(changes) if changes else copy.deepcopy(_plain())


@cache
def _plain() -> Any:
    return _built({})


def _built(changes: dict[str, Any]) -> Any:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    network = DetectionModel({**copy.deepcopy(DESCRIPTION), **changes}, verbose=False)
    network.names = {0: "lamp", 1: "sign"}
    return network


def save_network(network: object, path: Path, **more: object) -> Path:
    """Save it as Ultralytics does after a training."""
    import torch

    torch.save({"model": network, "ema": None, "train_args": {"imgsz": 64, "task": "detect"}, **more}, path)
    return path
