"""Files are whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.files import copy_file, write_file


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", b"before")
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "gone", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
