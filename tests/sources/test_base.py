"""The port of sources: files are one kind, and whatever has a key, a stamp and bytes is another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from blobs import draw, square_detector

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.mining.scan import scan
from negmine.sources.base import ImageFile, Source
from negmine.structures import FileStamp


@dataclass(frozen=True)
class Tile:
    """A part of an image file."""

    path: Path
    x: int

    @property
    def key(self) -> str:
        return f"{self.path}#x={self.x}"

    def stamp(self) -> FileStamp:
        return ImageFile(str(self.path)).stamp()

    def read(self) -> bytes:
        image = cv2.imdecode(np.fromfile(self.path, dtype=np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        return cv2.imencode(".png", image[:, self.x : self.x + 100])[1].tobytes()


@dataclass(frozen=True)
class Tiles:
    """The left and the right half of images of 200 pixels."""

    paths: Sequence[Path]

    def items(self) -> list[Tile]:
        return [Tile(path, x) for path in self.paths for x in (0, 100)]


def test_a_file_is_named_by_its_path_and_stamped_by_size_and_time(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    os.utime(path, ns=(5, 7))
    item = ImageFile(str(path))
    assert (item.key, item.path) == (str(path), path)
    assert item.stamp() == FileStamp(path.stat().st_size, 7)
    assert item.read() == path.read_bytes()


def test_items_of_another_kind_are_scanned_and_known_again_by_their_keys(tmp_path: Path) -> None:
    paths = [draw(tmp_path / f"{i}.png", [(20, 20, 40, 40, 50 + i), (140, 60, 160, 80, 80)], seed=i) for i in range(6)]
    tiles: Source = Tiles(paths)
    result = scan(tiles, square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.added) == (12, 12)
    with Bank(tmp_path / "bank") as bank:
        assert next(bank.negatives()).source.name == "0.png#x=100"
        assert bank.scalar("SELECT count(*) FROM items WHERE path LIKE '%.png#x=%'") == 12
    draw(paths[3], [(20, 20, 40, 40, 90)], seed=3)
    again = scan(tiles, square_detector(), bank=tmp_path / "bank")
    assert (again.scanned, again.unchanged) == (2, 10) and verify(tmp_path / "bank").ok
