"""How labels are understood, the same in every command that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """How the labels of a data set are understood.

    Attributes:
        missing_is_empty: an image without a label holds no target; otherwise it is unlabelled, which says nothing.
        images: the folder of the images, searched to any depth; by default they are looked for around the labels.
        ignore_orphans: allow `missing_is_empty` although some labels found no image.
        class_map: class of the labels to the name that it shall have.
    """

    missing_is_empty: bool = False
    images: Path | None = None
    ignore_orphans: bool = False
    class_map: Mapping[str, str] = field(default_factory=dict)
