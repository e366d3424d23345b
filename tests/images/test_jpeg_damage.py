"""A JPEG that is damaged inside: it is refused, and nothing is printed by the library that finds out."""

from __future__ import annotations

import io
import itertools
import random
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from negmine.errors import ImageError
from negmine.images import decode_image

NOISE = cv2.resize(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8), (240, 160))


def saved(mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(NOISE).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


DAMAGE = {
    "cut": lambda data, at: data[:at] + b"\xff\xd9",
    "zeros": lambda data, at: data[:at] + bytes(len(data) - at - 2) + b"\xff\xd9",
    "a part is lost": lambda data, at: data[:at] + data[at + 700 :],
}


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused_in_silence(damage: str, progressive: bool, capfd: pytest.CaptureFixture[str]) -> None:
    data = saved(progressive=progressive)
    begin = data.rfind(b"\xff\xda") + 40
    for seed in range(5):
        at = random.Random(seed).randrange(begin, len(data) - (800 if damage == "a part is lost" else 20))
        with pytest.raises(ImageError, match=r"damaged"):
            decode_image(DAMAGE[damage](data, at))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("padding", [b"\0", b"\1\2\3", bytes(2000)], ids=len)
def test_some_bytes_before_the_end_are_no_damage(padding: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    data = saved()
    np.testing.assert_array_equal(decode_image(data[:-2] + padding + data[-2:]), decode_image(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pixels_are_those_of_opencv(mode: str, orientation: int) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    data = saved(mode, exif=exif)
    np.testing.assert_array_equal(decode_image(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("tail", [bytes(4), b"\0", b""], ids=len)
@pytest.mark.parametrize("before", [b"", struct.pack("<HHII", 256, 3, 2, 7)], ids=len)
def test_a_block_of_exif_is_read_as_leniently_as_by_opencv(order: str, tail: bytes, before: bytes) -> None:
    for form, count, number in itertools.product("BHI", (0, 1, 2), (0, 1, 3, 6, 9, 255)):
        value = struct.pack(order + form, number).ljust(4, b"\0")
        entry = struct.pack(f"{order}HHI", 0x0112, {"B": 1, "H": 3, "I": 4}[form], count) + value
        head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, 1 + bool(before))
        block = b"Exif\0\0" + head + before + entry + tail
        data = saved(exif=block)
        np.testing.assert_array_equal(decode_image(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@pytest.mark.slow
def test_every_real_photograph_is_read_as_by_opencv(real_data: Path) -> None:
    broken = []
    for path in sorted((real_data / "images").rglob("*.jpg")):
        data = path.read_bytes()
        try:
            image = decode_image(data)
        except ImageError:
            broken.append(path.name)
            continue
        np.testing.assert_array_equal(image, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    assert broken == ["00090.jpg"]
