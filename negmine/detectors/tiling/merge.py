"""Merging what a detector found in the parts of one image. One rule holds at every score.

First a box that an inner edge of its tile may have cut goes, where another part of the image has the object whole: the
whole box, as far as the tile shows it, is the cut one. Then non-maximum suppression within each class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from negmine.boxes import box_iou
from negmine.detectors.nms import nms
from negmine.detectors.tiling.layout import Tile
from negmine.structures import BoolArray, Detections, FloatArray, IntArray

MERGE_IOU = 0.5  # of two boxes of one object; the grid below holds for no lower one
_FEW = 1000  # boxes that are compared with each other without a grid
_BLOCK = 4096  # boxes that the grid is asked about at once
_MATRIX = 1 << 22  # pairs whose overlaps are in memory at a time
_MIN_LEVEL, _MAX_LEVEL = -3, 28  # powers of two between which sides of boxes are told apart, pixels
_NEIGHBOURS = [
    (across, down, wider, taller) for across in (-1, 0, 1) for down in (-1, 0, 1) for wider in (-1, 0, 1)
    for taller in (-1, 0, 1)
]  # fmt: skip


def merge(found: Detections, tile_ids: IntArray, tiles: Sequence[Tile], image_wh: tuple[int, int]) -> Detections:
    """Merge the detections of all parts of an image.

    Args:
        found: N of them, in pixels of the image, none without area.
        tile_ids: [N] the tile of each.
        tiles: of the image.
        image_wh: its width and height, pixels.

    Returns:
        Those that are left, by falling score, ties in their order. A whole box has the highest score that its object
        was given, cut or whole.
    """
    found, tile_ids = _without_cut(found, tile_ids, tiles, image_wh)
    kept = [np.zeros(0, dtype=np.int64)]
    for number in np.unique(found.class_ids):
        members = np.flatnonzero(found.class_ids == number)
        kept.append(members[suppressed(found.boxes_xyxy[members], found.scores[members])])
    order = np.concatenate(kept)
    order = order[np.lexsort((order, -found.scores[order]))]
    views = tuple(tiles[index].view for index in tile_ids[order])
    return Detections(found.boxes_xyxy[order], found.scores[order], found.class_ids[order], views)


def suppressed(boxes_xyxy: FloatArray, scores: FloatArray) -> IntArray:
    """NMS at `MERGE_IOU` that does not slow down with the square of the number of boxes; the result is that of `nms`.

    Two boxes that overlap so far have sides within a factor of two, and centres within half of the longer side. So
    boxes are filed by the powers of two of their sides and by where their centres are, and each is compared with those
    nearby alone, block by block with what was kept before.

    Args:
        boxes_xyxy: [N, 4], each with an area.
        scores: [N].

    Returns:
        Indices of the boxes to keep, by falling score; ties in their order.
    """
    if len(boxes_xyxy) <= _FEW:
        return nms(boxes_xyxy, scores, MERGE_IOU)
    order = np.argsort(-scores, kind="stable")
    cells = _cells(boxes_xyxy[order])
    boxes = boxes_xyxy[order]
    kept = np.zeros(0, dtype=np.int64)
    for start in range(0, len(order), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(order)))
        over, _ = _overlapping(boxes, cells, block, kept)
        block = block[~np.isin(block, over)]
        kept = np.concatenate([kept, _first_of_each(boxes, cells, block)])
    return order[kept]


def _first_of_each(boxes: FloatArray, cells: IntArray, block: IntArray) -> IntArray:
    """NMS among the boxes of a block, which are in the order of their scores."""
    worse, better = _overlapping(boxes, cells, block, block)
    is_pair = better < worse
    worse, better = worse[is_pair], better[is_pair]
    gone: set[int] = set()
    order = np.lexsort((worse, better))
    for winner, loser in zip(better[order].tolist(), worse[order].tolist(), strict=True):
        if winner not in gone:
            gone.add(loser)
    return block[~np.isin(block, list(gone))]


def _cells(boxes: FloatArray) -> IntArray:
    """[N, 4] column and row of the centre, and powers of two of the width and the height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    levels = np.clip(np.floor(np.log2(sides)), _MIN_LEVEL, _MAX_LEVEL)
    places = np.floor((boxes[:, :2] + boxes[:, 2:]) / 2 / np.exp2(levels + 1))
    return np.concatenate([places, levels], axis=1).astype(np.int64)


def _overlapping(boxes: FloatArray, cells: IntArray, asked: IntArray, others: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs of indices, the first of `asked` and the second of `others`, that overlap by more than `MERGE_IOU`."""
    pairs = [np.zeros((2, 0), dtype=np.int64)]
    keys = _keys(cells[others])
    by_key = np.argsort(keys, kind="stable")
    keys, others = keys[by_key], others[by_key]
    for across, down, wider, taller in _NEIGHBOURS if len(others) else ():
        near = _nearby(boxes, cells, asked, (across, down, wider, taller))
        low, high = np.searchsorted(keys, near, "left"), np.searchsorted(keys, near, "right")
        counts = high - low
        first = np.repeat(asked, counts)
        steps = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        second = others[np.repeat(low, counts) + steps]
        overlaps = _iou(boxes[first], boxes[second]) > MERGE_IOU
        pairs.append(np.stack([first[overlaps], second[overlaps]]))
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def _nearby(boxes: FloatArray, cells: IntArray, asked: IntArray, step: tuple[int, int, int, int]) -> IntArray:
    """The keys of the cells that lie one step from the boxes that are asked about."""
    levels = cells[asked, 2:] + np.array(step[2:])
    centres = (boxes[asked, :2] + boxes[asked, 2:]) / 2
    places = np.floor(centres / np.exp2(levels + 1.0)).astype(np.int64) + np.array(step[:2])
    return _keys(np.concatenate([places, levels], axis=1))


def _keys(cells: IntArray) -> IntArray:
    """One number for each cell; places need 26 bits, levels 6."""
    across, down, wide, tall = (cells + np.array([2, 2, 8, 8])).T
    keys: IntArray = ((across << 37) + (down << 12)) + (wide << 6) + tall
    return keys


def _iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """IoU [P] of P pairs of boxes that have an area."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    union = np.prod(a[:, 2:] - a[:, :2], axis=1) + np.prod(b[:, 2:] - b[:, :2], axis=1) - shared
    share: FloatArray = shared / union
    return share


def _without_cut(
    found: Detections, tile_ids: IntArray, tiles: Sequence[Tile], image_wh: tuple[int, int]
) -> tuple[Detections, IntArray]:
    """Drop the boxes that a tile has cut and another part has whole, which keeps the higher score of the two."""
    is_cut = _may_be_cut(found, tile_ids, tiles, image_wh)
    whole = np.flatnonzero(~is_cut)
    whole = whole[np.argsort(found.boxes_xyxy[whole, 1], kind="stable")]
    tops = found.boxes_xyxy[whole, 1]
    tallest = float(np.max(found.boxes_xyxy[whole, 3] - tops, initial=0.0))
    scores, gone = found.scores.copy(), np.zeros(len(found), dtype=np.bool_)
    cut = np.flatnonzero(is_cut)
    cut = cut[np.argsort(tile_ids[cut], kind="stable")]
    for members in np.split(cut, np.flatnonzero(np.diff(tile_ids[cut])) + 1) if len(cut) else ():
        view = tiles[tile_ids[members[0]]].view
        near = whole[np.searchsorted(tops, view.y1 - tallest) : np.searchsorted(tops, view.y2)]
        boxes = np.clip(found.boxes_xyxy[near], view[:2] * 2, view[2:4] * 2)  # as far as the tile shows them
        there = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]) & (tile_ids[near] != tile_ids[members[0]])
        near, boxes = near[there], boxes[there]
        for some in np.array_split(members, -(-len(members) * len(near) // _MATRIX)) if len(near) else ():
            same = found.class_ids[some][:, None] == found.class_ids[near][None, :]
            overlap = np.where(same, box_iou(found.boxes_xyxy[some], boxes), 0.0)
            best = overlap.argmax(axis=1)
            is_part = overlap[np.arange(len(some)), best] > MERGE_IOU
            gone[some[is_part]] = True
            np.maximum.at(scores, near[best[is_part]], found.scores[some[is_part]])
    return Detections(found.boxes_xyxy, scores, found.class_ids).select(~gone), tile_ids[~gone]


def _may_be_cut(found: Detections, tile_ids: IntArray, tiles: Sequence[Tile], image_wh: tuple[int, int]) -> BoolArray:
    edges = np.array([tile.inner_edges(image_wh) for tile in tiles], dtype=np.float64)[tile_ids].reshape(-1, 4)
    reaches = np.concatenate([found.boxes_xyxy[:, :2] < edges[:, :2], found.boxes_xyxy[:, 2:] > edges[:, 2:]], axis=1)
    cut: BoolArray = np.any(reaches, axis=1)
    return cut
