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
_CONTAINERS = frozenset("data dataset raw".split())
_OTHERS = _CONTAINERS | frozenset("coco obj_test_data obj_train_data obj_valid_data voc yolo".split())
_KINDS = _IMAGES | _LABELS | _OTHERS
_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
_SPLITS |= {"test": "test", "testing": "test", "trainval": "trainval"}
_SIDES = frozenset("left right front back rear top bottom north south east west day night".split())
_MOST_WORDS = 3
_WORDS = re.compile(r"[-_ ]+")
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
    """Whether a folder's name says that images are in it, as `images`, `train_images` and `data` do."""
    folded = fold(name)
    return folded in _IMAGES | _CONTAINERS or any(word in _IMAGES for word in _few_words(folded))


def is_for_labels(name: str) -> bool:
    """Whether a folder's name says that labels are in it, as `annotations` and `train_labels` do."""
    folded = fold(name)
    return folded in _LABELS or any(word in _LABELS and len(word) > 3 for word in _few_words(folded))


def are_siblings(one: str, other: str) -> bool:
    """Whether two names are those of cameras, videos or parts of one kind: `cam1` and `cam2`, `left` and `right`."""
    if one == other or not one or not other:
        return False
    if _DIGITS.sub("", one) == _DIGITS.sub("", other):
        return True
    if len(one) == len(other) > 3 and one[:-1] == other[:-1] and one[-1].isalpha() and other[-1].isalpha():
        return True  # camA and camB
    words, others = _WORDS.split(one), _WORDS.split(other)
    differing = [pair for pair in zip(words, others, strict=False) if pair[0] != pair[1]]
    return len(words) == len(others) and all(_SIDES >= set(pair) for pair in differing)


def telling_folders(folders: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """The words of folders that say whose images are in them, folded; and the split that one of the others names."""
    told = [_told_by(fold(each)) for each in folders]
    splits = [split for _, split in told if split]
    return tuple(words for words, _ in told if words), splits[-1] if splits else None


def telling_name(path: str) -> str:
    """The name of the inmost folder of a path that says whose images are in it; "" where none does."""
    folders, _ = telling_folders([part for part in path.split(os.sep) if part])
    return folders[-1] if folders else ""


def may_go_together(one: str, other: str) -> bool:
    """Whether two folders may be of one data set by their names, as `my_images` and `my_labels`, or `images`, are."""
    telling, others = _told_by(fold(one))[0], _told_by(fold(other))[0]
    return not telling or telling == others


def _few_words(name: str) -> list[str]:
    """The words of a name; [] where it has so many that it is a title."""
    words = _WORDS.split(name)
    return words if len(words) <= _MOST_WORDS else []


def _told_by(name: str) -> tuple[str, str | None]:
    if name in _KINDS:
        return "", None
    if split := split_of_folder(name):
        return "", split
    words = _few_words(name) or [name]
    telling = [word for word in words if word not in _KINDS and not split_of_folder(word)]
    if len(telling) == len(words):
        return name, None
    splits = [split for word in words if (split := split_of_folder(word))]
    return "_".join(telling), splits[-1] if splits else None


def folders_below(folder: str, root: str) -> list[str]:
    """The folders from a root down to one below it; the whole path of one that is elsewhere. Both are absolute."""
    root = root.rstrip(os.sep)
    below = folder[len(root) :] if f"{folder}{os.sep}".startswith(f"{root}{os.sep}") else folder
    return [part for part in below.split(os.sep) if part]
