"""Small checkpoints with random weights that fire, so that there is something to compare."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from negmine.detectors.ultralytics.cache import pack
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.structures import Image

if TYPE_CHECKING:
    import torch


_FLOATS = re.compile(rb'<data element_type="f32" shape="[^"]*" offset="(\d+)" size="(\d+)"')


def write_firing_checkpoint(
    path: Path, *, seed: int = 0, architecture: str = "yolo11n", without_suppression: bool = False, bias: float = -2.0,
    spread: float = 0.05, names: Sequence[str] = (), channels: int = 3,
) -> Path:  # fmt: skip
    """Save an untrained model whose scores depend on the picture and reach over 0.5, unless its bias is lower.

    Args:
        path: of the checkpoint.
        seed: of the weights.
        architecture: by Ultralytics' name.
        without_suppression: keep only the head that needs none, as fusing does.
        bias: of all classes.
        spread: standard deviation of the weights that scores are made with.
        names: of the classes; empty for 80 that are called by their numbers.
        channels: of the images that it sees.
    """
    with quiet_ultralytics():
        import torch
        from ultralytics.nn.tasks import DetectionModel, yaml_model_load

        torch.manual_seed(seed)
        described = yaml_model_load(f"{architecture}.yaml")
        model = DetectionModel(described, ch=channels, nc=len(names) or None, verbose=False)
        if names:
            model.names = dict(enumerate(names))
        _settle(model, channels)
        head = model.model[-1]
        for name in ("cv3", "one2one_cv3"):
            for branch in getattr(head, name, None) or ():
                torch.nn.init.normal_(branch[-1].weight, std=spread)
                torch.nn.init.constant_(branch[-1].bias, bias)
        if without_suppression:
            model.end2end = True
            model.eval().fuse(verbose=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model": model.half(), "ema": None, "train_args": {"imgsz": 96, "task": "detect"}}, path)
    return path


def break_model(file: Path) -> None:
    """Give a converted model on OpenVINO other weights, in a file that is whole."""
    with zipfile.ZipFile(file) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    weights = bytearray(parts["model.bin"])
    for offset, size in _FLOATS.findall(parts["model.xml"]):
        if int(size) > 1000:  # of a layer; what is smaller may be a constant of the arithmetic
            weights[int(offset) : int(offset) + int(size)] = bytes(int(size))
    file.write_bytes(pack(parts | {"model.bin": bytes(weights)}))


def _settle(model: torch.nn.Module, channels: int) -> None:
    """Give all normalisations the statistics of noise, as a training would; without, nothing gets through."""
    import torch

    layers = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()  # building it has run it on an empty picture
        layer.momentum = None  # the average of all that is seen
    noise = [cv2.resize(picture, (96, 96))[..., ::-1] / 255.0 for picture in pictures(8)]
    with torch.no_grad():
        images = torch.from_numpy(np.stack(noise)).permute(0, 3, 1, 2).float()
        model.train()(images.repeat(1, 2, 1, 1)[:, :channels])
    for layer in layers:
        layer.momentum = 0.03


def pictures(count: int = 6, *, seed: int = 0) -> list[Image]:
    """Coarse noise of several sizes, flat and tall ones among them."""
    rng = np.random.default_rng(seed)
    sizes = [(96, 96), (60, 90), (200, 130), (40, 160), (96, 64), (33, 31), (120, 250)]
    found = []
    for index in range(count):
        height, width = sizes[index % len(sizes)]
        coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        found.append(np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1), dtype=np.uint8))[:height, :width]))
    return found
