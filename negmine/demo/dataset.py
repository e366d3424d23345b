"""The demo's data set on disk: labelled scenes in YOLO's layout, and a folder of backgrounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from negmine.demo.scenes import Scene, draw_lookalike_scene, draw_sign_scene
from negmine.demo.signs import SPEED_LIMIT
from negmine.errors import ConfigError
from negmine.structures import Image

_DATA_YAML = f"train: images/train\nval: images/val\nnames:\n  0: {SPEED_LIMIT}\n"


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """Where the parts of a demo data set are."""

    folder: Path

    @property
    def data_yaml(self) -> Path:
        """The file that a YOLO trainer reads."""
        return self.folder / "data.yaml"

    @property
    def train_images(self) -> Path:
        """The folder of labelled images to train on; their labels are in `labels/train`."""
        return self.folder / "images" / "train"

    @property
    def val_images(self) -> Path:
        """The folder of labelled images to validate on; their labels are in `labels/val`."""
        return self.folder / "images" / "val"

    @property
    def backgrounds(self) -> Path:
        """The folder of images without any target."""
        return self.folder / "backgrounds"


def write_demo_dataset(
    folder: Path, *, seed: int = 0, train: int = 200, val: int = 50, backgrounds: int = 300
) -> DemoDataset:
    """Draw a data set into `folder`. Images with the same names are drawn again; other files stay.

    An image depends only on the seed, its split and its number, so a smaller set is the beginning of a larger one.

    Args:
        folder: created if it does not exist.
        seed: 0 or more.
        train, val, backgrounds: number of images of each split.

    Raises:
        ConfigError: for a negative seed or number of backgrounds, or no image to train or validate on.
        OSError: if the folder cannot be written to.
    """
    for name, value, least in (
        ("seed", seed, 0),
        ("train", train, 1),
        ("val", val, 1),
        ("backgrounds", backgrounds, 0),
    ):
        if value < least:
            raise ConfigError(f"demo data: expected {name} of at least {least}, found {value}")
    dataset = DemoDataset(folder)
    _write_split(dataset.train_images, folder / "labels" / "train", train, [seed, 0], draw_sign_scene)
    _write_split(dataset.val_images, folder / "labels" / "val", val, [seed, 1], draw_sign_scene)
    _write_split(dataset.backgrounds, None, backgrounds, [seed, 2], draw_lookalike_scene)
    dataset.data_yaml.write_bytes(_DATA_YAML.encode())
    return dataset


def _write_split(
    images: Path, labels: Path | None, count: int, seed: list[int], draw: Callable[[np.random.Generator], Scene]
) -> None:
    for made in (images, labels):
        if made is not None:
            made.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        scene = draw(np.random.default_rng([*seed, number]))
        (images / f"{number:04d}.jpg").write_bytes(_jpeg(scene.image))
        if labels is not None:
            (labels / f"{number:04d}.txt").write_bytes(yolo_label(scene).encode())


def _jpeg(image: Image) -> bytes:
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return encoded.tobytes()


def yolo_label(scene: Scene) -> str:
    """One line per target: `0 x-centre y-centre width height`, as shares of the image."""
    height, width = scene.image.shape[:2]
    targets = scene.boxes_xyxy[[kind == SPEED_LIMIT for kind in scene.kinds]]
    x1, y1, x2, y2 = (targets / [width, height, width, height]).T
    shares = np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1)
    return "".join("0 " + " ".join(f"{share:.6f}" for share in row) + "\n" for row in shares)
