"""The detectors of torchvision: the files they are kept in, and building them again; for detectors and trainers.

A state_dict does not say what it is of. So a checkpoint also names the function of `torchvision.models.detection` that
built the model, its arguments, and the classes: in the metadata of a safetensors file, or in a dictionary that was
saved with `torch.save`, which is opened with `weights_only=True`. Neither can run code.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from negmine.errors import ConfigError, UnsafeWeightsError, WeightsError
from negmine.paths import printable

if TYPE_CHECKING:
    from torch import Tensor, nn

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
_KEY = "negmine"  # of the metadata of a safetensors file
_WITHOUT_BACKGROUND = ("retinanet", "fcos")  # sigmoids, one a class: label 0 is one that is merely never used
_FIXED = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
_BACKGROUND = ("__background__", "background")
_HOW = (
    "write it with negmine.save_torchvision, or torch.save({'builder': 'fasterrcnn_resnet50_fpn', 'class_names': "
    "[...], 'state_dict': model.state_dict()}, path)"
)


@dataclass(frozen=True, slots=True, eq=False)
class TorchvisionCheckpoint:
    """All that a model of torchvision is built from.

    Attributes:
        builder: the function of `torchvision.models.detection` that built it; one of `BUILDERS`.
        class_names: of the labels `first_label`, `first_label` + 1, ...; the background is not among them.
        state: the state_dict.
        arguments: further arguments of the builder (`min_size`, `box_detections_per_img`, ...); JSON values.
        frozen_eps: where the backbone's batch normalisation is frozen, as it is after training from torchvision's own
            weights: its epsilon. None where it is not frozen.
        first_label: the label of the first class: 1, or 0 for a RetinaNet or FCOS that was built without a background.
        score_thresholds: of each class, under which its detections are dropped; None where there are none.
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
        """As torchvision counts them: the unused label 0 too."""
        return len(self.class_names) + self.first_label


def is_torchvision(weights: str) -> bool:
    """Whether weights are torchvision's, by how they are named."""
    return weights.startswith(PUBLISHED) or weights.lower().endswith(SUFFIXES)


def is_regions(path: Path) -> bool:
    """Whether a checkpoint is of a detector that judges regions, a Faster R-CNN.

    Raises:
        WeightsError: where it cannot be read.
    """
    return read_checkpoint(path).builder.startswith("fasterrcnn")


def build(checkpoint: TorchvisionCheckpoint, *, name: str) -> nn.Module:
    """Build the model of a checkpoint, ready to be run.

    Args:
        checkpoint: of the model.
        name: what to call it in a message.

    Raises:
        WeightsError: where the tensors are not those of that builder with so many classes.
    """
    from torchvision.models import get_model

    try:
        model = get_model(
            checkpoint.builder,
            weights=None,
            weights_backbone=None,
            num_classes=checkpoint.num_classes,
            **checkpoint.arguments,
        )
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{name}: {checkpoint.builder} refuses its arguments: {_first_line(error)}") from error
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
    """Have images resized so that their longer side is `imgsz`; None for the model's own rule."""
    if imgsz is None:
        return None
    if builder in _FIXED:
        size = model.transform.fixed_size[0]
        if imgsz != size:
            raise ConfigError(f"{builder} takes images of {size}x{size} pixels only, found imgsz {imgsz}; leave it out")
        return imgsz
    model.transform.min_size, model.transform.max_size = (imgsz,), imgsz
    return imgsz


def read_checkpoint(path: Path) -> TorchvisionCheckpoint:
    """Read a checkpoint, without running anything in it.

    Raises:
        UnsafeWeightsError: for a pickle of anything but tensors and plain values.
        WeightsError: for a file that is damaged, or does not say what it is of.
    """
    where = printable(path)
    if path.suffix.lower() == ".safetensors":
        document, state = _read_safetensors(path)
    else:
        document, state = _read_pickle(path)
    builder, names = document.get("builder"), document.get("class_names")
    if builder is None or names is None:
        raise WeightsError(f"{where} does not say what it is of (builder, class_names); {_HOW}")
    if builder not in BUILDERS:
        raise WeightsError(f"{where} is a {printable(str(builder))}; expected one of {', '.join(BUILDERS)}")
    if not (isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names)):
        raise WeightsError(f"{where}: expected class_names to be a list of texts, found {printable(str(names)[:80])}")
    if names[0] in _BACKGROUND:
        names = names[1:]
    stated, first = document.get("num_classes"), 1
    if stated == len(names) and builder.startswith(_WITHOUT_BACKGROUND):
        first = 0
    elif stated is not None and stated != len(names) + 1:
        raise WeightsError(
            f"{where} says num_classes {stated}, and names {len(names)} classes; expected one more than the names, for "
            "the background"
        )
    frozen = document.get("frozen_eps", _looks_frozen(builder, state))
    arguments = dict(document.get("arguments") or {})
    thresholds = _thresholds(document.get("score_thresholds"), len(names), where)
    return TorchvisionCheckpoint(builder, tuple(names), state, arguments, frozen, first, thresholds)


def write_checkpoint(checkpoint: TorchvisionCheckpoint, path: Path) -> None:
    """Write a checkpoint as safetensors; whole, or not at all.

    Raises:
        WeightsError: where it cannot be written.
    """
    from safetensors.torch import save_file

    document = {
        "builder": checkpoint.builder,
        "num_classes": checkpoint.num_classes,
        "class_names": list(checkpoint.class_names),
        "arguments": dict(checkpoint.arguments),
        "frozen_eps": checkpoint.frozen_eps,
    }
    if checkpoint.score_thresholds is not None:
        document["score_thresholds"] = list(checkpoint.score_thresholds)
    metadata = {_KEY: json.dumps(document, sort_keys=True)}  # one entry: several come in another order each time
    part = path.with_name(f"{path.name}.negmine-part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in checkpoint.state.items()}, part, metadata=metadata)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise WeightsError(f"cannot write {printable(path)}: {error.strerror or error}") from error


def checkpoint_of(
    model: nn.Module, builder: str, class_names: Sequence[str], arguments: Mapping[str, Any] | None = None
) -> TorchvisionCheckpoint:
    """What a model that is in memory would be read back from.

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


def save_torchvision(
    model: nn.Module,
    path: str | Path,
    *,
    builder: str,
    class_names: Sequence[str],
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Write a detector of torchvision so that `--weights` opens it: tensors, and what they are of.

    Args:
        model: a detector that was built by `torchvision.models.detection.<builder>(...)`.
        path: a file that ends in `.safetensors`; what is there is replaced.
        builder: the name of that function.
        class_names: of the labels 1, 2, ...
        arguments: what else the function was called with (`min_size`, ...).

    Raises:
        WeightsError: for another builder, a number of names that is not the model's, another ending, or a file that
            cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise WeightsError(f"expected a file that ends in .safetensors, found {printable(path)}")
    if builder not in BUILDERS:
        raise WeightsError(f"expected a builder of {', '.join(BUILDERS)}, found {printable(builder)}")
    checkpoint = checkpoint_of(model, builder, class_names, arguments)
    build(checkpoint, name="the model")  # that it can be read again
    write_checkpoint(checkpoint, path)


def published(name: str) -> TorchvisionCheckpoint:
    """The weights that torchvision publishes for a builder, of its COCO categories; downloaded once, by torch.

    Raises:
        WeightsError: for a name that is no builder's, or where they cannot be downloaded.
    """
    from torchvision.models import get_model, get_model_weights

    if name not in BUILDERS:
        raise WeightsError(f"torchvision has no detector {printable(name)}; expected one of {', '.join(BUILDERS)}")
    weights = get_model_weights(name).DEFAULT
    try:
        model = get_model(name, weights=weights, progress=False)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; a cut download has a wrong hash
        raise WeightsError(
            f"the published weights of {name} are not here, and could not be downloaded; are you online?"
        ) from error
    return checkpoint_of(model, name, weights.meta["categories"][1:])


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{printable(path)} cannot be read as safetensors: {_first_line(error)}") from error
    try:
        document = json.loads(metadata.get(_KEY, "{}"))
    except ValueError as error:
        raise WeightsError(f"{printable(path)}: its metadata {_KEY} is no JSON; {_HOW}") from error
    return (document if isinstance(document, dict) else {}), state


def _read_pickle(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # of a protocol that it may not know
            document = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UnsafeWeightsError(
            f"{printable(path)} holds more than tensors and plain values, and is not opened; {_HOW}"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        raise WeightsError(f"{printable(path)} cannot be read as a checkpoint: {_first_line(error)}") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("state_dict"), Mapping):
        raise WeightsError(f"{printable(path)} is no dictionary with builder, class_names and state_dict; {_HOW}")
    state = {str(name): value for name, value in document["state_dict"].items()}
    wrong = next((name for name, value in state.items() if not isinstance(value, torch.Tensor)), None)
    if wrong is not None:
        raise WeightsError(f"{printable(path)}: expected tensors in state_dict, found {type(state[wrong]).__name__} as "
                           f"{printable(wrong)}")  # fmt: skip
    return dict(document), state


def _thresholds(found: object, count: int, where: str) -> tuple[float, ...] | None:
    """The score threshold of each class, as a file has them."""
    if found is None:
        return None
    numbers = found if isinstance(found, (list, tuple)) else ()
    if len(numbers) != count or not all(type(number) in (int, float) and 0 <= number <= 1 for number in numbers):
        raise WeightsError(
            f"{where}: expected score_thresholds to be {count} numbers from 0 to 1, one a class, found "
            f"{printable(str(found)[:80])}; leave them out"
        )
    return tuple(map(float, numbers))


def _looks_frozen(builder: str, state: Mapping[str, Tensor]) -> float | None:
    """Frozen batch normalisation counts no batches."""
    norm = [name for name in state if name.startswith("backbone.") and name.endswith("running_var")]
    counted = any(name.removesuffix("running_var") + "num_batches_tracked" in state for name in norm)
    return 1e-5 if norm and not counted and not builder.endswith("_v2") else None


def _freeze_batch_norm(module: nn.Module, eps: float) -> None:
    from torch import nn
    from torchvision.ops import FrozenBatchNorm2d

    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, FrozenBatchNorm2d(child.num_features, eps=eps))
        else:
            _freeze_batch_norm(child, eps)


def _misfit(error: RuntimeError) -> str:
    """The first thing that torch says does not fit."""
    lines = [line.strip() for line in str(error).splitlines()[1:] if line.strip()]
    return lines[0].rstrip(".")[:200] if lines else _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
