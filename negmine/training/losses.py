"""The losses of `--loss`, each declared once: its name, the detectors that it is for, its options and its factory.

The CLI, `TrainConfig` and the trainers read this registry, and nothing else decides. It imports no torch, so that
`--help` can read it; factories are named, and imported when a training needs them. It belongs to `training` and not to
`negmine.losses`, because a factory joins a loss function to one framework, and `negmine.losses` knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

from negmine.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from negmine.training.config import TrainConfig


class Family(StrEnum):
    """Detectors that are trained alike; the value is the name for messages."""

    ULTRALYTICS = "Ultralytics"
    RETINANET = "RetinaNet"
    FCOS = "FCOS"
    SSD = "SSD"
    FASTER_RCNN = "Faster R-CNN"


@dataclass(frozen=True, slots=True)
class Use:
    """How some families of detectors are trained with a loss.

    Attributes:
        families: that are trained this way.
        factory: `module:function`, called with the `TrainConfig`. What it returns depends on the framework:
            `negmine.training.ultralytics.criterion.HeadLoss`; a `Rule` of `negmine.training.torchvision.dense`; or, for
            Faster R-CNN, a function from torchvision's region heads to the heads to train with. None for the
            framework's own loss.
        options: fields of `TrainConfig` that this use reads; the CLI has an option for each.
        prior: count how rare objects are before the first step, for the bias of the head and for score thresholds.
    """

    families: tuple[Family, ...]
    factory: str | None = None
    options: tuple[str, ...] = ()
    prior: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss.

    Attributes:
        name: its value for `--loss`.
        uses: by family; a family that no use names cannot take the loss.
    """

    name: str
    uses: tuple[Use, ...]

    def use(self, family: Family) -> Use | None:
        """How detectors of a family are trained with it; None where they cannot be."""
        return next((use for use in self.uses if family in use.families), None)


_CRITERION = "negmine.training.ultralytics.criterion"
_DENSE = "negmine.training.torchvision.dense"
_ROI_HEADS = "negmine.training.torchvision.roi_heads"
_MINED = ("neg_per_pos", "min_neg")
_SUPPRESSED = (*_MINED, "nms_iou")

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "ohem",
            (
                Use((Family.ULTRALYTICS,), f"{_CRITERION}:ohem", _SUPPRESSED),
                Use((Family.RETINANET,), f"{_DENSE}:ohem_of_retinanet", _SUPPRESSED),
                Use((Family.FCOS,), f"{_DENSE}:ohem_of_fcos", _SUPPRESSED),
                Use((Family.SSD,), f"{_DENSE}:ohem_of_ssd", _SUPPRESSED),
                Use((Family.FASTER_RCNN,), f"{_ROI_HEADS}:ohem", ("ohem_batch", "ohem_nms")),
            ),
        ),
        Loss(
            "hard-negative",
            (
                Use((Family.ULTRALYTICS,), f"{_CRITERION}:hard_negative", _MINED),
                Use((Family.RETINANET, Family.FCOS), f"{_DENSE}:hard_negative", _MINED),
                Use((Family.SSD,), f"{_DENSE}:hard_negative_of_ssd", _MINED),
            ),
        ),
        Loss(
            "focal",
            (
                Use((Family.ULTRALYTICS,), f"{_CRITERION}:focal"),
                Use((Family.RETINANET, Family.FCOS)),
            ),
        ),
        Loss(
            "ghm",
            (
                Use((Family.ULTRALYTICS,), f"{_CRITERION}:ghm"),
                Use((Family.RETINANET, Family.FCOS), f"{_DENSE}:ghm"),
            ),
        ),
        Loss(
            "guided",
            (
                Use((Family.ULTRALYTICS,), f"{_CRITERION}:guided"),
                Use((Family.RETINANET, Family.FCOS), f"{_DENSE}:guided", prior=True),
            ),
        ),
        Loss(
            "stock",
            (
                Use((Family.ULTRALYTICS,), f"{_CRITERION}:stock"),
                Use((Family.RETINANET, Family.FCOS, Family.SSD, Family.FASTER_RCNN)),
            ),
        ),
        Loss("heuristic", (Use((Family.FASTER_RCNN,), f"{_ROI_HEADS}:heuristic", ("ohem_batch", "bg_lo")),)),
        Loss("random", (Use((Family.FASTER_RCNN,), f"{_ROI_HEADS}:random", ("ohem_batch",)),)),
    )
}


def default_loss(family: Family) -> str:
    """The loss of a training that names none: OHEM can lose a Faster R-CNN (`benchmarks/ohem.py`)."""
    return "stock" if family is Family.FASTER_RCNN else "ohem"


def family_of_builder(builder: str) -> Family:
    """The family of a model that a function of `torchvision.models.detection` built."""
    prefixes = {"fasterrcnn": Family.FASTER_RCNN, "retinanet": Family.RETINANET, "fcos": Family.FCOS, "ssd": Family.SSD}
    return next(family for prefix, family in prefixes.items() if builder.startswith(prefix))


def use_of(name: str | None, family: Family, where: str) -> Use:
    """How a family is trained with a loss.

    Args:
        name: of the loss; None for the default.
        family: of the detector.
        where: the weights, for the message.

    Raises:
        WeightsError: where the family cannot take the loss.
    """
    name = name or default_loss(family)
    use = LOSSES[name].use(family)
    if use is None:
        fitting = ", ".join(loss.name for loss in LOSSES.values() if loss.use(family))
        raise WeightsError(f"{where}: the loss {name} is not for {family} detectors; use one of {fitting}")
    return use


def make_loss(config: TrainConfig, family: Family, where: str) -> Any:
    """Make the loss that a family is trained with; see `Use.factory` for what is returned.

    Args:
        config: which loss, and its options.
        family: of the detector.
        where: the weights, for the message.

    Raises:
        WeightsError: where the family cannot take the loss.
    """
    use = use_of(config.loss, family, where)
    if use.factory is None:
        return None
    module, function = use.factory.split(":")
    return getattr(import_module(module), function)(config)


def option_fields() -> frozenset[str]:
    """The fields of `TrainConfig` that only some losses read."""
    return frozenset(field for loss in LOSSES.values() for use in loss.uses for field in use.options)


def check_options(given: Mapping[str, str], name: str | None, family: Family) -> None:
    """Refuse options that a training would ignore.

    Args:
        given: the fields of `TrainConfig` that the user set, with the name that the user knows each by (`--min-neg`).
        name: of the loss; None for the default.
        family: of the detector.

    Raises:
        ConfigError: with the option, and what it is for.
    """
    name = name or default_loss(family)
    use = LOSSES[name].use(family)
    for field, shown in given.items():
        if use is None or field in use.options:  # a loss that the family cannot take is refused by the trainer
            continue
        losses = [loss.name for loss in LOSSES.values() if any(field in use.options for use in loss.uses)]
        if name not in losses:
            raise ConfigError(f"{shown} is for --loss {_listed(losses)}, found --loss {name}; leave it out")
        families = [each for each in Family if (other := LOSSES[name].use(each)) and field in other.options]
        raise ConfigError(f"{shown} is for {_listed(families)} detectors, found {family}; leave it out")


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
