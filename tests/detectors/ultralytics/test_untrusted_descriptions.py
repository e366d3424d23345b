"""Descriptions of networks that would run something where they are built, or take all memory and time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile_weights import described, layer, refuse, text
from small_networks import save_network, small_network
from torch import nn

from negmine.detectors.ultralytics.budgets import budget_mode
from negmine.detectors.ultralytics.loading import open_model
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.ultralytics.records import UnreadableError
from negmine.errors import WeightsError

pytestmark = pytest.mark.usefixtures("imported")


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
    "a network without a head": lambda marker: described(head=[[-1, 1, "nn.Upsample", ["None", 2, "nearest"]]] * 2),
    "a head of other classes": lambda marker: described(
        head=[[-1, 1, "nn.Upsample", ["None", 2, "nearest"]], [[-1], 1, "Detect", [5]]]
    ),
    "classes beyond measure": lambda marker: described(nc=1 << 40),
    "channels beyond measure": lambda marker: described(channels=1 << 40),
    "no mapping": lambda marker: [text(marker)],
    "a file": lambda marker: str(marker),
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_descriptions_are_data(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with quiet_ultralytics():
        network = small_network()
        network.yaml = DESCRIPTIONS[kind](marker)
        save_network(network, tmp_path / "w.pt")
    refuse(tmp_path / "w.pt", marker)


# Descriptions of few parameters whose feature maps are large: gigabytes where they are built unchecked.
LARGE: dict[str, tuple[dict[str, Any], str]] = {
    "many channels": (layer("Conv", 2000, 1, 1), "takes far more memory than any detector"),
    "wide windows": (layer("Conv", 8, 64, 1), "takes far more memory than any detector"),
    "upsampling": (layer("nn.Upsample", "None", 32, "nearest"), "enlarges images beyond measure"),
    "many channels before a head that is not tried": (
        described(
            backbone=[[-1, 1, "Conv", [2000, 1, 1]], [-1, 1, "C2f", [16, True]], [-1, 1, "SPPF", [16, 5]]],
            head=[[-1, 1, "Conv", [16]], [[-1], 1, "RTDETRDecoder", ["nc", 16, 30, 4, 2, 1]]],
        ),
        "takes far more memory than any detector",
    ),
    "attention between all places": (
        described(
            backbone=[[-1, 1, "Conv", [128, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 1, "C2PSA", [128]]],
        ),
        "takes far more memory than any detector",
    ),
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


def test_attention_is_limited_though_it_is_not_laid_out() -> None:
    heads = torch.empty(1, 1, 4096, 8)
    with budget_mode(1 << 28), torch.no_grad(), pytest.raises(UnreadableError, match="far more memory"):
        nn.functional.scaled_dot_product_attention(heads, heads, heads)


@pytest.mark.parametrize(
    "take_long",
    [
        lambda: torch.conv2d(torch.empty(1, 4000, 128, 128), torch.empty(4000, 4000, 1, 1)),
        lambda: torch.conv_transpose2d(torch.empty(1, 4000, 128, 128), torch.empty(4000, 4000, 1, 1)),
        lambda: torch.mm(torch.empty(8000, 8192), torch.empty(8192, 8192)),
        lambda: torch.max_pool2d(torch.empty(1, 400, 256, 256), 64, 1, 32),
    ],
)
def test_what_takes_far_more_time_than_any_detector_is_not_run(
    take_long: Callable[[], object],
) -> None:
    with budget_mode(1 << 28), torch.no_grad(), pytest.raises(UnreadableError, match="far more time than any detector"):
        take_long()
