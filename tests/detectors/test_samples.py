"""Images out of many."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from needs import NAMED_PIPES

from negmine.detectors.samples import samples_of


def grey(folder: Path, count: int) -> list[Path]:
    """Pictures whose grey is their number."""
    paths = [folder / f"{number:03d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((4, 4, 3), number, dtype=np.uint8))
    return paths


def test_of_no_files_there_are_none() -> None:
    assert list(samples_of([])(4)) == []


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(1, 4, [0]), (3, 4, [0, 1, 2]), (8, 4, [0, 2, 4, 6]), (10, 3, [0, 3, 6]), (5, 0, [])],
)
def test_they_are_evenly_spaced(tmp_path: Path, count: int, most: int, expected: list[int]) -> None:
    assert [int(image[0, 0, 0]) for image in samples_of(grey(tmp_path, count))(most)] == expected


@NAMED_PIPES
def test_what_cannot_be_read_is_replaced_by_the_next_of_its_part(tmp_path: Path) -> None:
    paths = grey(tmp_path, 8)
    paths[0].unlink()
    os.mkfifo(paths[0])  # which nobody writes to: reading it would wait for ever
    for path in paths[4:6]:
        path.write_bytes(b"<html>")
    assert [int(image[0, 0, 0]) for image in samples_of(paths)(4)] == [1, 2, 6]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    images = samples_of([tmp_path / "later.png"])(1)
    cv2.imwrite(str(tmp_path / "later.png"), np.zeros((4, 4, 3), dtype=np.uint8))
    assert len(list(images)) == 1
