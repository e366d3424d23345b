"""One torchvision detector of each family, small enough for a test: names, and random weights in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torchvision.models import get_model

from negmine.detectors.torchvision.builders import checkpoint_of
from negmine.detectors.torchvision.checkpoints import write_checkpoint

FASTER, RETINA, FCOS, SSD = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn",
    "fcos_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
)
SMALL: dict[str, Any] = {"min_size": 64, "max_size": 96}  # SSD takes one size only


def random_model(builder: str, *, classes: int) -> Any:
    """A detector of so many classes, without the background."""
    torch.manual_seed(0)
    return get_model(builder, weights=None, weights_backbone=None, num_classes=classes + 1, **arguments_of(builder))


def write_random(path: Path, builder: str, names: tuple[str, ...]) -> Path:
    """Write a checkpoint of random weights."""
    model = random_model(builder, classes=len(names))
    write_checkpoint(checkpoint_of(model, builder, names, arguments_of(builder)), path)
    return path


def arguments_of(builder: str) -> dict[str, Any]:
    """What makes it small."""
    return {} if builder.startswith("ssd") else SMALL
