"""Which loss a detector of torchvision is trained with, by its family."""

from __future__ import annotations

from typing import Any

from torch import nn

from negmine.errors import WeightsError
from negmine.training.config import TrainConfig
from negmine.training.torchvision import dense
from negmine.training.torchvision.roi_heads import BiasedRoIHeads, OhemRoIHeads


def teach(model: Any, builder: str, config: TrainConfig) -> object:
    """Give a model the loss of `config`; changed in place.

    Args:
        model: of the builder.
        builder: its name in torchvision.
        config: which loss, and its numbers.

    Returns:
        What the loss keeps from batch to batch (with a `state_dict`), or None.

    Raises:
        WeightsError: where the family has no such loss.
    """
    if not builder.startswith("fasterrcnn"):
        return dense.teach(model, builder, config)
    model.roi_heads = _heads(model.roi_heads, builder, config)
    return None


def _heads(heads: Any, builder: str, config: TrainConfig) -> nn.Module:
    if config.loss == "stock":
        plain: nn.Module = heads
        return plain
    if config.loss == "ohem":
        return OhemRoIHeads(heads, batch=config.ohem_batch, nms_iou=config.ohem_nms)
    if config.loss == "heuristic":
        return BiasedRoIHeads(heads, batch=config.ohem_batch, bg_lo=config.bg_lo)
    if config.loss == "random":
        return BiasedRoIHeads(heads, batch=config.ohem_batch, positive_fraction=None)
    raise WeightsError(
        f"{builder} chooses among regions, and the loss {config.loss} weighs anchors; expected a loss of stock, ohem, "
        "heuristic, random"
    )
