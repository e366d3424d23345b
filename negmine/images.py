"""Images in and out: the one decoder that everything uses, the encoder of negatives, resizing, a perceptual hash.

OpenCV decodes, as in the trainers of the detectors that are scanned: EXIF orientation applied, greyscale, palette,
16-bit and CMYK converted to 8-bit BGR, transparency dropped. Pillow reads the header first, so that what would be too
large, or is no single picture, is refused before it is decoded.
"""

from __future__ import annotations

import io
import re
import threading
import warnings

import cv2
import numpy as np
from PIL import Image as PillowImage

from negmine.errors import ImageError
from negmine.structures import Image

MAX_PIXELS = 200_000_000  # of one image
PAD = 114  # grey of letterbox borders, as Ultralytics trains with
_ONE_PICTURE = frozenset({"MPO"})  # holds several pictures by design, of which the first is the photograph
_PILLOW_WARNS = threading.Lock()  # filters of warnings are the process's, and decoding runs in threads
# Size in the headers of Radiance HDR, PFM and PAM, which OpenCV reads and Pillow does not.
_PLAIN_HEADER = re.compile(
    rb"#\?.*?\n-Y (?P<h1>\d+) \+X (?P<w1>\d+)\n|P[Ff]\s+(?P<w2>\d+)\s+(?P<h2>\d+)\s"
    rb"|P7\s+WIDTH (?P<w3>\d+)\s+HEIGHT (?P<h3>\d+)\s",
    re.DOTALL,
)


def decode_image(data: bytes) -> Image:
    """Decode an image by its content, whatever its name says.

    Args:
        data: the bytes of a file in any format that OpenCV reads.

    Returns:
        [H, W, 3] uint8 BGR, upright.

    Raises:
        ImageError: for bytes that are no image, cut short, more than 200 megapixels, animated or of several pages.
    """
    if not data:
        raise ImageError("the file is empty (0 bytes)")
    known_as = _check_header(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode it: {str(error).strip().splitlines()[-1]}") from error
    if image is None:
        what = f"a {known_as} that is cut short or damaged" if known_as else "no image in a format that OpenCV reads"
        raise ImageError(f"it is {what} ({len(data)} bytes)")
    return np.asarray(image, dtype=np.uint8)


def _check_header(data: bytes) -> str | None:
    """Refuse, from the header alone, what must not be decoded; return the format's name, None where Pillow has none."""
    try:
        with _PILLOW_WARNS, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own limit of pixels is lower than ours
            with PillowImage.open(io.BytesIO(data)) as header:
                name, size_wh = header.format or "picture", header.size
                frames = 1 if name in _ONE_PICTURE else int(getattr(header, "n_frames", 1))
    except PillowImage.DecompressionBombError as error:  # it tells the number of pixels, and nothing else
        told = re.search(r"\((\d+) pixels\)", str(error))
        _check_size((int(told[1]) if told else MAX_PIXELS + 1, 1))
        return None
    except Exception:  # a header that Pillow does not read, for any of many reasons; OpenCV may know the format
        plain = _PLAIN_HEADER.match(data[:1024])
        if plain is not None:
            _check_size(
                (int(plain["w1"] or plain["w2"] or plain["w3"]), int(plain["h1"] or plain["h2"] or plain["h3"]))
            )
        return None
    _check_size(size_wh)
    if frames > 1:
        raise ImageError(f"it is a {name} of {frames} frames or pages; save each as an image of its own")
    return name


def _check_size(size_wh: tuple[int, int]) -> None:
    pixels = size_wh[0] * size_wh[1]
    if pixels > MAX_PIXELS:
        raise ImageError(
            f"it has {pixels / 1e6:.0f} megapixels, over the limit of {MAX_PIXELS // 10**6}; cut it into tiles"
        )


def encode_jpeg(image: Image, *, quality: int = 95) -> bytes:
    """Encode [H, W, 3] uint8 BGR as JPEG; the same pixels give the same bytes.

    Raises:
        ImageError: where OpenCV refuses, such as for a side over 65,500 pixels.
    """
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ImageError(f"{image.shape[1]} x {image.shape[0]} pixels cannot be encoded as JPEG; choose a smaller size")
    return data.tobytes()


def resize_without_stretching(image: Image, size_wh: tuple[int, int], *, pad: int = PAD) -> Image:
    """Scale an image [H, W, 3] to fit into `size_wh`, centred, and fill what is left with grey of value `pad`."""
    (width, height), (out_width, out_height) = (image.shape[1], image.shape[0]), size_wh
    if (width, height) == size_wh:
        return image.copy()
    scale = min(out_width / width, out_height / height)
    fitted_wh = (min(max(round(width * scale), 1), out_width), min(max(round(height * scale), 1), out_height))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted = image if fitted_wh == (width, height) else cv2.resize(image, fitted_wh, interpolation=method)
    result = np.full((out_height, out_width, 3), pad, dtype=np.uint8)
    left, top = (out_width - fitted_wh[0]) // 2, (out_height - fitted_wh[1]) // 2
    result[top : top + fitted_wh[1], left : left + fitted_wh[0]] = fitted
    return result


def perceptual_hash(image: Image) -> int:
    """A 64-bit hash that small changes (encoding, scale, brightness) move by a few bits only.

    The signs of the 8 x 8 lowest frequencies of the cosine transform of a 32 x 32 grey copy, about their median
    (pHash; Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010).
    """
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    bits = low > np.median(low[1:])  # the first is the mean brightness
    return int("".join("1" if bit else "0" for bit in bits), 2)
