"""Files are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.files import PART, copy_file, write_file


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
