"""Writes small data sets as people's tools do, for the tests of the readers."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from negmine.datasets.open import open_truth
from negmine.structures import GroundTruth


def voc_object(name: str, box: tuple[object, object, object, object], extra: str = "") -> str:
    """One object; `box` is VOC's own: 1-based, right and bottom inclusive."""
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><bndbox>{sides}</bndbox>{extra}</object>"


def voc_xml(*objects: str, filename: str | None = None, size_wh: tuple[object, object] | None = None) -> bytes:
    """An annotation with these objects; `filename` and `size` only where given."""
    root = etree.fromstring(f"<annotation><segmented>0</segmented>{''.join(objects)}</annotation>")
    if filename is not None:
        etree.SubElement(root, "filename").text = filename
    if size_wh is not None:
        size = etree.SubElement(root, "size")
        etree.SubElement(size, "width").text, etree.SubElement(size, "height").text = map(str, size_wh)
    return etree.tostring(root)


def put(path: Path, data: bytes | str = b"") -> Path:
    """Write a file and the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


class TruthOf:
    """The labels of a data set, opened anew for each image that is asked about, as a scan of that image does.

    Args:
        path: of the data set.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.class_names = open_truth(path).class_names
        self.format_name = open_truth(path).format_name

    @property
    def labels(self) -> int:
        """How many there are."""
        return open_truth(self.path).pairing.labels

    def label_hash(self, image: Path) -> str | None:
        return open_truth(self.path, images=[image]).label_hash(image)

    def object_names(self, image: Path) -> tuple[str, ...] | None:
        return open_truth(self.path, images=[image]).object_names(image)

    def read(self, image: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        return open_truth(self.path, images=[image]).read(image, size_wh)
