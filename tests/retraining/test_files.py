"""Files are whole or not there, and a user's files stay as they are."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from negmine.errors import TrainingError
from negmine.files import copy_file, write_file
from negmine.images import decode_image
from negmine.retraining.files import place_image, trainable_suffix, writing

PIXELS = np.random.default_rng(0).integers(0, 255, size=(24, 32, 3), dtype=np.uint8)


def picture(path: Path, behind: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, PIXELS)[1].tobytes() + behind)
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.bmp"])
def test_an_image_is_linked(tmp_path: Path, name: str) -> None:
    source = picture(tmp_path / "user" / name)
    target = tmp_path / "out" / f"b{trainable_suffix(source)}"
    place_image(source, target, home=tmp_path / "out")
    assert target.is_symlink() and target.resolve() == source.resolve()
    assert Path(target.readlink()).is_absolute()


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])  # by what is in it, not by its name
def test_a_jpeg_that_ultralytics_would_save_anew_in_its_place_is_copied(tmp_path: Path, name: str) -> None:
    source = picture(tmp_path / "user" / "a.jpg", behind=b"behind").rename(tmp_path / "user" / name)
    before, target = source.read_bytes(), tmp_path / "out" / name
    place_image(source, target, home=tmp_path / "out")
    assert not target.is_symlink() and target.read_bytes() == before
    target.write_bytes(b"saved anew")
    assert source.read_bytes() == before


def test_a_link_inside_the_folder_survives_moving_it(tmp_path: Path) -> None:
    source = picture(tmp_path / "out" / "bank" / "a.jpg")
    place_image(source, tmp_path / "out" / "images" / "b.jpg", home=tmp_path / "out")
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert (moved / "images" / "b.jpg").read_bytes() == (moved / "bank" / "a.jpg").read_bytes()


def test_what_would_be_passed_over_for_its_name_is_written_as_jpeg(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.ppm")
    target = tmp_path / "out" / f"a{trainable_suffix(source)}"
    place_image(source, target, home=tmp_path / "out")
    assert target.suffix == ".jpg" and target.read_bytes().startswith(b"\xff\xd8")
    assert np.abs(decode_image(target.read_bytes()).astype(int) - PIXELS).mean() < 60


def test_what_is_there_stays_and_a_dead_link_is_mended(tmp_path: Path) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "out" / "a.png"
    target.parent.mkdir()
    target.symlink_to(tmp_path / "gone.png")
    place_image(source, target, home=tmp_path / "out")
    assert target.resolve() == source
    place_image(picture(tmp_path / "b.png"), target, home=tmp_path / "out")
    assert target.resolve() == source


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", b"before")
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "gone", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_full_disk_is_one_line(disk: Path) -> None:
    with pytest.raises(TrainingError, match=r"No space left on device; free some space and run .* --resume"):
        with writing(disk):
            write_file(disk / "large", bytes(2**21))
    assert list(disk.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(TrainingError, match=r"Read-only file system; name a folder that can be written with --out"):
        with writing(disk):
            write_file(disk / "a", b"a")


def test_where_links_are_refused_a_copy_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: object, target_is_directory: bool = False) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")  # what Windows and some shares say

    monkeypatch.setattr(Path, "symlink_to", refuse)
    source = picture(tmp_path / "a.png")
    place_image(source, tmp_path / "out" / "a.png", home=tmp_path / "out")
    assert not (tmp_path / "out" / "a.png").is_symlink()
    assert (tmp_path / "out" / "a.png").read_bytes() == source.read_bytes()
