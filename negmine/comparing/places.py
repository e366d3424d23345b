"""Places: where one false positive comes again and again in the frames of a camera."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from itertools import product

import numpy as np

from negmine.bank.likenesses import HardestFinding
from negmine.boxes import Box, box_iou
from negmine.comparing.clusters import Vectors
from negmine.structures import FloatArray, IntArray

_Cell = tuple[int, int, int, int]  # octaves of width and height, and the centre in steps of these
_STEPS = tuple(product((-1, 0, 1), repeat=2))
_FEWEST, _ENOUGH, _SHARE = 3, 10, 0.05  # images at a place: see `of_fixed_cameras`


def _cell(box_xyxy: Box, wide: int, high: int) -> _Cell:
    """Where a box is in the grid of an octave."""
    x1, y1, x2, y2 = box_xyxy
    return wide, high, math.floor((x1 + x2) / 2 / 2 ** (wide + 1)), math.floor((y1 + y2) / 2 / 2 ** (high + 1))


def _own_cell(box_xyxy: Box) -> _Cell:
    x1, y1, x2, y2 = box_xyxy
    return _cell(box_xyxy, *(math.floor(math.log2(max(side, 1.0))) for side in (x2 - x1, y2 - y1)))


def _cells_near(box_xyxy: Box) -> Iterator[_Cell]:
    """The cells of all boxes whose IoU with a box may be a half or more."""
    own = _own_cell(box_xyxy)
    for across, down in _STEPS:
        wide, high, x, y = _cell(box_xyxy, own[0] + across, own[1] + down)
        for dx, dy in _STEPS:
            yield wide, high, x + dx, y + dy


def places(findings: Sequence[HardestFinding], vectors: Vectors, *, iou: float, likeness: float) -> IntArray:
    """Number negatives so that those at one place have the same number.

    A place is led by its hardest negative. Another is there if its image is of the same folder and size, its class the
    same, its box nearly the same, and if it looks like the leader: unrelated photographs may have equal boxes too.

    Args:
        findings: hardest first.
        vectors: [N, D] of length 1; one of length 0 is like no other.
        iou: from which two boxes are at one place, 0.5 at least.
        likeness: cosine from which two look alike.

    Returns:
        [N] from 1, in the order of the leaders.
    """
    boxes = np.array([each.box_xyxy for each in findings], dtype=np.float64).reshape(-1, 4)
    cameras: dict[Hashable, dict[_Cell, list[int]]] = {}
    place_of: dict[int, int] = {}
    numbers = np.zeros(len(findings), dtype=np.int64)
    for index, finding in enumerate(findings):
        leaders = cameras.setdefault((_camera(finding), finding.class_name), {})
        near = sorted(leader for cell in _cells_near(finding.box_xyxy) for leader in leaders.get(cell, ()))
        leader = _best(index, near, boxes, vectors, iou, likeness)
        if leader is None:
            leaders.setdefault(_own_cell(finding.box_xyxy), []).append(index)
            place_of[index] = len(place_of) + 1
            leader = index
        numbers[index] = place_of[leader]
    return numbers


def of_fixed_cameras(findings: Sequence[HardestFinding], numbers: IntArray) -> IntArray:
    """Number negatives anew, so that only those have the same number that a fixed camera explains.

    Two photographs of one scene are no fixed camera. A place is in three images at least, and, of the images of its
    folder and size that gave a negative, in one of twenty; ten are enough anywhere.

    Args:
        findings: hardest first.
        numbers: [N] of `places`.

    Returns:
        [N] from 1, in the order of the hardest.
    """
    of_camera: dict[Hashable, set[str]] = {}
    at_place: dict[int, set[str]] = {}
    for finding, number in zip(findings, numbers.tolist(), strict=True):
        of_camera.setdefault(_camera(finding), set()).add(finding.source_sha256)
        at_place.setdefault(number, set()).add(finding.source_sha256)
    anew: dict[tuple[int, int], int] = {}
    found = np.zeros(len(findings), dtype=np.int64)
    for index, (finding, number) in enumerate(zip(findings, numbers.tolist(), strict=True)):
        needed = min(max(_FEWEST, math.ceil(_SHARE * len(of_camera[_camera(finding)]))), _ENOUGH)
        own = -1 if len(at_place[number]) >= needed else index
        found[index] = anew.setdefault((number, own), len(anew) + 1)
    return found


def _camera(finding: HardestFinding) -> Hashable:
    """What images of one camera have in common."""
    return finding.source.parent, finding.source_wh


def _best(
    index: int, leaders: Sequence[int], boxes: FloatArray, vectors: Vectors, iou: float, likeness: float
) -> int | None:
    """The leader whose box overlaps most among those that look alike, the hardest of equal ones; None without any."""
    if not leaders:
        return None
    overlaps = box_iou(boxes[index : index + 1], boxes[leaders])[0]
    enough = (int(at) for at in np.argsort(-overlaps, kind="stable") if overlaps[at] >= iou)
    return next((leaders[at] for at in enough if vectors[leaders[at]] @ vectors[index] >= likeness), None)
