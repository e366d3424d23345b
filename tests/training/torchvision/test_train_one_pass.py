"""One epoch of a detector that is a line, compared with the same steps by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from negmine.training.torchvision.loop import Settings, make_optimizer, train_one_pass

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]
NAMES = [[Path("a.png"), Path("b.png")], [Path("c.png"), Path("d.png")], [Path("e.png"), Path("f.png")]]
CPU = torch.device("cpu")


class _Line(nn.Module):
    """Takes images of two values, and has two losses: of the line, and of where it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(2, 1, dtype=torch.float64)
        with torch.no_grad():
            self.line.weight.copy_(torch.tensor([[0.5, -0.25]]))
            self.line.bias.fill_(2.0)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        assert self.training
        off = self.line(torch.stack(images))[:, 0] - torch.stack([target["height"] for target in targets])
        return {"line": (off**2).mean(), "begin": ((self.line.bias - 1) ** 2).sum()}


def batches() -> list[Batch]:
    """Three batches of two images."""
    generator = torch.Generator().manual_seed(0)
    return [
        (
            list(torch.rand(2, 2, generator=generator, dtype=torch.float64)),
            [{"height": height} for height in torch.rand(2, generator=generator, dtype=torch.float64)],
        )
        for _ in range(3)
    ]


def by_hand(rates: Sequence[float], settings: Settings) -> tuple[np.ndarray, float, dict[str, float]]:
    """Weight, bias and mean losses after plain gradient descent, worked out with NumPy."""
    weight, bias, losses = np.array([0.5, -0.25]), 2.0, []
    for (images, targets), rate in zip(batches(), rates, strict=True):
        x, y = np.stack([image.numpy() for image in images]), np.array([float(each["height"]) for each in targets])
        off = x @ weight + bias - y
        losses.append(((off**2).mean(), (bias - 1) ** 2))
        of_weight, of_bias = 2 * (off[:, None] * x).mean(0), 2 * off.mean() + 2 * (bias - 1)
        norm = np.sqrt((of_weight**2).sum() + of_bias**2)
        shrunk = min(settings.clip / norm, 1.0)
        weight = weight - rate * (of_weight * shrunk + settings.weight_decay * weight)
        bias = bias - rate * of_bias * shrunk  # a bias does not decay
    line, begin = np.mean(losses, 0)
    return weight, bias, {"line": line, "begin": begin}


def trained(
    given: Sequence[Batch],
    names: Sequence[Sequence[Path]],
    rates: Sequence[float],
    settings: Settings,
    *,
    scaled: bool = False,
) -> tuple[_Line, dict[str, float]]:
    """The model after an epoch, and the losses that it was told of."""
    model = _Line()
    losses = train_one_pass(
        model,
        make_optimizer(model, settings),
        given,
        names,
        device=CPU,
        rates=rates,
        settings=settings,
        scaler=torch.amp.GradScaler("cpu", enabled=scaled),
    )
    return model, losses


def test_an_epoch_of_no_batches_changes_nothing() -> None:
    model, losses = trained([], [], [], Settings())
    assert losses == {}
    assert all(torch.equal(each, wanted) for each, wanted in zip(model.parameters(), _Line().parameters(), strict=True))


@pytest.mark.parametrize("scaled", [False, True])  # the line is of double precision, which autocast leaves alone
@pytest.mark.parametrize("weight_decay", [0.0, 0.8])
@pytest.mark.parametrize("clip", [0.5, 1e6])
@pytest.mark.parametrize("rates", [[0.1, 0.1, 0.1], [0.02, 0.1, 0.05]])
def test_the_steps_are_those_by_hand(rates: list[float], clip: float, weight_decay: float, scaled: bool) -> None:
    settings = Settings(optimizer="sgd", momentum=0.0, lr0=0.7, clip=clip, weight_decay=weight_decay)
    model, losses = trained(batches(), NAMES, rates, settings, scaled=scaled)
    weight, bias, expected = by_hand(rates, settings)
    assert model.line.weight[0].tolist() == pytest.approx(weight.tolist(), rel=1e-5)
    assert model.line.bias.item() == pytest.approx(bias, rel=1e-5)
    assert losses == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weights_decay_and_biases_and_what_is_frozen_do_not(optimizer: str) -> None:
    """Without a gradient, a step is the decay alone: a share of rate times decay."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)
        parameter.grad = torch.zeros_like(parameter)
    model[2].weight.requires_grad_(False)
    make_optimizer(model, Settings(optimizer=optimizer, momentum=0.0, lr0=0.1, weight_decay=0.5)).step()
    kept = {name: parameter.unique().item() for name, parameter in model.named_parameters()}
    assert kept.pop("0.weight") == pytest.approx(0.95)
    assert set(kept.values()) == {1.0}
