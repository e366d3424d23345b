"""Checkpoint files of torchvision detectors.

Everything in a `TorchvisionCheckpoint` is in the metadata of a safetensors file, or in a dictionary that was saved
with `torch.save`, which is opened with `weights_only=True`. Neither can run code.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from negmine.detectors.class_names import MOST_LETTERS
from negmine.detectors.torchvision.builders import (
    BUILDERS,
    TorchvisionCheckpoint,
    build,
    checkpoint_of,
    first_line,
    shown,
)
from negmine.detectors.weights_files import require_finite
from negmine.errors import UnsafeWeightsError, WeightsError
from negmine.files import reason_of, replace_file, require_dense
from negmine.paths import printable
from negmine.tensor_files import open_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

_KEY = "negmine"  # of the metadata of a safetensors file
_WITHOUT_BACKGROUND = ("retinanet", "fcos")  # one sigmoid per class: label 0 is merely never used
_BACKGROUND = ("__background__", "background")
_HOW = (
    "write it with negmine.save_torchvision, or torch.save({'builder': 'fasterrcnn_resnet50_fpn', 'class_names': "
    "[...], 'state_dict': model.state_dict()}, path)"
)


def read_checkpoint(path: Path) -> TorchvisionCheckpoint:
    """Read a checkpoint; no code in it is run.

    Raises:
        UnsafeWeightsError: for a pickle of anything but tensors and plain values.
        WeightsError: for a file that is damaged, or does not name its builder and classes.
    """
    where = printable(path)
    if path.suffix.lower() == ".safetensors":
        document, state = _read_safetensors(path)
    else:
        document, state = _read_pickle(path)
    builder, names = document.get("builder"), document.get("class_names")
    if builder is None or names is None:
        raise WeightsError(f"{where} does not say which model it is (builder, class_names); {_HOW}")
    if builder not in BUILDERS:
        raise WeightsError(f"{where} is a {shown(builder)}; expected one of {', '.join(BUILDERS)}")
    if not (isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names)):
        raise WeightsError(f"{where}: expected class_names to be a list of strings, found {shown(names)}")
    if sum(map(len, names)) > MOST_LETTERS:
        raise WeightsError(f"{where}: expected class names, found over {MOST_LETTERS} letters of them")
    if names[0] in _BACKGROUND:
        names = names[1:]
    stated, first = document.get("num_classes"), 1
    if stated is not None and type(stated) is not int:
        raise WeightsError(f"{where}: expected num_classes to be a whole number, found {shown(stated)}")
    if stated == len(names) and builder.startswith(_WITHOUT_BACKGROUND):
        first = 0
    elif stated is not None and stated != len(names) + 1:
        raise WeightsError(
            f"{where} says num_classes {stated}, and names {len(names)} classes; expected one more than the names, for "
            "the background"
        )
    require_finite(state, where)
    frozen = document.get("frozen_eps", _looks_frozen(builder, state))
    if frozen is not None and not (type(frozen) in (int, float) and math.isfinite(frozen) and frozen >= 0):
        raise WeightsError(f"{where}: expected frozen_eps to be a number of 0 or more, found {shown(frozen)}")
    arguments = document.get("arguments") or {}
    if not isinstance(arguments, Mapping) or not all(isinstance(name, str) for name in arguments):
        raise WeightsError(f"{where}: expected arguments to be a mapping by name, found {shown(arguments)}")
    thresholds = _thresholds(document.get("score_thresholds"), len(names), where)
    return TorchvisionCheckpoint(builder, tuple(names), state, dict(arguments), frozen, first, thresholds)


def write_checkpoint(checkpoint: TorchvisionCheckpoint, path: Path) -> None:
    """Write a checkpoint as safetensors, atomically.

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
    metadata = {_KEY: json.dumps(document, sort_keys=True)}  # one entry: the order of several would vary

    def write(part: Path) -> None:
        save_file({name: tensor.contiguous() for name, tensor in checkpoint.state.items()}, part, metadata=metadata)

    try:
        replace_file(path, write)
    except OSError as error:
        raise WeightsError(f"cannot write {printable(path)}: {error.strerror or error}") from error


def save_torchvision(
    model: nn.Module,
    path: str | Path,
    *,
    builder: str,
    class_names: Sequence[str],
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Write a torchvision detector so that `--weights` opens it: its tensors, its builder and its classes.

    Args:
        model: a detector that was built by `torchvision.models.detection.<builder>(...)`.
        path: a file that ends in `.safetensors`; an existing file is replaced.
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


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import SafetensorError

    try:
        with open_tensors(path, "pt") as file:
            metadata = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        why = reason_of(error) if isinstance(error, OSError) else first_line(error)
        raise WeightsError(f"{printable(path)} cannot be read as safetensors: {why}") from error
    try:
        document = json.loads(metadata.get(_KEY, "{}"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{printable(path)}: its metadata {_KEY} is not JSON; {_HOW}") from error
    return (document if isinstance(document, dict) else {}), state


def _read_pickle(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    import torch

    try:
        require_dense(path)
        with warnings.catch_warnings(action="ignore"):  # of a protocol that it may not know
            document = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UnsafeWeightsError(
            f"{printable(path)} holds more than tensors and plain values, and is not opened; {_HOW}"
        ) from error
    except Exception as error:  # a broken pickle raises whatever it stumbles over
        raise WeightsError(
            f"{printable(path)} cannot be read as a checkpoint: {printable(first_line(error)) or type(error).__name__}"
        ) from error
    if not isinstance(document, Mapping) or not isinstance(document.get("state_dict"), Mapping):
        raise WeightsError(f"{printable(path)} is not a dictionary with builder, class_names and state_dict; {_HOW}")
    state = {str(name): value for name, value in document["state_dict"].items()}
    wrong = next((name for name, value in state.items() if not isinstance(value, torch.Tensor)), None)
    if wrong is not None:
        raise WeightsError(f"{printable(path)}: expected tensors in state_dict, found {type(state[wrong]).__name__} as "
                           f"{printable(wrong)}")  # fmt: skip
    return dict(document), state


def _thresholds(found: object, count: int, where: str) -> tuple[float, ...] | None:
    """The score threshold of each class, from a file."""
    if found is None:
        return None
    numbers = found if isinstance(found, (list, tuple)) else ()
    if len(numbers) != count or not all(type(number) in (int, float) and 0 <= number <= 1 for number in numbers):
        raise WeightsError(
            f"{where}: expected score_thresholds to be {count} numbers from 0 to 1, one per class, found "
            f"{shown(found)}; leave them out"
        )
    return tuple(map(float, numbers))


def _looks_frozen(builder: str, state: Mapping[str, Tensor]) -> float | None:
    """Frozen batch normalisation counts no batches."""
    norm = [name for name in state if name.startswith("backbone.") and name.endswith("running_var")]
    counted = any(name.removesuffix("running_var") + "num_batches_tracked" in state for name in norm)
    return 1e-5 if norm and not counted and not builder.endswith("_v2") else None
