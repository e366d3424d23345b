"""Which labelled images are trained on, and which are measured on: as the splits say, else by what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from negmine.datasets.labelled import LabelledImage
from negmine.retraining.holdout import split_by_content
from negmine.retraining.pictures import LabelledPicture, named

_TRAIN, _VAL = ("train", "trainval"), ("val", "test")


def sides_of(
    images: Sequence[LabelledImage], pictures: Mapping[Path, LabelledPicture], *, share: float, seed: int
) -> tuple[list[LabelledPicture], list[LabelledPicture], list[str]]:
    """Tell what is trained on from what is measured on; each content is on one side, once.

    Args:
        images: with their splits.
        pictures: what was read of them.
        share: of the images that is held out where there is no split to measure on.
        seed: of that.

    Returns:
        What is trained on, what is measured on, and what there is to say about it.
    """
    splits: dict[str, list[LabelledPicture]] = {}
    for image in images:
        if image.path in pictures:
            splits.setdefault(image.split, []).append(pictures[image.path])
    train_name = next((name for name in _TRAIN if name in splits), None)
    val_name = next((name for name in _VAL if name in splits), None)
    if train_name is not None and val_name is not None:
        val = _each_once(splits[val_name])
        measured = {picture.sha256 for picture in val}
        every = _each_once(splits[train_name])
        train = [picture for picture in every if picture.sha256 not in measured]
        if any(picture.is_positive for picture in train) or not any(picture.is_positive for picture in every):
            notes = [f"recall is measured on the split {val_name}"] if val_name != "val" else []
            if len(train) < len(every):
                again = [picture.path for picture in every if picture.sha256 in measured]
                notes.append(
                    f"{len(again)} images of {train_name} are in {val_name} too, and not trained on: {named(again)}"
                )
            return train, val, notes
    whole = splits[train_name] if train_name is not None else [each for split in splits.values() for each in split]
    return _shared_out(_each_once(whole), share, seed)


def _shared_out(
    pictures: Sequence[LabelledPicture], share: float, seed: int
) -> tuple[list[LabelledPicture], list[LabelledPicture], list[str]]:
    """Hold a share out, near-duplicates together."""
    sides = split_by_content({picture.sha256: picture.phash for picture in pictures}, share=share, seed=seed)
    held_out = set(sides.held_out)
    val = [picture for picture in pictures if picture.sha256 in held_out]
    note = f"the data has no split to measure on: {len(val)} of its {len(pictures)} images are held out for that"
    return [picture for picture in pictures if picture.sha256 not in held_out], val, [note]


def _each_once(pictures: Sequence[LabelledPicture]) -> list[LabelledPicture]:
    """Of files of the same bytes the one with most objects: a label without some teaches that they are nothing."""
    once: dict[str, LabelledPicture] = {}
    for picture in pictures:
        before = once.get(picture.sha256)
        if before is None or len(picture.truth) > len(before.truth):
            once[picture.sha256] = picture
    return list(once.values())
