"""Decoding: every kind of picture becomes the same pixels; what is no single sound picture is refused, and says why."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from negmine.errors import ImageError
from negmine.images import decode_image, encode_jpeg, perceptual_hash, resize_without_stretching
from negmine.structures import Image

ORANGE, BLUE = (20, 120, 240), (200, 60, 10)  # BGR


def _picture() -> Image:
    """80 x 60: orange on the left, blue on the right, so that turning and mirroring show."""
    image = np.empty((60, 80, 3), dtype=np.uint8)
    image[:, :40], image[:, 40:] = ORANGE, BLUE
    return image


def _encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(_picture()[..., ::-1].copy()).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def _close(image: Image, expected: Image, tolerance: int) -> None:
    assert image.dtype == np.uint8 and image.shape == expected.shape
    inner = np.ones(expected.shape[:2], dtype=bool)
    inner[:, 36:44] = False  # the edge between the colours rings in lossy formats
    assert np.abs(image.astype(int) - expected)[inner].max() <= tolerance


@pytest.mark.parametrize(
    ("kind", "mode", "options", "tolerance"),
    [
        ("PNG", "RGB", {}, 0),
        ("PNG", "RGBA", {}, 0),
        ("PNG", "P", {"palette": 1}, 0),
        ("BMP", "RGB", {}, 0),
        ("TIFF", "RGB", {}, 0),
        ("TIFF", "RGBA", {}, 0),
        ("TIFF", "CMYK", {}, 1),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}, 0),
        ("PPM", "RGB", {}, 0),
        ("JPEG2000", "RGB", {}, 0),
        ("WEBP", "RGB", {"lossless": True}, 0),
        ("WEBP", "RGB", {"quality": 95}, 12),
        ("AVIF", "RGB", {"quality": 95}, 12),
        ("JPEG", "RGB", {"quality": 95}, 4),
        ("JPEG", "CMYK", {"quality": 95}, 6),
        ("GIF", "RGB", {}, 30),  # its palette is chosen by the encoder
    ],
)
def test_every_format_gives_the_same_colours(kind: str, mode: str, options: dict[str, object], tolerance: int) -> None:
    if options.pop("palette", None):
        buffer = io.BytesIO()
        PillowImage.fromarray(_picture()[..., ::-1].copy()).quantize(4).save(buffer, "PNG")
        data = buffer.getvalue()
    else:
        data = _encoded(kind, mode, **options)
    _close(decode_image(data), _picture(), tolerance)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "L"), ("PNG", "LA"), ("JPEG", "L"), ("TIFF", "L")])
def test_grey_becomes_three_equal_channels(kind: str, mode: str) -> None:
    image = decode_image(_encoded(kind, mode))
    assert image.shape == (60, 80, 3) and np.ptp(image, axis=2).max() == 0
    assert abs(int(image[30, 10, 0]) - round(0.299 * 240 + 0.587 * 120 + 0.114 * 20)) <= 1  # Rec. 601 luma


def test_one_bit_becomes_black_and_white() -> None:
    buffer = io.BytesIO()
    PillowImage.fromarray(np.arange(80)[None, :].repeat(60, 0) < 40).save(buffer, "PNG")
    image = decode_image(buffer.getvalue())
    assert (image[:, :40] == 255).all() and (image[:, 40:] == 0).all()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_keep_their_upper_eight(suffix: str) -> None:
    deep = np.full((60, 80, 3), 0x9C40, dtype=np.uint16)
    assert (decode_image(cv2.imencode(suffix, deep)[1].tobytes()) == 0x9C).all()


def test_transparent_pixels_keep_their_colour() -> None:
    clear = np.dstack([_picture(), np.zeros((60, 80), dtype=np.uint8)])
    np.testing.assert_array_equal(decode_image(cv2.imencode(".png", clear)[1].tobytes()), _picture())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 65535])
def test_exif_orientation_is_applied_and_nonsense_ignored(kind: str, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    image = decode_image(_encoded(kind, exif=exif))
    turn = {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2), 8: lambda a: np.rot90(a),
    }.get(orientation, lambda a: a)  # fmt: skip
    expected = turn(_picture())
    assert image.shape == expected.shape
    for y, x in ((5, 5), (-5, -5), (5, -5), (-5, 5)):
        assert np.abs(image[y, x].astype(int) - expected[y, x]).max() <= 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_what_is_cut_short_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, size=(60, 80, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(noise).save(buffer, kind)
    data = buffer.getvalue()
    decode_image(data)
    with pytest.raises(ImageError):
        decode_image(data[: int(len(data) * share)])


def test_bytes_after_the_end_of_a_jpeg_do_no_harm() -> None:
    _close(decode_image(_encoded("JPEG", quality=95) + b"\0" * 1000), _picture(), 4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html></html>", "not an image"),
        (b"\xff\xd8\xff", "JPEG that is cut short"),
        (bytes(1000), "not an image"),
    ],
)
def test_what_is_no_image_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(data)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_pages_are_refused_with_their_number(kind: str) -> None:
    frames = [PillowImage.new("RGB", (20, 20), color) for color in ("red", "green", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="3 frames or pages"):
        decode_image(buffer.getvalue())


def test_photographs_of_phones_with_a_second_picture_inside_are_read() -> None:
    frames = [PillowImage.new("RGB", (40, 30), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "MPO", save_all=True, append_images=frames[1:])
    assert decode_image(buffer.getvalue())[15, 20].argmax() == 2  # the first, red one


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        _png_header(20_000, 10_001),
        _png_header(65_535, 65_535),
        _png_header(2**31 - 1, 2**31 - 1),
        b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20000 +X 10001\n",
        b"P7\nWIDTH 20000\nHEIGHT 10001\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
    ],
)
def test_more_than_200_megapixels_are_refused_before_decoding(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"over the limit of (200|120) megapixels"):
        decode_image(data)


def test_just_under_the_limit_is_not_refused_for_its_size() -> None:
    with pytest.raises(ImageError, match="cut short"):  # refused for its content instead
        decode_image(_png_header(19_999, 10_000))


def test_real_photographs(real_data: Path) -> None:
    images = real_data / "images"
    with pytest.raises(ImageError, match="JPEG that is cut short"):
        decode_image((images / "kangaroo" / "images" / "00090.jpg").read_bytes())
    for path in sorted((images / "raccoon" / "images").iterdir())[::10]:
        np.testing.assert_array_equal(decode_image(path.read_bytes()), cv2.imread(str(path)))


def test_encoding_is_deterministic_and_close() -> None:
    first = encode_jpeg(_picture())
    assert first == encode_jpeg(_picture().copy()) and first[:3] == b"\xff\xd8\xff"
    _close(decode_image(first), _picture(), 4)
    with pytest.raises(ImageError, match="cannot be encoded"):
        encode_jpeg(np.zeros((1, 70_000, 3), dtype=np.uint8))


@settings(max_examples=60, deadline=None)
@given(wh=st.tuples(st.integers(1, 90), st.integers(1, 90)), out=st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_resizing_never_stretches(wh: tuple[int, int], out: tuple[int, int]) -> None:
    white = np.full((wh[1], wh[0], 3), 255, dtype=np.uint8)
    result = resize_without_stretching(white, out, pad=0)
    assert result.shape == (out[1], out[0], 3)
    height, width = np.ptp(np.argwhere(result[..., 0] == 255), axis=0) + 1
    scale = min(out[0] / wh[0], out[1] / wh[1])
    assert abs(width - wh[0] * scale) <= 1 and abs(height - wh[1] * scale) <= 1
    assert width == out[0] or height == out[1]


def test_the_same_size_is_a_copy() -> None:
    image = _picture()
    copy = resize_without_stretching(image, (80, 60))
    np.testing.assert_array_equal(copy, image)
    assert not np.shares_memory(copy, image)


def test_perceptual_hash_survives_encoding_and_tells_pictures_apart() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        cv2.resize(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8), (120, 90), interpolation=cv2.INTER_CUBIC)
        for _ in range(8)
    ]
    hashes = [perceptual_hash(picture) for picture in pictures]
    for picture, value in zip(pictures, hashes, strict=True):
        again = perceptual_hash(decode_image(encode_jpeg(cv2.resize(picture, (200, 150)), quality=60)))
        assert (value ^ again).bit_count() <= 8 and 0 <= value < 1 << 64
    assert min((a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]) > 16
