"""Reading CVAT's XML for video: tracks of objects, with boxes at keyframes and between them.

As CVAT defines it, a track is at each frame between two of its keyframes where a straight way between them has it; it
stays where its last keyframe has it, and is nowhere from a keyframe that is marked `outside` on to the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from negmine.boxes import Box, box_around
from negmine.errors import LabelError, TruthError
from negmine.labels.checks import number_in
from negmine.labels.frames import FrameLabels, FrameObject
from negmine.labels.voc_annotation import xml_root
from negmine.paths import printable

_MOST_FRAMES = 10_000_000
_MOST_OBJECTS = 1_000_000  # in all frames: half a gigabyte for each million
_MOST_POINTS = 100_000  # of one shape; a quarter of a second
_META = ("task", "job")
_LONGEST = 200  # characters of what is shown of a file


def is_cvat_video(data: bytes) -> bool:
    """Whether a file looks like CVAT's XML for video."""
    return b"<annotations" in data[:4096] and (b"<track" in data or b"<mode>interpolation" in data)


def parse_cvat_video(path: Path, data: bytes) -> FrameLabels:
    """Read the tracks of a video.

    Raises:
        TruthError: where it is no such file, or something in it is not understood.
    """
    try:
        return _parse(xml_root(data))
    except (LabelError, ValueError, TypeError, LookupError, OverflowError) as error:
        why = printable(str(error)[:_LONGEST])
        raise TruthError(f"{printable(path)} cannot be read as CVAT for video 1.1: {why}; export it again") from error


def _parse(root: etree._Element) -> FrameLabels:
    meta = next((found for name in _META if (found := root.find(f"meta/{name}")) is not None), None)
    if meta is None:
        raise ValueError("expected meta/task or meta/job, found none, so nobody knows which frames were looked at")
    labelled = _labelled(meta)
    objects: dict[int, list[FrameObject]] = {}
    if sum(_frames_of(track, labelled.stop) for track in root.iterfind("track")) > _MOST_OBJECTS:
        raise ValueError(f"more than {_MOST_OBJECTS} boxes in all frames together; export parts of it")
    for track in root.iterfind("track"):
        name = track.get("label")
        if not name:
            raise ValueError("a track has no label")
        for frame, box in _boxes(track, labelled.stop):
            objects.setdefault(frame, []).append(FrameObject(name, box))
    if root.find("image") is not None:
        raise ValueError("expected tracks, found images: it is an export for images")
    names = dict.fromkeys(each.text or "" for each in meta.iterfind("labels/label/name"))
    used = dict.fromkeys(each.name for every in objects.values() for each in every)
    source = meta.findtext("source") or root.findtext("meta/source")
    return FrameLabels("CVAT for video", tuple((names | used).keys()), source, _size(meta, root), labelled, objects)


def _labelled(meta: etree._Element) -> range:
    """The frames of the task, by their numbers in the video."""
    size = _whole(meta.findtext("size") or "")
    start = _whole(meta.findtext("start_frame") or "0")
    kept = meta.findtext("frame_filter") or ""
    step = _whole(kept.removeprefix("step=")) if kept else 1
    if not 0 <= size <= _MOST_FRAMES or step < 1 or start < 0:
        raise ValueError(f"expected a size, start_frame and frame_filter, found {size}, {start} and {kept!r}")
    stop = _whole(meta.findtext("stop_frame") or str(start + (size - 1) * step))
    return range(start, min(stop, start + (size - 1) * step) + 1, step)


def _size(meta: etree._Element, root: etree._Element) -> tuple[int, int]:
    found = meta.find("original_size")
    found = root.find("meta/original_size") if found is None else found
    if found is None:
        return 0, 0
    return _whole(found.findtext("width") or ""), _whole(found.findtext("height") or "")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"expected a whole number, found {text!r}")
    return int(text)


def _frames_of(track: etree._Element, end: int) -> int:
    """At most how many boxes a track has: from its first keyframe on, but for where it is outside."""
    shapes = sorted((_whole(each.get("frame", "")), each.get("outside") == "1") for each in track)
    ends = [frame for frame, _ in shapes[1:]] + [end]
    return sum(max(min(after, end) - frame, 1) for (frame, out), after in zip(shapes, ends, strict=True) if not out)


def _boxes(track: etree._Element, end: int) -> Iterator[tuple[int, Box]]:
    """The box of a track at each frame where it is, up to `end`."""
    shapes = sorted(((_whole(each.get("frame", "")), each) for each in track), key=lambda each: each[0])
    if len({frame for frame, _ in shapes}) < len(shapes):
        raise ValueError("a track has two shapes in one frame")
    for (frame, shape), (after, following) in zip(shapes, [*shapes[1:], (end, None)], strict=True):
        if shape.get("outside") == "1":
            continue
        here = unturned(shape)
        there = here if following is None or following.get("outside") == "1" else unturned(following)
        for at in range(frame, max(min(after, end), frame + 1)):
            share = (at - frame) / (after - frame) if after > frame else 0.0
            x1, y1, x2, y2, degrees = (a + (b - a) * share for a, b in zip(here, there, strict=True))
            yield at, turned_box((x1, y1, x2, y2), degrees)


def unturned(shape: etree._Element) -> tuple[float, float, float, float, float]:
    """The box around a shape before it is turned, and the degrees that it is turned by.

    Raises:
        ValueError, KeyError: for a shape without an extent, or with what is no number.
    """
    attributes: Mapping[str, str] = {str(key): str(value) for key, value in shape.attrib.items()}
    if shape.tag == "box":
        x1, y1, x2, y2 = (number_in(attributes[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
        return x1, y1, x2, y2, number_in(attributes.get("rotation", "0"))
    if shape.tag == "polygon":
        return *box_around(points_in(attributes["points"])), 0.0
    if shape.tag == "ellipse":
        x, y, across, down = (number_in(attributes[key]) for key in ("cx", "cy", "rx", "ry"))
        return x - across, y - down, x + across, y + down, number_in(attributes.get("rotation", "0"))
    raise ValueError(f"expected boxes, ellipses or polygons, which hold an object, found {shape.tag!r}")


def points_in(text: str) -> list[tuple[float, ...]]:
    """The points of a polygon: `1,2;3,4`.

    Raises:
        ValueError: for what is no number, or no pair of them, and for far more points than anybody draws.
    """
    if text.count(";") >= _MOST_POINTS:
        raise ValueError(f"expected at most {_MOST_POINTS} points, found {text.count(';') + 1}; draw it more coarsely")
    points = [tuple(map(number_in, pair.split(","))) for pair in text.split(";")]
    if any(len(point) != 2 for point in points):
        raise ValueError(f"expected points of two numbers, such as 1,2;3,4, found {text[:_LONGEST]!r}")
    return points


def turned_box(box: Box, degrees: float) -> Box:
    """The box around one that is turned about its centre."""
    x1, y1, x2, y2 = box
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    half_x, half_y = (x2 - x1) / 2, (y2 - y1) / 2
    wide, high = half_x * cosine + half_y * sine, half_x * sine + half_y * cosine
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return (x - wide, y - high, x + wide, y + high) if degrees else box
