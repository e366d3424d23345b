"""Refuses options of `negmine retrain` that the loss or the detector would ignore."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from negmine.errors import ConfigError

_LOSSES = {
    "neg_per_pos": ("ohem", "hard-negative"),
    "min_neg": ("ohem", "hard-negative"),
    "nms": ("ohem",),
    "ohem_batch": ("ohem", "heuristic", "random"),
    "ohem_nms": ("ohem",),
    "bg_lo": ("heuristic",),
}
_OF_REGIONS = ("ohem_batch", "ohem_nms", "bg_lo")  # of a Faster R-CNN; the others are of anchors


def check_options(ctx: click.Context, weights: str, loss: str | None) -> None:
    """Refuse an option that the user typed, where it would do nothing.

    Raises:
        ConfigError: with the option, and what it is for.
        WeightsError: where a checkpoint of torchvision cannot be read.
    """
    given = [name for name in _LOSSES if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if not given or not Path(weights).is_file():  # that they are missing is said elsewhere
        return
    regions = _judges_regions(weights)
    loss = loss or ("stock" if regions else "ohem")
    for name in given:
        if loss not in _LOSSES[name]:
            raise ConfigError(
                f"{_flag(name)} is for --loss {' and '.join(_LOSSES[name])}, found --loss {loss}; leave it out"
            )
        if (name in _OF_REGIONS) is not regions:
            raise ConfigError(
                f"{_flag(name)} is for detectors that judge {'regions' if name in _OF_REGIONS else 'anchors'} "
                f"({'Faster R-CNN' if name in _OF_REGIONS else 'all but Faster R-CNN'}); leave it out"
            )


def _judges_regions(weights: str) -> bool:
    from negmine.detectors.torchvision.builders import is_torchvision

    if not is_torchvision(weights):
        return False
    from negmine.detectors.torchvision.checkpoints import is_regions

    return is_regions(Path(weights))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
