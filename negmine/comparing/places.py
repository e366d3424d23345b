"""The places of negatives: where one false positive comes again and again in the frames of a camera."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np

from negmine.bank.embeddings import HardestFinding
from negmine.comparing.clusters import Vectors
from negmine.places import PlaceIndex
from negmine.structures import IntArray

_FEWEST, _ENOUGH, _SHARE = 3, 10, 0.05  # images at a place: see `of_fixed_cameras`


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
    cameras: dict[Hashable, tuple[PlaceIndex, list[int]]] = {}
    count = 0
    numbers = np.zeros(len(findings), dtype=np.int64)
    for index, finding in enumerate(findings):
        camera = (_camera(finding), finding.class_name)
        known, leaders = cameras.setdefault(camera, (PlaceIndex(iou), []))
        place = known.find(finding.box_xyxy, partial(_is_alike, vectors, leaders, index, likeness))
        if place is None:
            known.add(finding.box_xyxy)
            leaders.append(index)
            count += 1
            numbers[index] = count
        else:
            numbers[index] = numbers[leaders[place]]
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


def _is_alike(vectors: Vectors, leaders: Sequence[int], index: int, likeness: float, place: int) -> bool:
    return bool(vectors[leaders[place]] @ vectors[index] >= likeness)
