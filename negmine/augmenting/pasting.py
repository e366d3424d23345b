"""Cutting a false positive out of one picture and pasting it into another.

Cut with a mask, not as a box: a detector must not learn the edge of a box (Dwibedi et al., "Cut, Paste and Learn",
2017, section 4.2). GrabCut finds what stands out from its surroundings (Rother et al., 2004); where it finds nothing of
the kind, such as in a pattern or a box that fills the picture, the box is pasted with soft edges. Blending gradients
(Poisson) was tried and changes the colours of what is pasted beyond all likeness.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from negmine.augmenting.checks import require_image
from negmine.augmenting.linear_light import is_grey
from negmine.boxes import Rect
from negmine.errors import ConfigError
from negmine.structures import Image

Mask = npt.NDArray[np.float32]  # [H, W]: 1 where the pasted picture is seen, 0 where the other is

_AROUND = 0.25  # of a box's sides: what GrabCut learns the surroundings from
_CUT_SIDE = 200  # pixels of the longer side at which GrabCut works
_CUT_ROUNDS = 4
_SEED = 0  # of OpenCV's dice, which GrabCut throws
_LEAST, _MOST = 0.15, 0.95  # share of the box that a mask of GrabCut covers; else it found nothing, or no edge
_REACH = 0.8  # of the box's sides that it reaches over; else it is a part: the boxes of detectors are tight
_SOFT = 0.02  # of the shorter side: over which the edge of a mask fades
_SOFT_BOX = 0.15  # and the edge of a box


def paste(
    image: Image, *, onto: Image, x1: int, y1: int, x2: int, y2: int, left: int, top: int, width: int, height: int
) -> Image:
    """Paste a part of one picture into another.

    Args:
        image: [H, W, 3] uint8 BGR, of which a box is cut out.
        onto: [H', W', 3] uint8 BGR, into which it is pasted; where that has no colour, the result has none either.
        x1, y1, x2, y2: the box, whole pixels of `image`.
        left, top, width, height: where it comes to lie, and how large it gets, in whole pixels of `onto`.

    Returns:
        [H', W', 3] uint8.

    Raises:
        ConfigError: where a box is empty or not inside its picture, or for what is no such picture.
    """
    require_image(image)
    require_image(onto)
    box, place = Rect(x1, y1, x2, y2), Rect(left, top, left + width, top + height)
    _require_inside("the box", box, image)
    _require_inside("its place", place, onto)
    result = onto.copy()
    under = result[place.y1 : place.y2, place.x1 : place.x2].astype(np.float32)
    part = _resized(image[y1:y2, x1:x2], (width, height))
    if is_grey(onto):
        part = np.asarray(cv2.cvtColor(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    mask = _mask(image, box, (width, height))[..., None]
    mixed = under * (1 - mask) + part.astype(np.float32) * mask
    result[place.y1 : place.y2, place.x1 : place.x2] = mixed.round().astype(np.uint8)
    return result


def _mask(image: Image, box: Rect, size_wh: tuple[int, int]) -> Mask:
    """What of a box is pasted, at the size that it gets."""
    cut = _grab_cut(image, box)
    if cut is None:
        return _faded(size_wh, _SOFT_BOX)
    mask = _resized(cut, size_wh)
    soft = cv2.GaussianBlur(mask, (0, 0), max(_SOFT / 2 * min(size_wh), 0.5)).reshape(mask.shape)
    return np.asarray(soft * _faded(size_wh, _SOFT), dtype=np.float32)


def _grab_cut(image: Image, box: Rect) -> Mask | None:
    """What stands out of its surroundings in a box, at some size; None where nothing does."""
    (width, height), (rows, columns) = box.size_wh, image.shape[:2]
    wide, high = round(width * _AROUND), round(height * _AROUND)
    around = Rect(max(box.x1 - wide, 0), max(box.y1 - high, 0), min(box.x2 + wide, columns), min(box.y2 + high, rows))
    scale = min(_CUT_SIDE / max(around.size_wh), 1.0)
    size_wh = tuple(max(round(side * scale), 1) for side in around.size_wh)
    small = _resized(image[around.y1 : around.y2, around.x1 : around.x2], size_wh)
    x1, x2 = (round((x - around.x1) * size_wh[0] / around.size_wh[0]) for x in (box.x1, box.x2))
    y1, y2 = (round((y - around.y1) * size_wh[1] / around.size_wh[1]) for y in (box.y1, box.y2))
    inside, outside = (x2 - x1) * (y2 - y1), size_wh[0] * size_wh[1] - (x2 - x1) * (y2 - y1)
    if outside < max(size_wh) or not inside:  # no surroundings to tell it from
        return None
    labels = np.zeros(small.shape[:2], dtype=np.uint8)
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))  # models of colours that GrabCut fills in
    cv2.setRNGSeed(_SEED)  # of this thread alone
    try:
        rect = x1, y1, x2 - x1, y2 - y1
        cv2.grabCut(small, labels, rect, behind, before, _CUT_ROUNDS, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # too few pixels, or all alike
        return None
    mask = np.isin(labels[y1:y2, x1:x2], (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    reaches = min(mask.any(axis=0).mean(), mask.any(axis=1).mean()) >= _REACH
    return mask if reaches and _LEAST <= mask.mean() <= _MOST else None


def _faded(size_wh: tuple[int, int], share: float) -> Mask:
    """1 inside and 0 at the edges, with a slope over a share of the shorter side."""
    over = max(share * min(size_wh), 1.0)
    across, down = (np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / over for n in size_wh)
    height = np.clip(np.minimum(down[:, None], across[None, :]), 0, 1)
    return np.asarray(height * height * (3 - 2 * height), dtype=np.float32)


def _resized(image: npt.NDArray[Any], size_wh: tuple[int, ...]) -> npt.NDArray[Any]:
    shrinks = size_wh[0] < image.shape[1]
    resized = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized).reshape(size_wh[1], size_wh[0], *image.shape[2:])


def _require_inside(what: str, box: Rect, image: Image) -> None:
    height, width = image.shape[:2]
    if min(box.size_wh) < 1 or not Rect(0, 0, width, height).contains(box):
        raise ConfigError(f"expected {what} inside a picture of {width} x {height} pixels, found {tuple(box)}")
