"""When an image was taken and by which camera, as its EXIF (CIPA DC-008) says: of a JPEG, read from its beginning."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MAKE, _MODEL, _CHANGED, _EXIF, _TAKEN = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003
_ASCII = 2  # the type of text
_ENTRY = 12  # bytes
_MOST_ENTRIES = 1000
_LONGEST = 80  # characters of a text
_MARK = b"Exif\0\0"
_TIME = re.compile(r"\d{4}:\d{2}:\d{2} (\d{2}):\d{2}:\d{2}")
HEAD = 1 << 16  # bytes of a file that hold its EXIF, but for rare cases


@dataclass(frozen=True, slots=True)
class Taken:
    """What an image says of itself: the hour of the day, 0 to 23, and the camera; None where it does not say."""

    hour: int | None
    camera: str | None


NOTHING = Taken(None, None)


def taken(head: bytes) -> Taken:
    """When and by what an image was taken.

    Args:
        head: the first `HEAD` bytes of its file. Nothing is known of what is no JPEG, or is broken.
    """
    begin = head.find(_MARK, 0, HEAD) if head.startswith(b"\xff\xd8") else -1
    if begin < 0:
        return NOTHING
    try:
        texts = _texts(head[begin + len(_MARK) :])
    except struct.error:
        return NOTHING
    time = _TIME.match(texts.get(_TAKEN) or texts.get(_CHANGED, ""))
    hour = None if time is None or int(time[1]) > 23 else int(time[1])
    make, model = texts.get(_MAKE, ""), texts.get(_MODEL, "")
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return Taken(hour, camera.strip() or None)


def _texts(block: bytes) -> dict[int, str]:
    """The texts of a block of EXIF, by their tags."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return {}
    (at,) = struct.unpack_from(f"{order}I", block, 4)
    found, below = _directory(block, at, order)
    if below is not None:
        found |= _directory(block, below, order)[0]
    return found


def _directory(block: bytes, at: int, order: str) -> tuple[dict[int, str], int | None]:
    """The texts of one directory, and where the one of EXIF begins."""
    found: dict[int, str] = {}
    below = None
    (count,) = struct.unpack_from(f"{order}H", block, at)
    for entry in range(at + 2, at + 2 + _ENTRY * min(count, _MOST_ENTRIES), _ENTRY):
        tag, kind, length, value = struct.unpack_from(f"{order}HHII", block, entry)
        if tag == _EXIF:
            below = value
        elif kind == _ASCII:
            start = entry + 8 if length <= 4 else value
            text = block[start : start + min(length, _LONGEST)].split(b"\0")[0]
            found[tag] = text.decode("latin-1").strip()
    return found, below
