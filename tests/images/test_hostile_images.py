"""Files that claim much and hold little: each is refused by its header, at once, and without room for its claims."""

from __future__ import annotations

import io
import os
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from needs import NAMED_PIPES
from PIL import Image as PillowImage

from negmine.errors import ImageError
from negmine.images import decode_image, read_image
from negmine.images.header import decoding_bytes, read_header
from negmine.images.jpeg import MAX_SCANS

PIXELS = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    """A chunk of a PNG, which may claim another length."""
    stated = struct.pack(">I", len(body) if length is None else length)
    return stated + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*chunks: bytes, size: tuple[int, int] = (9, 7)) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def tiff(entries: list[tuple[int, int, int, int]], body: bytes = b"") -> bytes:
    """One directory of (tag, type, count, value) behind the body."""
    at = 8 + len(body)
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", at) + body + struct.pack("<H", len(entries)) + rows + bytes(4)


def overlapping(count: int) -> bytes:
    """Directories of 65,535 entries, each of which begins four bytes behind the one before."""
    far = 2 + 65_535 * 12
    data = bytearray(16 + 4 * count + far + 8)
    data[:8] = b"II*\0" + struct.pack("<I", 16)
    for i in range(count):
        at = 16 + 4 * i
        data[at : at + 2] = b"\xff\xff"
        struct.pack_into("<I", data, at + far, at + 4 if i + 1 < count else 0)
    return bytes(data)


def scans(data: bytes, count: int) -> bytes:
    """A JPEG with its last scan as often as that."""
    at = data.rfind(b"\xff\xda")
    return data[:at] + data[at:-2] * count + data[-2:]


ROWS = chunk(b"IDAT", zlib.compress(bytes(28 * 7)))
SIZE = [(256, 4, 1, 300), (257, 4, 1, 200)]
HOSTILE = {
    "a chunk beyond the file": (png(chunk(b"IDAT", zlib.compress(bytes(28 * 7)), 0xFFFFFFFF)), "ends beyond the file"),
    "a chunk of text beyond the file": (png(chunk(b"tEXt", b"a\0b", 0x7FFFFFFF), ROWS), "ends beyond the file"),
    "two headers": (png(chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 7, 8, 2, 0, 0, 0)), ROWS), "damaged"),
    "a thousand times fewer bytes than pixels": (png(ROWS, size=(14_000, 14_000)), "damaged"),
    "a JPEG of fewer bits than blocks": (
        saved("JPEG").replace(struct.pack(">HH", 30, 40), struct.pack(">HH", 14_000, 14_000), 1), "damaged"
    ),
    "directories that overlap": (overlapping(200), "directories overlap"),
    "a width twice": (tiff([*SIZE, (256, 4, 1, 10), (257, 4, 1, 10)]), "damaged"),
    "a width of several numbers": (tiff([(256, 3, 2, 8), (257, 4, 1, 200)]), "damaged"),
    "a tile far larger than its page": (tiff([*SIZE, (322, 4, 1, 30_000), (323, 4, 1, 30_000)]), "damaged"),
    "more scans than any encoder writes": (scans(saved("JPEG", progressive=True), 300), f"over {MAX_SCANS} scans"),
    "two frames": (
        saved("JPEG")[:2] + b"\xff\xc0\x00\x0b\x08\x27\x10\x27\x10\x01\x01\x11\0" + saved("JPEG")[2:], "damaged"
    ),
    "segments without an end": (b"\xff\xd8" + b"\xff\xfe\0\2" * 200_000 + saved("JPEG")[2:], "damaged"),
    "a run of 0xff": (b"\xff\xd8" + b"\xff" * 300_000 + b"\xd9", "damaged"),
    "an HDR that takes 15 bytes a pixel": (
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 12000 +X 12000\n" + bytes(99), "limit of 120 megapixels"
    ),
    "a number that readers part in two": (b"P5\n300#300 255\n 1 255\n" + bytes(100), "damaged"),
    "a PAM with its size behind 64 KiB": (
        b"P7\nWIDTH 1\nHEIGHT 1\n" + b"#\n" * 40_000 + b"WIDTH 900\nENDHDR\n", "damaged"
    ),
    "an HDR with its size behind 64 KiB": (b"#?RADIANCE\n" + b"#\n" * 40_000 + b"\n-Y 9 +X 9\n", "damaged"),
    "a GIF of many blocks": (b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe" + b"\1a" * 300_000 + b"\0;", "damaged"),
    "a WebP that ends early": (saved("WEBP")[:-40], "damaged"),
    "a JPEG 2000 of many components": (
        b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIH", 8000, 0, 9, 9, 0, 0, 9, 9, 0, 0, 2000) + bytes(9000),
        "damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_costs_too_much_is_refused_at_once(case: str) -> None:
    data, reason = HOSTILE[case]
    begun = time.process_time()
    tracemalloc.start()
    with pytest.raises(ImageError, match=reason):
        decode_image(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * len(data) + (4 << 20) and time.process_time() - begun < 5


@pytest.mark.parametrize("count", [1, 20, 50])
def test_a_jpeg_of_some_more_scans_is_read(count: int) -> None:
    data = scans(saved("JPEG", progressive=True), count)
    assert read_header(data).size_wh == (40, 30)


def test_scans_of_what_is_appended_or_embedded_do_not_count() -> None:
    data = saved("JPEG")
    assert read_header(data + data * 100).size_wh == (40, 30)
    preview = b"\xff\xe1" + struct.pack(">H", 2 + 200) + (b"\xff\xda" * 100)
    assert read_header(data[:2] + preview + data[2:]).size_wh == (40, 30)


def test_a_header_that_states_another_size_than_the_pixels_have_is_refused() -> None:
    data = cv2.imencode(".hdr", PIXELS / np.float32(255))[1].tobytes()
    assert decode_image(data).shape == PIXELS.shape
    with pytest.raises(ImageError, match=r"states 999 x 30 pixels, and it holds 40 x 30"):
        decode_image(data.replace(b"#?RADIANCE\n", b"#?RADIANCE\n# +X 999\n", 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"])
def test_what_decoding_takes_is_told_from_the_header(kind: str) -> None:
    assert decoding_bytes(saved(kind)) == {"JPEG": 3, "JPEG2000": 16}.get(kind, 6) * 40 * 30
    assert decoding_bytes(b"no image") == 0


def test_a_message_never_quotes_the_bytes_of_a_file() -> None:
    with pytest.raises(ImageError) as raised:
        decode_image(b"root:x:0:0:secret")
    assert "root" not in str(raised.value)


@pytest.fixture
def sparse(tmp_path: Path) -> Iterator[Path]:
    """A file that has 5 GB and takes no room."""
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.write(png(ROWS))
        file.truncate(5 << 30)
    yield path
    path.unlink()


@pytest.mark.parametrize("head", [png(ROWS), saved("JPEG"), saved("TIFF"), saved("BMP"), saved("PPM"), b"no image"])
def test_a_sparse_file_is_not_read(sparse: Path, head: bytes) -> None:
    with sparse.open("r+b") as file:
        file.write(head)
    with pytest.raises(ImageError, match=r"the file has 5120 MiB, which is .*; save it again|cut short or damaged"):
        read_image(sparse)


def test_a_large_file_of_as_many_pixels_is_read(tmp_path: Path) -> None:
    rows = bytes(3 * 5000 * 5000)
    (tmp_path / "a.ppm").write_bytes(b"P6\n5000 5000\n255\n" + rows)
    assert len(read_image(tmp_path / "a.ppm")) > len(rows) > 64 << 20


@NAMED_PIPES
@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "folder"])
def test_only_files_are_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"it is a (pipe|device|folder), not a file"):
        read_image(tmp_path / name)
