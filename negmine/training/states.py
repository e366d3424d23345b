"""The state that a training resumes from, in one safetensors file: reading it runs nothing.

The folder of a training may come from somebody else. Plain values are JSON in the metadata of the file, in which a
tensor stands as its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save

from negmine.errors import TrainingError
from negmine.files import write_file
from negmine.paths import printable
from negmine.tensor_files import open_tensors

RESUME = "resume.safetensors"  # in the folder of a training
_KEY = "negmine"  # of the metadata
_SCALARS = (type(None), bool, int, float, str)


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Write a state, whole and on the disk, or not at all.

    Args:
        state: dictionaries (by text or number), lists and tuples of tensors, numbers and texts.
        path: of the file.

    Raises:
        OSError: where it cannot be written.
        TypeError: for anything else in it, which is a mistake of ours.
    """
    tensors: dict[str, torch.Tensor] = {}
    document = json.dumps(_encoded(state, tensors))
    write_file(path, save(tensors, {_KEY: document}))


def read_state(path: Path) -> dict[str, Any] | None:
    """Read a state on the CPU; None where there is none.

    Raises:
        TrainingError: where it is damaged, or was written by an older negmine.
    """
    if not path.is_file():
        older = path.with_suffix(".pt")
        if older.is_file():
            raise TrainingError(f"{printable(older)} was written by an older negmine; remove it to train again")
        return None
    try:
        with open_tensors(path, "pt") as file:
            document = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        state: dict[str, Any] = _decoded(document, tensors)
        if not isinstance(state, dict):
            raise TypeError
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TrainingError(f"{printable(path)} is damaged; remove it to train again from the start") from error
    return state


def _encoded(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"items": [[key, _encoded(each, tensors)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_encoded(each, tensors) for each in value]}
    if isinstance(value, _SCALARS):
        return value
    if hasattr(value, "item"):  # a number of NumPy
        return value.item()
    raise TypeError(f"a state holds no {type(value).__name__}")


def _decoded(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(value, _SCALARS):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {_key(key): _decoded(each, tensors) for key, each in content}
    decoded = [_decoded(each, tensors) for each in content]
    return {"list": decoded, "tuple": tuple(decoded)}[kind]


def _key(key: Any) -> Any:
    if not isinstance(key, (str, int)):
        raise TypeError
    return key
