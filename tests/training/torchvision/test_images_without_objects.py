"""Images without objects in every loss of every family of torchvision: finite, and with the gradients that they owe.

What an image without objects teaches is that nothing is there: the classes get a gradient, the boxes none. The families
of Ultralytics are in `test_criterion.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families import FASTER, FCOS, RETINA, SSD, random_model
from torch import Tensor

from negmine.training.config import TrainConfig
from negmine.training.torchvision.trainer import install_loss

CLASSES, BOXES = ("cls_score", "classification_head"), ("bbox_pred", "regression_head")  # names of their layers
TEACHES = [
    *((FASTER, loss) for loss in ("stock", "ohem", "random")),
    *((RETINA, loss) for loss in ("stock", "focal", "ohem", "hard-negative", "ghm", "guided")),
    *((FCOS, loss) for loss in ("stock", "ohem", "hard-negative", "ghm", "guided")),
    *((SSD, loss) for loss in ("ohem", "hard-negative")),
]
TEACHES_NOTHING = [(SSD, "stock"), (FASTER, "heuristic")]  # each for a reason of its own; see below


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for builder in (FASTER, RETINA, FCOS, SSD):
        made[builder] = random_model(builder, classes=2).train()
    return made


def _batch(objects: int) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Two images, of which the first has so many objects."""
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 64, 80, generator=generator), torch.rand(3, 64, 80, generator=generator)]
    boxes = torch.tensor([[10.0, 10.0, 50.0, 50.0]])[:objects].reshape(-1, 4)
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    return images, [{"boxes": boxes, "labels": torch.ones(objects, dtype=torch.int64)}, none]


def _losses(models: dict[str, Any], builder: str, loss: Any, objects: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The losses of a batch, and the gradient of every weight."""
    model = models[builder]
    heads, place = getattr(model, "roi_heads", None), model if builder == SSD else getattr(model, "head", None)
    install_loss(model, builder, TrainConfig(loss=loss, min_neg=8, device="cpu"))
    try:
        model.zero_grad()
        torch.manual_seed(5)
        losses = model(*_batch(objects))
        torch.stack(list(losses.values())).sum().backward()
        found = {name: value.detach() for name, value in losses.items()}
        return found, {name: parameter.grad for name, parameter in model.named_parameters()}
    finally:
        if heads is not None:
            model.roi_heads = heads
        if place is not None:
            vars(place).pop("compute_loss", None)


def _gradient(gradients: dict[str, Any], layers: tuple[str, ...]) -> float:
    """The sum of the gradient's absolute values in some layers."""
    found = [each for name, each in gradients.items() if any(layer in name for layer in layers)]
    assert found
    return sum(float(each.abs().sum()) for each in found if each is not None)


@pytest.mark.slow_after(2)
@pytest.mark.parametrize(("builder", "loss"), TEACHES)
def test_a_batch_without_objects_teaches_the_classes_alone(models: dict[str, Any], builder: str, loss: Any) -> None:
    losses, gradients = _losses(models, builder, loss, 0)
    assert all(bool(torch.isfinite(value)) for value in losses.values())
    assert all(bool(torch.isfinite(each).all()) for each in gradients.values() if each is not None)
    assert _gradient(gradients, CLASSES) > 0
    assert _gradient(gradients, BOXES) == 0


@pytest.mark.parametrize(("builder", "loss"), TEACHES_NOTHING)
@pytest.mark.slow_after(2)
def test_what_learns_nothing_from_them(models: dict[str, Any], builder: str, loss: Any) -> None:
    """torchvision's SSD takes negatives by the number of positives; 1:3 with bg_lo 0.1 wants regions near an object."""
    losses, gradients = _losses(models, builder, loss, 0)
    assert all(bool(torch.isfinite(value)) for value in losses.values())
    assert _gradient(gradients, (*CLASSES, *BOXES)) == 0


@pytest.mark.parametrize(("builder", "loss"), TEACHES)
@pytest.mark.slow_after(2)
def test_a_batch_with_an_object_teaches_both(models: dict[str, Any], builder: str, loss: Any) -> None:
    losses, gradients = _losses(models, builder, loss, 1)
    assert all(bool(torch.isfinite(value)) for value in losses.values())
    assert _gradient(gradients, CLASSES) > 0
    assert _gradient(gradients, BOXES) > 0


@pytest.mark.parametrize("builder", [RETINA, FCOS])
@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.slow_after(2)
def test_ohem_keeps_the_value_of_the_classification_term(models: dict[str, Any], builder: str, objects: int) -> None:
    stock, _ = _losses(models, builder, "stock", objects)
    ohem, _ = _losses(models, builder, "ohem", objects)
    torch.testing.assert_close(ohem["classification"], stock["classification"], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(ohem["bbox_regression"], stock["bbox_regression"])


def test_an_image_without_objects_leaves_the_loss_of_the_others_in_ssd_alone(models: dict[str, Any]) -> None:
    stock, _ = _losses(models, SSD, "stock", 1)
    floored, _ = _losses(models, SSD, "hard-negative", 1)
    alone, _ = _losses(models, SSD, "hard-negative", 0)
    torch.testing.assert_close(floored["bbox_regression"], stock["bbox_regression"])
    assert float(floored["classification"]) > float(stock["classification"])  # by the image without objects
    assert float(alone["classification"]) < 2 * float(floored["classification"])  # which does not drown the other
