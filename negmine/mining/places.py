"""Static cameras: what comes again and again at one place of a video gives a few negatives, not one for each frame.

A place is a box of one class, and what the crop around it looks like: by night the same lamp is another place. Frames
are judged by this in their order, and by what the bank has of the frames before, so that a scan that is resumed goes on
the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from negmine.bank.browsing import in_crop
from negmine.bank.catalogue import Catalogue, PlacedNegative
from negmine.bank.negative_files import read_negative
from negmine.bank.records import JudgedDetection, ScannedImage
from negmine.boxes import Box, Rect
from negmine.errors import ImageError
from negmine.images import decode_image, perceptual_hash
from negmine.images.near_duplicates import is_distinctive
from negmine.mining.crop import CropSkip
from negmine.mining.judge import renumbered
from negmine.places import PlaceIndex
from negmine.structures import Image
from negmine.videos.names import frame_name

_AROUND = 0.25  # of the box's sides, that is looked at on each side: a plain box is told by its border
_ALIKE_BITS = 12  # of 64 that may differ, twice what look-alikes anywhere may: noise, at the same place
Looks = Sequence[Sequence[int]]  # of each negative, the perceptual hash of each of its false positives
APART_MS = 3_600_000  # between two negatives of one place that look alike: the light has changed


@dataclass(slots=True, eq=False)
class _Leader:
    """What leads a place: its look, how many negatives are kept, and the times of the first and the last of them."""

    look: int
    kept: int
    last_ms: int


@dataclass(slots=True, eq=False)
class _Places:
    index: PlaceIndex = field(default_factory=PlaceIndex)
    leaders: list[_Leader] = field(default_factory=list)

    def leader(self, box: Box, look: int) -> _Leader | None:
        place = self.index.find(box, lambda at: _is_alike(self.leaders[at].look, look))
        return None if place is None else self.leaders[place]

    def take(self, box: Box, look: int, time_ms: int) -> None:
        """Note that a negative is kept."""
        leader = self.leader(box, look)
        if leader is None:
            self.index.add(box)
            self.leaders.append(_Leader(look, 1, time_ms))
        else:
            leader.kept, leader.last_ms = leader.kept + 1, time_ms


class PlaceRule:
    """Decides which negatives of a video are kept.

    Args:
        bank: that they go into.
        run_id: of the scan.
        per_place: how many look-alikes of one place are kept, an hour apart.
    """

    def __init__(self, bank: Catalogue, run_id: int, per_place: int) -> None:
        self._bank = bank
        self._run_id = run_id
        self._per_place = per_place
        self._of: Path | str | None = None  # the video or camera of which places are known
        self._by_class: dict[str, _Places] = {}
        self._judged: set[str] = set()  # frames of it that this scan judges anew: what the bank has of them goes
        self._stored: deque[tuple[int, PlacedNegative]] | None = None  # by time, what is not taken up yet

    def thinned(self, image: ScannedImage, looks: Looks | None = None) -> ScannedImage:
        """A frame without the negatives whose places have enough; any other image as it is.

        Args:
            image: what was found in it.
            looks: of its false positives, where they are known already; see `looks_of`.
        """
        name = frame_name(image.item.key)
        if name is None:
            return image
        if name.video != self._of:
            self._of, self._by_class, self._judged, self._stored = name.video, {}, set(), None
        self._judged.add(image.item.key)
        if not image.negatives:
            return image
        self._load_before(name.video, name.time_ms)
        return self._thinned(image, name.time_ms, looks_of(image) if looks is None else looks)

    def thinned_live(self, image: ScannedImage, camera: str, taken_ms: int) -> ScannedImage:
        """A frame of a camera without the negatives whose places have enough.

        Args:
            image: the frame.
            camera: that it is of, always the same one.
            taken_ms: when it came, in milliseconds since 1970.
        """
        if self._of is None:
            self._of = camera
            for each, time_ms in self._bank.placed_live(self._run_id, camera):
                self._load_one(each, time_ms)
        return self._thinned(image, taken_ms, looks_of(image))

    def _thinned(self, image: ScannedImage, time_ms: int, looks: Looks) -> ScannedImage:
        kept = []
        for number, of_negative in enumerate(looks):
            both = list(zip(_inside(image, number), of_negative, strict=True))
            if not all(self._has_enough(each, look, time_ms) for each, look in both):
                kept.append(number)
                for each, look in both:
                    self._places(each.class_name).take(each.box_xyxy, look, time_ms)
        if len(kept) == len(image.negatives):
            return image
        detections, kept = renumbered(image.detections, kept, CropSkip.SAME_PLACE)
        return replace(image, detections=detections, negatives=tuple(image.negatives[number] for number in kept))

    def _has_enough(self, detection: JudgedDetection, look: int, time_ms: int) -> bool:
        leader = self._places(detection.class_name).leader(detection.box_xyxy, look)
        return leader is not None and (leader.kept >= self._per_place or time_ms - leader.last_ms < APART_MS)

    def _places(self, class_name: str) -> _Places:
        return self._by_class.setdefault(class_name, _Places())

    def _load_before(self, video: Path, time_ms: int) -> None:
        """Take up what the bank has of the frames before one, but for those that were judged anew."""
        if self._stored is None:
            named = [(frame_name(each.key), each) for each in self._bank.placed(self._run_id, video)]
            found = [(name.time_ms, each) for name, each in named if name is not None]
            self._stored = deque(sorted(found, key=lambda each: each[0]))
        while self._stored and self._stored[0][0] < time_ms:
            at_ms, placed = self._stored.popleft()
            if placed.key not in self._judged:
                self._load_one(placed, at_ms)

    def _load_one(self, placed: PlacedNegative, time_ms: int) -> None:
        try:
            crop = decode_image(read_negative(self._bank.folder, placed.sha256))
        except ImageError:
            return  # `negmine verify` names it
        (look,) = looks_in(crop, placed.rect, [placed.box_xyxy])
        self._places(placed.class_name).take(placed.box_xyxy, look, time_ms)


def looks_of(image: ScannedImage) -> Looks:
    """What the false positives of each negative look like, in the order of the detections; threads may do this ahead.

    It is told from the negative as it is stored, so that a scan that is resumed sees the same.
    """
    return [
        looks_in(decode_image(negative.data), negative.rect, [each.box_xyxy for each in _inside(image, number)])
        for number, negative in enumerate(image.negatives)
    ]


def _inside(image: ScannedImage, number: int) -> list[JudgedDetection]:
    """The false positives that a negative is cut around."""
    return [each for each in image.detections if each.negative == number]


def looks_in(crop: Image, rect: Rect, boxes_xyxy: Sequence[Box]) -> list[int]:
    """The perceptual hash of each false positive and a little around it, as a negative has them.

    Args:
        crop: the negative [H, W, 3].
        rect: where it was cut.
        boxes_xyxy: of the false positives, pixels of the frame.
    """
    return [_look(crop, rect, box) for box in boxes_xyxy]


def _look(crop: Image, rect: Rect, box_xyxy: Box) -> int:
    x1, y1, x2, y2 = box_xyxy
    more_x, more_y = (x2 - x1) * _AROUND, (y2 - y1) * _AROUND
    place = in_crop((x1 - more_x, y1 - more_y, x2 + more_x, y2 + more_y), rect, (crop.shape[1], crop.shape[0]))
    if place is None:
        return perceptual_hash(crop)
    left, top, right, bottom = map(round, place)
    return perceptual_hash(crop[top : max(bottom, top + 1), left : max(right, left + 1)])


def _is_alike(look: int, other: int) -> bool:
    if not is_distinctive(look) or not is_distinctive(other):
        return is_distinctive(look) == is_distinctive(other)
    return (look ^ other).bit_count() <= _ALIKE_BITS
