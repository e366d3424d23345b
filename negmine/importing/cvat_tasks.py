"""CVAT's XML for images, as entries: tags are verdicts.

An image without shapes and tags says nothing: CVAT lists those that nobody opened, too.
"""

from __future__ import annotations

from pathlib import Path

from negmine.importing.entry import Entry, Shape, reader_of, verdicts_of
from negmine.labels.cvat_images import CvatImage, parse_cvat_images

TITLE = "CVAT for images"


def read_cvat(path: Path, data: bytes) -> list[Entry]:
    """What a task says of each of its images.

    Raises:
        TruthError: where it is no such file.
    """
    return [_entry(each) for each in parse_cvat_images(path, data)]


def _entry(image: CvatImage) -> Entry:
    read = None
    if image.objects or image.unread:
        shapes = [Shape(each, image.size_wh) for each in image.objects]
        read = reader_of(shapes, unread=image.unread, where=image.where)
    return Entry(image.where, image.name, verdicts=verdicts_of(image.tags), read=read)
