"""When an image was taken and by which camera, out of EXIF that may be broken."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from negmine.images.taken import HEAD, NOTHING, Taken, taken


def jpeg(tags: dict[int, str], *, below: dict[int, str] | None = None) -> bytes:
    exif = Image.Exif()
    exif.update(tags)
    exif.get_ifd(0x8769).update(below or {})
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("tags", "below", "found"),
    [
        ({}, {}, NOTHING),
        ({0x0110: "EOS 5D"}, {}, Taken(None, "EOS 5D")),
        ({0x010F: "Canon", 0x0110: "Canon EOS 5D"}, {}, Taken(None, "Canon EOS 5D")),
        ({0x010F: "NIKON", 0x0110: "D70"}, {}, Taken(None, "NIKON D70")),
        ({0x010F: "SONY"}, {}, Taken(None, "SONY")),
        ({0x0132: "2024:05:01 07:15:00"}, {}, Taken(7, None)),
        ({0x0132: "2024:05:02 12:00:00"}, {0x9003: "2024:05:01 23:15:00"}, Taken(23, None)),
        ({0x0132: "2024:05:01 29:15:00"}, {}, NOTHING),
        ({0x0132: "yesterday"}, {}, NOTHING),
    ],
)
def test_what_exif_says(tags: dict[int, str], below: dict[int, str], found: Taken) -> None:
    assert taken(jpeg(tags, below=below)) == found


def test_other_formats_say_nothing() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    assert taken(stream.getvalue()) == taken(b"") == taken(b"\xff\xd8") == NOTHING


WHOLE = jpeg({0x010F: "Canon", 0x0110: "EOS", 0x0132: "2024:05:01 07:15:00"}, below={0x9003: "2024:05:01 08:15:00"})


@given(st.integers(0, len(WHOLE)), st.integers(0, 150), st.binary(min_size=1, max_size=8))
def test_broken_exif_raises_nothing(end: int, place: int, damage: bytes) -> None:
    broken = WHOLE[:place] + damage + WHOLE[place + len(damage) :]
    for data in (WHOLE[:end], broken, broken[:end], (WHOLE + b"\0" * HEAD)[:HEAD]):
        found = taken(data)
        assert found.hour is None or 0 <= found.hour < 24
        assert found.camera is None or len(found.camera) <= 161
