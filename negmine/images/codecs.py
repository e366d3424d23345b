"""Decoding and encoding images: the one decoder that everything uses, and the encoder of negatives.

OpenCV decodes, as in the trainers of the detectors that are scanned: EXIF orientation applied, greyscale, palette,
16-bit and CMYK converted to 8-bit BGR, transparency dropped (TIFF, by its own library: over black). A JPEG is decoded
by the same library through simplejpeg, to the same pixels: OpenCV lets it print what is damaged, and returns grey for
it. What is too large, or is not a single intact image, is refused by its header, before it is decoded.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
import simplejpeg

from negmine.errors import ImageError
from negmine.images.header import Header, cut_short, read_header
from negmine.limits import MAX_DECODING, MAX_PIXELS
from negmine.structures import Image


def decode_image(data: bytes) -> Image:
    """Decode an image by its content, whatever its name says.

    Args:
        data: the bytes of a file in any format that OpenCV reads.

    Returns:
        [H, W, 3] uint8 BGR, upright.

    Raises:
        ImageError: for bytes that are not an image, cut short, or of another size than their header states; for more
            than 200 megapixels, and for several frames.
    """
    if not data:
        raise ImageError("the file is empty (0 bytes)")
    header = read_header(data)
    _check(header)
    image = _jpeg(data) if header.format == "JPEG" else None
    if image is None:
        image = _by_opencv(data, header)
    decoded_wh = (image.shape[1], image.shape[0])
    if decoded_wh not in (header.size_wh, header.size_wh[::-1]):  # reversed where OpenCV has turned it upright
        raise ImageError(
            f"its header states {header.size_wh[0]} x {header.size_wh[1]} pixels, and it holds {decoded_wh[0]} x "
            f"{decoded_wh[1]}; save it again"
        )
    return _upright(image, header.orientation)


def _jpeg(data: bytes) -> Image | None:
    """The pixels of a JPEG, as stored; None for one that OpenCV alone may decode, such as of CMYK.

    Raises:
        ImageError: where what is compressed is damaged.
    """
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR"), dtype=np.uint8)
    except ValueError as error:
        if _is_damage(str(error), data):
            raise ImageError(f"it is a JPEG that is damaged inside ({error}); copy or download it again") from error
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "BGR", strict=False), dtype=np.uint8)  # after other warnings
    except ValueError:
        return None


_FEW = 3  # bytes of any value before the end, as some cameras write them
_LEFT_OVER = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_JPEG_END = b"\xff\xd9"


def _is_damage(warning: str, data: bytes) -> bool:
    """Whether what the decoder says of a JPEG is about its pixels, and not about padding before its end."""
    if (left_over := _LEFT_OVER.match(warning)) is not None:
        count, end = int(left_over[1]), data.rfind(_JPEG_END)
        return count > _FEW and len(set(data[max(end - count, 0) : end])) > 1
    return warning.startswith(("Premature end", "Corrupt JPEG data"))


def _by_opencv(data: bytes, header: Header) -> Image:
    flags = cv2.IMREAD_COLOR
    if header.orientation != 1:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION  # should OpenCV learn to turn this format, it is not turned twice
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise ImageError(
            f"it is a {header.format} that cannot be decoded ({len(data)} bytes); save it as PNG or JPEG"
        ) from error
    if image is None and header.format == "TIFF":
        raise ImageError(f"{cut_short('TIFF', len(data))}, or save it with 8 or 16 bits a sample if it has 32 or more")
    if image is None:
        raise ImageError(cut_short(header.format, len(data)))
    return np.asarray(image, dtype=np.uint8)


def _check(header: Header) -> None:
    """Refuse, from the header alone, what must not be decoded."""
    width, height = header.size_wh
    if width < 1 or height < 1:
        raise ImageError(f"it is a {header.format} of {width} x {height} pixels; expected at least 1 x 1")
    most = min(MAX_PIXELS, MAX_DECODING // header.memory)
    if width * height > most:
        raise ImageError(
            f"it is of {width} x {height} pixels, over the limit of {most // 10**6} megapixels; cut it into tiles"
        )
    if header.frames > 1:
        raise ImageError(
            f"it is a {header.format} of {header.frames} frames or pages; save each as an image of its own"
        )


def _upright(image: Image, orientation: int) -> Image:
    """Undo an EXIF orientation (CIPA DC-008, 4.6.4): 5 to 8 swap the axes, the others only mirror them."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def encode_jpeg(image: Image, *, quality: int = 95) -> bytes:
    """Encode [H, W, 3] uint8 BGR as JPEG; the same pixels give the same bytes.

    Raises:
        ImageError: where OpenCV refuses, such as for a side over 65,500 pixels.
    """
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError(f"{image.shape[1]} x {image.shape[0]} pixels cannot be encoded as JPEG; choose a smaller size")
    return data.tobytes()
