"""Files are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from needs import NAMED_PIPES

from negmine.files import PART, copy_file, read_regular, reason_of, require_dense, write_file


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", b"before")
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "gone", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_under_the_temporary_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "target"
    victim.write_text("precious")
    target.with_name(target.name + PART).symlink_to(victim)
    write_file(target, b"new")
    assert (victim.read_text(), target.read_bytes(), target.is_symlink()) == ("precious", b"new", False)


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", most=5) == b"12345"
    with pytest.raises(OSError, match="not expected of such a file"):
        read_regular(tmp_path / "a", most=4)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "b")
    with pytest.raises(ValueError, match="null"):
        read_regular(Path("a\0b"))


@NAMED_PIPES
def test_only_regular_files_are_read_and_links_to_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    assert read_regular(tmp_path / "link") == b"12345"
    for name, what in (("folder", "folder"), ("pipe", "pipe"), ("to-pipe", "pipe"), ("/dev/zero", "device")):
        with pytest.raises(OSError) as raised:
            read_regular(tmp_path / name)
        assert reason_of(raised.value) == f"it is a {what}, not a file"


def test_a_file_of_holes_is_refused_however_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    require_dense(tmp_path / "a")
    os.truncate(tmp_path / "a", 1 << 40)
    with pytest.raises(OSError) as raised:
        require_dense(tmp_path / "a")
    assert reason_of(raised.value) == "it is nearly all holes: 1048576 MiB, of which 4 KiB are on disk"
    with (tmp_path / "a").open("rb") as file, pytest.raises(OSError, match="nearly all holes"):
        require_dense(file)
