"""The label formats: the one list that opening data sets, exporting them and `--format` go by.

A new format is a file here, with a subclass of `LabelFormat` as `FORMAT`, and a line in `_FORMATS`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from negmine.labels.base import LabelFormat

# Key to module, and whether it is written too. Modules are imported on use, since `--help` needs keys alone.
_FORMATS = {
    "voc": ("negmine.labels.voc", True),
    "yolo": ("negmine.labels.yolo", True),
    "coco": ("negmine.labels.coco", True),
}

WRITTEN_FORMATS = tuple(key for key, (_, is_written) in _FORMATS.items() if is_written)


def label_formats() -> tuple[LabelFormat, ...]:
    """All formats."""
    return tuple(map(label_format, _FORMATS))


@cache
def label_format(key: str) -> LabelFormat:
    """The format of a key.

    Raises:
        KeyError: where there is none.
    """
    module, _ = _FORMATS[key]
    found: LabelFormat = importlib.import_module(module).FORMAT
    return found
