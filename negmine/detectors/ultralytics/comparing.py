"""The comparison of a network in a checkpoint with the one that its description gives."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from negmine.detectors.ultralytics.modules import TENSORS, class_of, parts_of, table_of
from negmine.detectors.ultralytics.records import Record, Tensor, UnreadableError

if TYPE_CHECKING:
    from torch import nn

# of a module: what depends on the images that it last saw, or is set for every network that is opened
_PASSING = frozenset("training inplace np type shape shapes anchors strides valid_mask".split())
_MOST_DETECTIONS = 100_000


def _is_positive(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value > 0  # type: ignore[arg-type,operator]


def _is_momentum(value: object) -> bool:
    return value is None or (_is_positive(value) and value <= 1)  # type: ignore[operator]


# from the file, where they are in their ranges
TAKEN: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "eps": _is_positive,
        "momentum": _is_momentum,
        "max_det": lambda value: type(value) is int and 1 <= value <= _MOST_DETECTIONS,
        "agnostic_nms": lambda value: type(value) is bool,
        "_end2end": lambda value: type(value) is bool,
    }
)


def compare(record: Record, module: nn.Module, where: str) -> None:
    """Compare what is in a checkpoint with what its description gives, part by part.

    Raises:
        UnreadableError: with the first difference.
    """
    if class_of(record) != type(module).__name__:
        raise UnreadableError(f"{where} is a {record.kind[:80]}, and a {type(module).__name__} by its description")
    for kind in TENSORS:
        found = {name: value for name, value in table_of(record, kind).items() if value is not None}
        built = {name: value for name, value in getattr(module, kind).items() if value is not None}
        if set(found) != set(built):
            raise UnreadableError(f"{where} has other tensors than its description gives")
        for name, value in built.items():
            if not isinstance(found[name], Tensor) or found[name].shape != tuple(value.shape):
                raise UnreadableError(f"{where}.{name} has another shape than its description gives")
    for name, value in record.attributes.items():
        if isinstance(name, str):
            _compare_attribute(name, value, module, where)
    found_parts, parts = parts_of(record), module._modules
    if set(found_parts) != set(parts) or any((found_parts[name] is None) != (parts[name] is None) for name in parts):
        raise UnreadableError(f"{where} has other parts than its description gives")
    for name, part in parts.items():
        below = found_parts[name]
        if part is not None and below is not None:
            compare(below, part, f"{where}.{name}")


def _compare_attribute(name: str, value: object, module: nn.Module, where: str) -> None:
    if name in TAKEN or name in _PASSING:
        return
    if name.startswith("_"):
        if name.endswith("_hooks") and value:
            raise UnreadableError(f"{where} has hooks, which are functions")
        return
    missing = object()
    built = inspect.getattr_static(module, name, missing)  # the name is the file's: nothing is looked up by it
    if built is missing or isinstance(built, property):
        return  # of an older version, which nothing reads any more
    if _is_plain(built):
        if not _equals(value, built):
            raise UnreadableError(f"{where}.{name[:40]} is not what its description gives")
    elif callable(built) and not isinstance(built, type) and not _is_own_method(name, value):
        raise UnreadableError(f"{where}.{name[:40]} is a function of its own")


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 64 and all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _equals(found: object, built: object) -> bool:
    """Whether a value of the file is the one that was built; only the latter is walked, since lists may share lists."""
    if isinstance(built, (list, tuple)):
        return isinstance(found, (list, tuple)) and len(found) == len(built) and all(map(_equals, found, built))
    return not isinstance(found, (list, tuple)) and found == built


def _is_own_method(name: str, value: object) -> bool:
    """Whether it is what fusing leaves: `forward` is the class's own `forward_fuse`."""
    return (
        name == "forward"
        and isinstance(value, Record)
        and value.kind == "getattr"
        and len(value.arguments) == 2
        and value.arguments[1] in ("forward", "forward_fuse")
    )
