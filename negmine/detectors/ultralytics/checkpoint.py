"""What there is to know about a checkpoint of Ultralytics besides its weights: enough to run a converted one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from negmine.detectors.config import DetectorConfig, require_stated_size

_IOU, _IMGSZ = 0.7, 640  # Ultralytics' own


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Describes a checkpoint.

    Attributes:
        name: of its file.
        sha256: of its file, hex.
        class_names: by class id.
        trained_imgsz: the input size that it was trained at, pixels; None if unknown.
        end2end: its head picks the best boxes, which need no NMS.
    """

    name: str
    sha256: str
    class_names: Mapping[int, str]
    trained_imgsz: int | None
    end2end: bool

    def to_bytes(self) -> bytes:
        """Everything but the name and the hash of its file."""
        names = {str(number): name for number, name in self.class_names.items()}
        document = {"class_names": names, "trained_imgsz": self.trained_imgsz, "end2end": self.end2end}
        return json.dumps(document, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes, name: str, sha256: str) -> Checkpoint:
        """The inverse of `to_bytes`.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: for anything else.
        """
        document: dict[str, Any] = json.loads(data)
        names = {int(number): str(each) for number, each in sorted(document["class_names"].items(), key=_by_number)}
        return cls(name, sha256, names, document["trained_imgsz"], bool(document["end2end"]))


def iou_of(config: DetectorConfig) -> float:
    """The overlap threshold of the NMS."""
    return _IOU if config.iou is None else config.iou


def imgsz_of(config: DetectorConfig, trained_imgsz: int | None) -> int:
    """The input size that is asked for, or else that of the training, pixels.

    Raises:
        ConfigError: where only the weights ask for a size that takes gigabytes.
    """
    imgsz = config.imgsz or trained_imgsz or _IMGSZ
    require_stated_size(config, imgsz)
    return imgsz


def identifying_settings(config: DetectorConfig, imgsz: int) -> dict[str, object]:
    """The settings in a detector's identity that do not depend on the backend."""
    return {
        "kind": "ultralytics",
        "conf": config.conf,
        "iou": iou_of(config),
        "imgsz": imgsz,
        "classes": sorted(config.classes),
    }


def _by_number(item: tuple[str, object]) -> int:
    return int(item[0])
