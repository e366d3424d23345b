"""Headers: what a file says of itself is found before any pixel is, and no file of whatever bytes brings us down."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from negmine.errors import ImageError
from negmine.images import decode_image
from negmine.images.header import Header, read_header

WIDTH, HEIGHT = 46, 34
KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "MPO"]


def _pictures(count: int) -> list[PillowImage.Image]:
    noise = np.random.default_rng(0).integers(0, 255, size=(count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return [PillowImage.fromarray(picture) for picture in noise]


def _saved(kind: str, count: int = 1, **options: object) -> bytes:
    first, *others = _pictures(count)
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(buffer, kind, **more, **options)
    return buffer.getvalue()


def _tiff(*pages: dict[int, int], order: str = "<", is_big: bool = False) -> bytes:
    """Directories of LONG tags and no pixels."""
    word, count_format, entry = ("Q", "Q", "HHQQ") if is_big else ("I", "H", "HHII")
    header = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if is_big else 42)
    data = header + (struct.pack(order + "HHQ", 8, 0, 16) if is_big else struct.pack(order + "I", 8))
    for number, tags in enumerate(pages, 1):
        body = struct.pack(order + count_format, len(tags))
        for tag, value in tags.items():
            body += struct.pack(order + entry, tag, 16 if is_big else 4, 1, value)  # 16: LONG8, 4: LONG
        end = len(data) + len(body) + struct.calcsize("<" + word)
        data += body + struct.pack(order + word, end if number < len(pages) else 0)
    return data


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "MPO"])
def test_size_of_a_single_picture(kind: str) -> None:
    header = read_header(_saved(kind))
    assert (header.size_wh, header.frames, header.orientation) == ((WIDTH, HEIGHT), 1, 1)


@pytest.mark.parametrize(
    ("kind", "pictures"),
    [("GIF", 3), ("PNG", 3), ("WEBP", 3), ("AVIF", 3), ("TIFF", 3), ("MPO", 1)],  # MPO: a photograph and its previews
)
def test_pictures_are_counted(kind: str, pictures: int) -> None:
    assert read_header(_saved(kind, 3)).frames == pictures


@pytest.mark.parametrize("suffix", [".hdr", ".pam", ".sr", ".jp2", ".pgm"])
def test_formats_that_opencv_writes(suffix: str) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 100, dtype=np.uint8)
    pixels = image / np.float32(255) if suffix == ".hdr" else image[..., 0] if suffix == ".pgm" else image
    data = cv2.imencode(suffix, pixels)[1].tobytes()
    assert read_header(data).size_wh == (WIDTH, HEIGHT)
    assert np.abs(decode_image(data).astype(int) - 100).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
def test_tiff_directories(order: str, is_big: bool) -> None:
    first, second = {256: 300, 257: 200}, {256: 30, 257: 20}
    assert read_header(_tiff(first, order=order, is_big=is_big)) == Header("TIFF", (300, 200))
    assert read_header(_tiff(first, second, order=order, is_big=is_big)).frames == 2
    overview = second | {254: 1}  # the subfile type says: the same picture, smaller
    assert read_header(_tiff(first, overview, overview, order=order, is_big=is_big)).frames == 1


def test_tiff_directories_in_a_circle_end() -> None:
    data = _tiff({256: 300, 257: 200})
    assert read_header(data[:-4] + struct.pack("<I", 8)) == Header("TIFF", (300, 200))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_tiff({256: 0, 257: 200}), "0 x 200 pixels"),
        (_tiff({256: 20_001, 257: 10_000}), "20001 x 10000 pixels, over the limit"),
        (_tiff({256: 20_001, 257: 10_000}, is_big=True), "20001 x 10000 pixels, over the limit"),
        (_tiff({256: 300}), "TIFF that is cut short or damaged"),
        (b"#?RADIANCE\n# -Y 1 +X 1\n" + b"#" * 2000 + b"\n\n-Y 20001 +X 10000\n", "over the limit"),
        (b"P7\n# a WIDTH 3\nHEIGHT 10001\nWIDTH 20000\nENDHDR\n", "over the limit"),  # fields in any order
        (b"BM" + struct.pack("<IHHIIiiHHI", 60, 0, 0, 54, 40, 65_535, -65_535, 1, 24, 0) + bytes(20), "over the limit"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC.*convert"),
        (b"PF\n2 2\n-1.0\n" + bytes(48), "floating-point"),  # OpenCV would make 0..1 black
        (cv2.imencode(".tiff", np.zeros((4, 4), dtype=np.float32))[1].tobytes(), "8 or 16 bits"),
        (b"%PDF-1.7", "not an image in a format that negmine reads"),
    ],
)
def test_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(data)


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_a_jpeg_needs_its_end_marker(cut: int) -> None:
    preview = _saved("JPEG")  # its end marker lies in a segment, before the scan, and must not count
    data = _saved("JPEG", exif=b"Exif\0\0" + preview)
    assert preview[-2:] == b"\xff\xd9" and preview in data
    read_header(data + b"anything")
    with pytest.raises(ImageError, match="JPEG that is cut short"):
        read_header(data[:-cut])


TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: np.rot90(a, 2),
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", TURNS)
def test_avif_is_turned_upright_though_opencv_does_not(orientation: int) -> None:
    picture = np.zeros((48, 64, 3), dtype=np.uint8)
    picture[:24, :32] = 200  # one bright corner tells all eight apart, with the size
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    PillowImage.fromarray(picture).save(buffer, "AVIF", quality=95, exif=exif)
    image, expected = decode_image(buffer.getvalue()), TURNS[orientation](picture)
    assert image.shape == expected.shape and image.flags.c_contiguous
    assert np.abs(image.astype(int) - expected).mean() < 4


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
)
def test_any_bytes_are_read_or_refused(kind: str, cut: float, changes: list[tuple[float, int]]) -> None:
    data = bytearray(_saved(kind))
    for where, value in changes:
        data[int((len(data) - 1) * where**4)] = value  # to the power of 4: mostly in the header
    try:
        header = read_header(bytes(data[: max(int(len(data) * cut), 1)]))
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert header.frames >= 1
