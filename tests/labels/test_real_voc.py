"""Photographs with VOC labels that no part of negmine made."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from negmine.datasets.open import open_truth
from negmine.errors import ImageError
from negmine.images import decode_image
from negmine.structures import GroundTruth


@pytest.mark.parametrize(
    ("folder", "annotations", "class_name", "images", "objects"),
    [("kangaroo", "annots", "kangaroo", 164, 266), ("raccoon", "annotations", "raccoon", 200, 217)],
)
def test_every_label_is_found_and_every_object_read(
    real_data: Path, folder: str, annotations: str, class_name: str, images: int, objects: int
) -> None:
    root = real_data / "images" / folder
    truth = open_truth(root)
    assert (truth.format_name, truth.class_names, truth.pairing.paired) == ("Pascal VOC", (class_name,), images)
    found = 0
    for image in sorted((root / "images").iterdir()):
        xml = etree.parse(root / annotations / f"{image.stem}.xml")
        size_wh = int(xml.findtext("size/width") or 0), int(xml.findtext("size/height") or 0)
        read = truth.read(image, size_wh)
        assert read is not None
        assert len(read) == len(xml.findall("object"))
        assert truth.label_hash(image) is not None
        found += len(read)
    assert found == objects


def test_the_labels_are_of_the_decoded_images_grid(real_data: Path) -> None:
    """Two of these have an invalid EXIF orientation; one is cut short, and no detector will see it."""
    root = real_data / "images" / "kangaroo"
    truth, unreadable = open_truth(root), []
    for path in sorted((root / "images").iterdir()):
        try:
            image = decode_image(path.read_bytes())
        except ImageError:
            unreadable.append(path.name)
            continue
        assert isinstance(truth.read(path, (image.shape[1], image.shape[0])), GroundTruth)
    assert unreadable == ["00090.jpg"]
