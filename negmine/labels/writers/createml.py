"""Writing Create ML: a JSON for each split, beside its images.

train/_annotations.createml.json   an entry for each image, with the boxes of its objects
train/NAME.jpg                     its images
valid/, test/                      the same
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from negmine.labels.base import LabelWriter
from negmine.labels.objects import by_split, class_numbers, json_file, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Plan

_ANNOTATIONS = "_annotations.createml.json"
_FOLDERS = {"val": "valid"}  # as Roboflow calls them, whose readers find this layout


class CreateMl(LabelWriter):
    """Create ML's JSON, in which a box is given by its centre and size, in pixels."""

    key = "createml"
    title = "Create ML"
    image_suffixes = frozenset({".jpg", ".png"})
    advice = "choose train/ as the training data of an object detection project in Create ML, and valid/ to validate"

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        files: dict[str, Content] = {}
        numbers = class_numbers(class_names)
        for split, members in by_split(images).items():
            place = _FOLDERS.get(split, split)
            files |= {f"{place}/{image.file_name}": image.file for image in members}
            files[f"{place}/{_ANNOTATIONS}"] = json_file([_entry(image, numbers) for image in members])
        return files


FORMAT = CreateMl()


def _entry(image: ExportImage, numbers: Mapping[str, int]) -> Mapping[str, object]:
    annotations = []
    for each in written_objects(image, numbers, crowds=False):
        x, y, width, height = each.box_xywh
        centre = {"x": x + width / 2, "y": y + height / 2, "width": width, "height": height}
        annotations.append({"label": each.class_name, "coordinates": centre})
    return {"image": image.file_name, "annotations": annotations}
