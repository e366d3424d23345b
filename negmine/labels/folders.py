"""What the folders on the way to an image or a label tell: whose images these are, which split, or only what is in it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence

_KINDS = frozenset(  # names of folders that say what is in them, not whose it is
    "ann annot annotation annotations annots anns bndbox box boxes bbox bboxes coco data dataset frame frames ground_truth "
    "groundtruth gt image imageset images img imgs jpeg jpegimages jpg json jsons label labels labelsxml labeltxt "
    "labelxml obj_test_data obj_train_data obj_valid_data obj_validation_data photo photos pic pics picture pictures png "
    "pngimages raw txt voc xml xmls yolo".split()
)
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
_SPLITS |= {"test": "test", "testing": "test", "trainval": "trainval"}
_YEAR = re.compile(r"(?:19|20)\d\d$")


def fold(text: str) -> str:
    """Text in which the case of letters and the Unicode normal form make no difference."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def canonical_split(name: str) -> str | None:
    """What a split is called here: `val` for `valid`, `train` for `Training`; None for what is no name of a split."""
    return _SPLITS.get(name.casefold())


def split_of_folder(name: str) -> str | None:
    """The split that a folder's name says, with the year where it has one: `val2017`."""
    text = name.casefold()
    year = _YEAR.search(text)
    split = canonical_split(text[: year.start()].rstrip("-_") if year else text)
    return split and split + (year.group() if year else "")


def is_kind(name: str) -> bool:
    """Whether a folder's name says what is in it, such as `images`, and not whose it is."""
    return fold(name) in _KINDS


def telling_folders(folders: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """The folders that say whose images are in them, folded; and the split that one of the others names."""
    splits = [split for each in folders if (split := split_of_folder(each))]
    telling = tuple(fold(each) for each in folders if not is_kind(each) and not split_of_folder(each))
    return telling, splits[-1] if splits else None


def folders_below(folder: str, root: str) -> list[str]:
    """The folders from a root down to one below it; the whole path of one that is elsewhere. Both are absolute."""
    root = root.rstrip(os.sep)
    below = folder[len(root) :] if f"{folder}{os.sep}".startswith(f"{root}{os.sep}") else folder
    return [part for part in below.split(os.sep) if part]
