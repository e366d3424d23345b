"""Images to measure on: those that are given, or frames of 1920x1080 made of them, laid out as folders of links."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rounds import Work

from negmine.errors import ImageError
from negmine.images import decode_image
from negmine.sources.expand import expand_sources

FRAME_WH = (1920, 1080)
_GRID = 2  # tiles in a row and in a column of a frame
_QUALITY = 90  # of the frames, as JPEG

Pixels = npt.NDArray[np.uint8]


def demo_material(folder: Path) -> tuple[Path, Path]:
    """Weights and images of `negmine demo`, made where they are not there yet."""
    if not (folder / "detector.pt").exists():
        subprocess.run([sys.executable, "-m", "negmine", "demo", "--out", str(folder)], check=True, stdout=sys.stderr)
    return folder / "detector.pt", folder / "data" / "backgrounds"


def different_images(sources: Sequence[Path], count: int | None = None) -> list[Path]:
    """The images under folders that OpenCV can decode too, each content once: the same work for every side.

    Args:
        sources: images or folders.
        count: at most so many, from all over the list; all where None.
    """
    found: dict[bytes, Path] = {}
    for ref in expand_sources(list(sources)):
        data = ref.path.read_bytes()
        if cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None and _decodes(data):
            found.setdefault(hashlib.sha256(data).digest(), ref.path)
    images = list(found.values())
    if count is None or count >= len(images):
        return images
    return [images[index * len(images) // count] for index in range(count)]


def _decodes(data: bytes) -> bool:
    try:
        decode_image(data)
    except ImageError:
        return False
    return True


def make_frames(images: Sequence[Path], count: int, folder: Path) -> list[Path]:
    """Write frames, each of four images in a square, enlarged until they fill their quarter and cut there.

    Args:
        images: to take the tiles from, in turn; after each pass over them a tile has other neighbours.
        count: how many frames.
        folder: a new one.
    """
    folder.mkdir()
    rng = np.random.default_rng(0)
    order: list[int] = []
    paths = []
    for number in range(count):
        while len(order) < _GRID**2:
            order += rng.permutation(len(images)).tolist()
        tiles = [_tile(decode_image(images[order.pop(0)].read_bytes())) for _ in range(_GRID**2)]
        frame = np.vstack([np.hstack(tiles[row * _GRID : (row + 1) * _GRID]) for row in range(_GRID)])
        path = folder / f"frame-{number:06d}.jpg"
        path.write_bytes(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
        paths.append(path)
    return paths


def _tile(image: Pixels) -> Pixels:
    """Enlarge an image until it covers a tile, and cut out its middle."""
    width, height = (side // _GRID for side in FRAME_WH)
    scale = max(width / image.shape[1], height / image.shape[0])
    size_wh = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    big = cv2.resize(image, size_wh, interpolation=cv2.INTER_CUBIC)
    left, top = (big.shape[1] - width) // 2, (big.shape[0] - height) // 2
    return np.asarray(big[top : top + height, left : left + width], dtype=np.uint8)


def half_and_all(images: Sequence[Path], folder: Path) -> tuple[Work, Work]:
    """Two folders of the images under other names: every second one, and all.

    The names say which is which, since some tools write what they found by the name of the image alone.
    """
    works = []
    for name, step in (("half", 2), ("all", 1)):
        chosen = images[::step]
        (folder / name).mkdir()
        for number, path in enumerate(chosen):
            link(path.resolve(), folder / name / f"{number:06d}{path.suffix}")
        works.append(Work(folder / name, len(chosen)))
    return works[0], works[1]


def link(path: Path, target: Path) -> None:
    """The same file under another name, or a copy where it is on another disk."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def add_material_options(parser: argparse.ArgumentParser) -> None:
    """What to scan, and with what."""
    parser.add_argument("--weights", type=Path, help="default: the demo's detector")
    parser.add_argument("--images", type=Path, nargs="+", help="images or folders; default: the demo's backgrounds")
    parser.add_argument("--imgsz", type=int, default=256)


def parse_with_material(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse, and refuse weights without images or images without weights."""
    args = parser.parse_args()
    if (args.weights is None) != (args.images is None):
        parser.error("expected --weights and --images together, found one; name both or neither")
    return args
