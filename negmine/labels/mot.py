"""Reading the text of MOTChallenge: `gt.txt`, one box a line, frames from 1.

Its columns are frame, id, left, top, width, height, whether it counts, class, visibility. A box that does not count is
an object all the same: it is difficult. Some programs count pixels from 0 and some from 1, so a box holds both.
"""

from __future__ import annotations

import configparser
from pathlib import Path

from negmine.boxes import Box
from negmine.errors import LabelError, TruthError
from negmine.labels.checks import number_in, read_label
from negmine.labels.frames import FrameLabels, FrameObject
from negmine.paths import printable

_NAMES = (  # of MOT16 and later, by their numbers from 1
    "pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle", "static person",
    "distractor", "occluder", "occluder on the ground", "occluder full", "reflection", "crowd",
)  # fmt: skip
_FEWEST, _MOST = 6, 10  # columns
_MOST_FRAMES = 10_000_000
_LONGEST = 200  # characters of what is shown of a file


def is_mot(data: bytes) -> bool:
    """Whether a file looks like MOT text: numbers with commas between them, six or more a line."""
    first = data[:4096].strip().split(b"\n", 1)[0].strip().split(b",")
    return _FEWEST <= len(first) <= _MOST and all(_is_number(part) for part in first)


def _is_number(part: bytes) -> bool:
    try:
        number_in(part.decode("ascii").strip())
    except ValueError:
        return False
    return True


def parse_mot(path: Path, data: bytes) -> FrameLabels:
    """Read the boxes of a video. `labels.txt` beside them names the classes, `seqinfo.ini` above them the video.

    Raises:
        TruthError: where something in it is not understood.
    """
    try:
        name, length, size_wh = _sequence(path)
        rows = [_row(line) for line in data.decode("utf-8-sig").splitlines() if line.strip()]
        names = _class_names(path)
        objects: dict[int, list[FrameObject]] = {}
        for frame, box, counts, number in rows:
            objects.setdefault(frame - 1, []).append(FrameObject(names[number - 1], box, not counts))
    except (LabelError, ValueError, LookupError, OverflowError, configparser.Error) as error:
        raise TruthError(
            f"{printable(path)} cannot be read as MOT text: {printable(str(error)[:_LONGEST])}; correct it"
        ) from error
    labelled = range(length) if length is not None else frozenset(objects)  # others may not have been looked at
    used = dict.fromkeys(each.name for every in objects.values() for each in every if not each.difficult)
    return FrameLabels("MOT", tuple(used), name, size_wh, labelled, objects)


def _row(line: str) -> tuple[int, Box, bool, int]:
    parts = [number_in(part.strip()) for part in line.split(",")]
    if not _FEWEST <= len(parts) <= _MOST:
        raise ValueError(f"expected {_FEWEST} to {_MOST} columns, found {line!r}")
    frame, _, left, top, width, height, *rest = parts
    if frame != int(frame) or not 1 <= frame <= _MOST_FRAMES or width < 0 or height < 0:
        raise ValueError(f"expected a frame from 1 on and a box, found {line!r}")
    number = rest[1] if len(rest) > 1 and rest[1] > 0 else 1
    if number != int(number):
        raise ValueError(f"expected the number of a class, found {line!r}")
    return int(frame), (left - 1, top - 1, left + width, top + height), not rest or rest[0] != 0, int(number)


def _class_names(path: Path) -> list[str]:
    beside = path.with_name("labels.txt")
    if not beside.is_file():
        return list(_NAMES)
    return [line.strip() for line in read_label(beside).decode("utf-8-sig").splitlines() if line.strip()]


def _sequence(path: Path) -> tuple[str | None, int | None, tuple[int, int]]:
    """Name, number of frames and size of the video, as `seqinfo.ini` states them."""
    info = path.parent.parent / "seqinfo.ini"
    if not info.is_file():
        return None, None, (0, 0)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(read_label(info).decode("utf-8-sig"))
    found = parser["Sequence"]
    size_wh = int(found.get("imWidth", "0")), int(found.get("imHeight", "0"))
    return found.get("name"), int(found["seqLength"]) if "seqLength" in found else None, size_wh
