"""Which files a folder holds: those of a suffix, in the order of bytes, each once, and nothing that tools left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from needs import NAMED_PIPES

from negmine.errors import SourceError
from negmine.walking import files_in, files_under, is_litter, paths_under

LITTER = [
    ".ipynb_checkpoints/a-checkpoint.xml",
    "._a.xml",
    ".a.xml.swp",
    ".#a.xml",
    ".Trash-1000/files/a.xml",
    "__MACOSX/set/a.xml",
    "__pycache__/a.xml",
    "@eaDir/a.xml/SYNO.xml",
    "#recycle/a.xml",
    "@Recycle/a.xml",
    "$RECYCLE.BIN/a.xml",
    "lost+found/a.xml",
    "System Volume Information/a.xml",
    "Thumbs.db",
    "desktop.ini",
    "~$a.xml",
    "a.xml~",
    "#a.xml#",
    "a.xml.bak",
    "a.xml.orig",
]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path, *suffixes: str) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths_under(folder, set(suffixes))]


def test_an_empty_folder_holds_no_file(tmp_path: Path) -> None:
    assert files_under(str(tmp_path), {".xml"}) == []
    assert files_in(str(tmp_path), {".xml"}) == []


@pytest.mark.parametrize("litter", LITTER)
def test_litter_is_passed_over_in_every_folder(tmp_path: Path, litter: str) -> None:
    touch(tmp_path, "a.xml", "deep/a.xml", litter, f"deep/{litter}")
    assert names(tmp_path, ".xml", ".db", ".ini") == ["a.xml", "deep/a.xml"]
    assert files_in(str(tmp_path), {".xml", ".db", ".ini"}) == ["a.xml"]


@pytest.mark.parametrize("name", ["a copy.xml", "a (1).xml", "a.bak.xml", "#1.xml", "a~1.xml", "lost+found.xml"])
def test_what_may_be_somebody_s_data_is_listed(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name, f"images.orig/{name}")
    assert set(names(tmp_path, ".xml")) == {name, f"images.orig/{name}"}
    assert not is_litter(name)


def test_a_folder_that_is_named_is_searched_whatever_its_name_is(tmp_path: Path) -> None:
    touch(tmp_path, ".ipynb_checkpoints/a.xml")
    assert names(tmp_path / ".ipynb_checkpoints", ".xml") == ["a.xml"]


def test_suffixes_have_any_case_and_files_come_in_the_order_of_bytes(tmp_path: Path) -> None:
    touch(tmp_path, "b.xml", "a/10.XML", "a/2.Xml", "Z.xml", "a.xml", "a.txt")
    assert names(tmp_path, ".xml") == ["Z.xml", "a.xml", "a/10.XML", "a/2.Xml", "b.xml"]
    assert files_in(str(tmp_path), {".xml", ".txt"}) == ["Z.xml", "a.txt", "a.xml", "b.xml"]


def test_a_file_goes_by_its_own_folder_s_name_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "b/x.xml")
    (tmp_path / "a").symlink_to(tmp_path / "b")  # comes first by name
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b" / "self")
    assert names(tmp_path, ".xml") == ["b/x.xml"]


def test_links_to_files_are_marked_and_a_link_to_nothing_is_left_to_who_reads_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.xml")
    (tmp_path / "b.xml").symlink_to(tmp_path / "a.xml")
    (tmp_path / "c.xml").symlink_to(tmp_path / "gone.xml")
    found = [(Path(name).name, is_link) for name, is_link in files_under(str(tmp_path), {".xml"})]
    assert found == [("a.xml", False), ("b.xml", True), ("c.xml", True)]


@NAMED_PIPES
def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    touch(tmp_path, "folder.xml/inside.xml")
    os.mkfifo(tmp_path / "pipe.xml")
    assert names(tmp_path, ".xml") == ["folder.xml/inside.xml"]
    assert files_in(str(tmp_path), {".xml"}) == []


@pytest.mark.parametrize("missing", ["gone", "file"])
def test_a_folder_that_cannot_be_searched_is_named(tmp_path: Path, missing: str) -> None:
    touch(tmp_path, "file")
    with pytest.raises(SourceError, match=f"{missing} cannot be searched: .*; correct"):
        files_under(str(tmp_path / missing), {".xml"})
    with pytest.raises(SourceError, match=f"{missing} cannot be searched: .*; correct"):
        files_in(str(tmp_path / missing), {".xml"})
