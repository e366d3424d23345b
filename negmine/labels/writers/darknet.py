"""Writing Darknet: lists of images, and a text file of boxes beside each image.

obj.data             what `darknet detector train` is given: the number of classes, and the names of the other files
obj.names            the classes, one a line
train.txt            the images of a split, by paths below this folder, where darknet is to be started; so valid.txt
obj_train_data/      the images, and NAME.txt for each: empty where it holds no object; so obj_valid_data/

Darknet makes no folder of its own: its weights go to `backup`, which is beside this folder.
"""

from __future__ import annotations

from collections.abc import Sequence

from negmine.labels.base import LabelWriter
from negmine.labels.nameable import is_stripped, require_nameable
from negmine.labels.objects import by_split, class_numbers
from negmine.labels.plan import Content, ExportImage, Header, Plan
from negmine.labels.yolo_writer import yolo_lines

_DATA, _NAMES = "obj.data", "obj.names"
_FOLDERS = {"val": "valid"}  # as darknet calls them
_LONGEST_NAME = 200  # characters: darknet draws the names of all objects in a box, and their scores, into 4096 bytes


class Darknet(LabelWriter):
    """Darknet's lists."""

    key = "darknet"
    title = "Darknet"
    image_suffixes = frozenset({".jpg", ".png", ".bmp", ".ppm"})  # whose labels darknet finds
    advice = (
        "start darknet in the folder, as `darknet detector train obj.data yolo.cfg`, and make ../backup for weights"
    )

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        limit = f"whose letters are ASCII alone, up to {_LONGEST_NAME} of them, without blanks around"
        require_nameable(class_names, _can_name, self.title, limit)
        files: dict[str, Content] = {}
        class_ids = class_numbers(class_names)
        lists: dict[str, str] = {}
        for split, members in by_split(images).items():
            own = _FOLDERS.get(split, split)
            place = f"obj_{own}_data"
            for image in members:
                files[f"{place}/{image.file_name}"] = image.file
                files[f"{place}/{image.name}.txt"] = yolo_lines(image.truth, image.size_wh, class_ids).encode("ascii")
            lists[own] = f"{own}.txt"
            files[lists[own]] = "".join(f"{place}/{image.file_name}\n" for image in members).encode("ascii")
        files[_NAMES] = "".join(f"{name}\n" for name in class_names).encode("ascii")
        values = {"classes": len(class_names), **lists, "names": _NAMES, "backup": "../backup"}
        files[_DATA] = "".join(f"{key} = {value}\n" for key, value in values.items()).encode("ascii")
        return files


FORMAT = Darknet()


def _can_name(name: str) -> bool:
    """Whether darknet can read and draw it."""
    return name.isascii() and name.isprintable() and is_stripped(name) and len(name) <= _LONGEST_NAME
