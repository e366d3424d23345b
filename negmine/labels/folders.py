"""What the names of folders tell: whose images are in them, which split those are of, or only what they are."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence

_IMAGES = frozenset(
    "frame frames image images img imgs jpeg jpegimages jpg photo photos pic pics picture pictures png "
    "pngimages".split()
)
_LABELS = frozenset(
    "ann annot annotation annotations annots anns bbox bboxes box boxes ground_truth groundtruth gt imageset json "
    "jsons label labels labelsxml labeltxt labelxml txt xml xmls".split()
)
_OTHERS = frozenset("coco data dataset obj_test_data obj_train_data obj_valid_data raw voc yolo".split())
_KINDS = _IMAGES | _LABELS | _OTHERS
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
_SPLITS |= {"test": "test", "testing": "test", "trainval": "trainval"}
_DIGITS = re.compile(r"\d+")
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
    """Whether a folder's name says what is in it, such as `images` or `data`, and not whose it is."""
    return fold(name) in _KINDS


def is_for_images(name: str) -> bool:
    """Whether a folder's name says that images are in it."""
    return fold(name) in _IMAGES


def is_for_labels(name: str) -> bool:
    """Whether a folder's name says that labels are in it."""
    return fold(name) in _LABELS


def are_numbered_alike(one: str, other: str) -> bool:
    """Whether two names differ in their numbers alone, as `cam1` and `cam2` do."""
    return one != other and _DIGITS.sub("", one) == _DIGITS.sub("", other)


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
