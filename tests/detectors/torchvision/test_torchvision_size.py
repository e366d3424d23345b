"""The size that torchvision's own transform gives an image after `set_size`."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from negmine.detectors.torchvision.builders import set_size
from negmine.errors import ConfigError


class _Detector(nn.Module):
    """The part of a detector that resizes."""

    def __init__(self, fixed_size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.transform = GeneralizedRCNNTransform(40, 333, [0.5] * 3, [0.25] * 3, fixed_size=fixed_size)


def resized(model: _Detector, height: int, width: int) -> tuple[int, int]:
    """Height and width of an image when the model sees it."""
    images, _ = model.transform([torch.zeros(3, height, width)])
    size: tuple[int, int] = images.image_sizes[0]
    return size


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (50, 50, (64, 64)),  # a square grows
        (50, 200, (16, 64)),  # a long image is as long as was asked for, not as high
        (200, 50, (64, 16)),
        (32, 64, (32, 64)),
        (1000, 750, (64, 48)),  # a large one shrinks
    ],
)
def test_the_longer_side_is_what_was_asked_for(
    height: int, width: int, expected: tuple[int, int], training: bool
) -> None:
    model = _Detector().train(training)
    assert set_size(model, "retinanet_resnet50_fpn", 64) == 64
    assert resized(model, height, width) == expected


def test_without_a_size_the_model_keeps_its_own_rule() -> None:
    model = _Detector()
    assert set_size(model, "retinanet_resnet50_fpn", None) is None
    assert resized(model, 50, 100) == (40, 80)


def test_a_model_of_one_size_takes_that_alone() -> None:
    model = _Detector((48, 48))
    assert set_size(model, "ssd300_vgg16", 48) == 48
    assert resized(model, 50, 200) == (48, 48)
    with pytest.raises(ConfigError, match="takes images of 48x48 pixels only, found imgsz 64; leave it out"):
        set_size(model, "ssd300_vgg16", 64)
