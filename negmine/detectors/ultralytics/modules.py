"""The modules of a network as they are in its checkpoint: records with parts, tensors and attributes."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from negmine.detectors.ultralytics.records import Record, UnreadableError, described

RENAMED = MappingProxyType({"YOLOv10DetectionModel": "DetectionModel", "Silence": "Identity"})  # by Ultralytics
TENSORS = ("_parameters", "_buffers")
_MOST_MODULES, _MOST_ATTRIBUTES = 10_000, 300_000  # of a network; the largest have 1,500 and 33,000


def class_of(record: Record) -> str:
    """The class of a module, by its present name."""
    return RENAMED.get(record.kind, record.kind)


def table_of(record: Record, name: str) -> dict[object, Any]:
    """A table that every module has: its parts, parameters or buffers.

    Raises:
        UnreadableError: where it has none.
    """
    table = record.attributes.get(name)
    if not isinstance(table, dict):
        raise UnreadableError(f"a {record.kind[:80]} has no {name}")
    return table


def parts_of(record: Record) -> dict[str, Record | None]:
    """The parts of a module, by name.

    Raises:
        UnreadableError: where one is no module.
    """
    parts: dict[str, Record | None] = {}
    for name, part in table_of(record, "_modules").items():
        if not isinstance(name, str) or not isinstance(part, (Record, type(None))):
            raise UnreadableError(f"a {record.kind[:80]} has {described(part)} as a part")
        parts[name] = part
    return parts


def modules_of(record: Record) -> Iterator[Record]:
    """A module and all below it; one that is a part of several counts each time, since it is compared each time.

    Raises:
        UnreadableError: where they are far more than any network has, or have more attributes.
    """
    waiting, modules, attributes = [record], 1, 0
    while waiting:
        each = waiting.pop()
        below = [part for part in parts_of(each).values() if part is not None]
        modules += len(below)
        attributes += len(each.attributes) + sum(len(table_of(each, kind)) for kind in TENSORS)
        if modules > _MOST_MODULES:
            raise UnreadableError(f"it has more than {_MOST_MODULES} modules")
        if attributes > _MOST_ATTRIBUTES:
            raise UnreadableError(f"its modules have more than {_MOST_ATTRIBUTES} attributes")
        yield each
        waiting.extend(below)
