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
        class_map: class of the labels, or of a detector, to the name that it is read by.
    """

    missing_is_empty: bool = False
    images: Path | None = None
    ignore_orphans: bool = False
    class_map: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> str:
        """The options that were given, for a message."""
        given = {
            "--missing-is-empty": self.missing_is_empty,
            "--images": self.images,
            "--ignore-orphans": self.ignore_orphans,
            "--class-map": self.class_map,
        }
        return " and ".join(name for name, value in given.items() if value)

    def settings(self) -> Mapping[str, object]:
        """As JSON values, those that were given."""
        values = {
            "missing_is_empty": self.missing_is_empty,
            "images": None if self.images is None else str(self.images),
            "ignore_orphans": self.ignore_orphans,
            "class_map": dict(sorted(self.class_map.items())),
        }
        return {name: value for name, value in values.items() if value}
