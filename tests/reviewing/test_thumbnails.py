"""Thumbnails are kept, and never more than fit."""

from __future__ import annotations

import os
from pathlib import Path

from negmine.reviewing.thumbnails import Thumbnails

JPEG = b"\xff\xd8\xff" + b"x" * 97
NAMES = [f"{number:02x}" * 32 for number in range(3)]


def test_without_a_folder_nothing_is_kept() -> None:
    thumbnails = Thumbnails(None)
    thumbnails.write(NAMES[0], JPEG)
    assert thumbnails.read(NAMES[0]) is None
    assert thumbnails.trim(0) == 0


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "deep" / "er")
    assert thumbnails.read(NAMES[0]) is None
    thumbnails.write(NAMES[0], JPEG)
    assert thumbnails.read(NAMES[0]) == JPEG
    assert thumbnails.read(NAMES[1]) is None
    assert os.name != "posix" or (tmp_path / "deep" / "er").stat().st_mode & 0o077 == 0


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "kept")
    (tmp_path / "secret").write_bytes(JPEG)
    path = tmp_path / "kept" / NAMES[0][:2] / f"{NAMES[0]}.jpg"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "secret")
    assert thumbnails.read(NAMES[0]) is None
    thumbnails.write(NAMES[0], JPEG + b"new")
    assert (tmp_path / "secret").read_bytes() == JPEG and thumbnails.read(NAMES[0]) == JPEG + b"new"


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    Thumbnails(tmp_path / "file").write(NAMES[0], JPEG)
    assert Thumbnails(tmp_path / "file").trim() == 0


def test_the_oldest_go_first(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path)
    for age, name in enumerate(NAMES):
        thumbnails.write(name, JPEG)
        os.utime(tmp_path / name[:2] / f"{name}.jpg", (1000 - age, 1000 - age))
    assert thumbnails.trim(300) == 0
    assert thumbnails.trim(250) == 1
    assert [thumbnails.read(name) is not None for name in NAMES] == [True, True, False]
