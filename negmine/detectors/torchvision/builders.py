"""What torchvision detectors are built from, and building them; for detectors and trainers.

A state_dict does not say which model it is of. So a checkpoint also names the function of
`torchvision.models.detection` that built the model, its arguments, and the classes.
"""

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from negmine.detectors.config import MAX_IMGSZ
from negmine.detectors.devices import is_out_of_memory
from negmine.errors import ConfigError, WeightsError
from negmine.paths import printable

if TYPE_CHECKING:
    from torch import Tensor, nn

_REPR = reprlib.Repr()
_REPR.maxlevel = 2

BUILDERS = (
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
)
SUFFIXES = (".safetensors", ".pth")
PUBLISHED = "torchvision:"
_SIZES = frozenset({"min_size", "max_size"})
FIXED = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")


@dataclass(frozen=True, slots=True, eq=False)
class TorchvisionCheckpoint:
    """Everything that a torchvision model is built from.

    Attributes:
        builder: the function of `torchvision.models.detection` that built it; one of `BUILDERS`.
        class_names: of the labels `first_label`, `first_label` + 1, ...; the background is not among them.
        state: the state_dict.
        arguments: further arguments of the builder (`min_size`, `box_detections_per_img`, ...); JSON values.
        frozen_eps: where the backbone's batch normalisation is frozen, as it is after training from torchvision's own
            weights: its epsilon. None where it is not frozen.
        first_label: the label of the first class: 1, or 0 for a RetinaNet or FCOS that was built without a background.
        score_thresholds: of each class, under which its detections are dropped; None for no thresholds.
    """

    builder: str
    class_names: tuple[str, ...]
    state: Mapping[str, Tensor]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    frozen_eps: float | None = None
    first_label: int = 1
    score_thresholds: tuple[float, ...] | None = None

    @property
    def num_classes(self) -> int:
        """As torchvision counts them, with the unused label 0."""
        return len(self.class_names) + self.first_label


def is_torchvision(weights: str) -> bool:
    """Whether weights are torchvision's, by name."""
    return weights.startswith(PUBLISHED) or weights.lower().endswith(SUFFIXES)


def build(checkpoint: TorchvisionCheckpoint, *, name: str) -> nn.Module:
    """Build the model of a checkpoint, ready to run.

    Args:
        checkpoint: of the model.
        name: what to call it in a message.

    Raises:
        WeightsError: where the tensors are not those of that builder with so many classes.
    """
    from torchvision.models import get_model

    _check_arguments(checkpoint, name)
    try:
        model = get_model(
            checkpoint.builder,
            weights=None,
            weights_backbone=None,
            num_classes=checkpoint.num_classes,
            **checkpoint.arguments,
        )
    except Exception as error:  # torchvision raises whatever it stumbles over
        if is_out_of_memory(error):
            raise WeightsError(f"{name} does not fit into the memory of this machine") from error
        raise WeightsError(f"{name}: {checkpoint.builder} refuses its arguments: {first_line(error)}") from error
    if checkpoint.frozen_eps is not None:
        _freeze_batch_norm(model.backbone, checkpoint.frozen_eps)
    try:
        model.load_state_dict(dict(checkpoint.state))
    except RuntimeError as error:
        raise WeightsError(
            f"{name} does not fit what it says it is, {checkpoint.builder} with "
            f"num_classes {checkpoint.num_classes}: {_misfit(error)}; save it again with its own builder and names"
        ) from error
    built: nn.Module = model.eval()
    return built


def set_size(model: Any, builder: str, imgsz: int | None) -> int | None:
    """Make `imgsz` the longer side that images are resized to; None keeps the model's own rule."""
    if imgsz is None:
        return None
    if builder in FIXED:
        size = model.transform.fixed_size[0]
        if imgsz != size:
            raise ConfigError(f"{builder} takes images of {size}x{size} pixels only, found imgsz {imgsz}; leave it out")
        return imgsz
    model.transform.min_size, model.transform.max_size = (imgsz,), imgsz
    return imgsz


def checkpoint_of(
    model: nn.Module, builder: str, class_names: Sequence[str], arguments: Mapping[str, Any] | None = None
) -> TorchvisionCheckpoint:
    """The checkpoint of a model in memory.

    Args:
        model: from `torchvision.models.detection`, any builder of `BUILDERS`.
        builder: its name.
        class_names: of the labels 1, 2, ...
        arguments: what else the builder was called with.
    """
    from torchvision.ops import FrozenBatchNorm2d

    frozen = [module.eps for module in model.modules() if isinstance(module, FrozenBatchNorm2d)]
    return TorchvisionCheckpoint(
        builder, tuple(class_names), model.state_dict(), dict(arguments or {}), frozen[0] if frozen else None
    )


def published(name: str) -> TorchvisionCheckpoint:
    """The weights that torchvision publishes for a builder, of its COCO categories; downloaded once, by torch.

    Raises:
        WeightsError: for a name that is not a builder's, or where they cannot be downloaded.
    """
    from torchvision.models import get_model, get_model_weights

    if name not in BUILDERS:
        raise WeightsError(f"torchvision has no detector {printable(name)!r}; expected one of {', '.join(BUILDERS)}")
    weights = get_model_weights(name).DEFAULT
    try:
        model = get_model(name, weights=weights, progress=False)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; a cut download has a wrong hash
        raise WeightsError(
            f"the published weights of {name} are not here, and could not be downloaded; are you online?"
        ) from error
    return checkpoint_of(model, name, weights.meta["categories"][1:])


def _check_arguments(checkpoint: TorchvisionCheckpoint, name: str) -> None:
    """Refuse arguments that a model would only fail on when it runs, or, as SSD does, ignore."""
    from torchvision.models import detection

    family = {"fasterrcnn": "FasterRCNN", "retinanet": "RetinaNet", "fcos": "FCOS"}
    model = getattr(detection, family.get(checkpoint.builder.split("_")[0], "ssd"))
    known = inspect.signature(getattr(model, "SSD", model).__init__).parameters
    for key, value in checkpoint.arguments.items():
        if key not in known and key != "trainable_backbone_layers":
            raise WeightsError(f"{name}: {checkpoint.builder} refuses its arguments: it has no {shown(key)}")
        numbers = value if isinstance(value, (list, tuple)) else [value]
        three = len(numbers) == 3 or not key.startswith("image_")
        if not (numbers and three and all(isinstance(each, (int, float)) and math.isfinite(each) for each in numbers)):
            raise WeightsError(
                f"{name}: {checkpoint.builder} refuses its arguments: expected {key} to be a number or several, found "
                f"{shown(value)}"
            )
        if key in _SIZES and not all(1 <= each <= MAX_IMGSZ for each in numbers):
            raise WeightsError(
                f"{name}: {checkpoint.builder} refuses its arguments: expected {key} from 1 to {MAX_IMGSZ} pixels, "
                f"found {shown(value)}"
            )


def _freeze_batch_norm(module: nn.Module, eps: float) -> None:
    from torch import nn
    from torchvision.ops import FrozenBatchNorm2d

    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, FrozenBatchNorm2d(child.num_features, eps=eps))
        else:
            _freeze_batch_norm(child, eps)


def _misfit(error: RuntimeError) -> str:
    """The first mismatch that torch names."""
    lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
    return lines[0].rstrip(".")[:200] if lines else first_line(error)


def shown(value: object) -> str:
    """A value of any kind in a message, on one line. Little of it is walked: lists of a pickle may share lists."""
    text = value if isinstance(value, str) else _REPR.repr(value)
    return printable(" ".join(text[:1000].split())[:80])


def first_line(error: Exception) -> str:
    """The first line of a framework's error, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
