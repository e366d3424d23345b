"""Names and links that would lead out of a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from needs import NAMED_PIPES

from negmine.inside import inside, is_real_folder, links_and_others, read_plain, require_plain


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/../b", "a/..", "/a", "//a/b", "a\0b"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="leads out of it"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a/b.jpg", "..a/b..", "a b/ü.jpg", "new/new/new"])
def test_names_inside_are_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    assert inside(tmp_path, name) == tmp_path / name


def test_the_folder_itself_may_be_a_link_and_those_in_it_may_not(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    assert inside(tmp_path / "link", "sub/a") == tmp_path / "link" / "sub" / "a"
    (tmp_path / "real" / "round").symlink_to("round")
    (tmp_path / "real" / "out").symlink_to("..")
    (tmp_path / "real" / "file").write_text("")
    for name in ("out/a", "out/real/a", "round/a", "file/a", "sub/../out/a"):
        with pytest.raises(OSError, match="expected"):
            inside(tmp_path / "real", name)
    assert is_real_folder(tmp_path / "real") and not is_real_folder(tmp_path / "link")


@NAMED_PIPES
@pytest.mark.timeout(10)
def test_only_plain_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert read_plain(tmp_path / "file") == b"bytes"
    for name in ("link", "dangling", "folder", "pipe"):
        with pytest.raises(OSError, match=r"it is a (link|folder|pipe), not a file"):
            read_plain(tmp_path / name)
        with pytest.raises(OSError, match="expected a plain file"):
            require_plain(tmp_path / name)
    require_plain(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "missing")


@NAMED_PIPES
def test_links_and_others_are_found_and_not_followed(tmp_path: Path) -> None:
    for name in ("a/b", "images"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "file").write_text("")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "images" / "1.jpg").symlink_to(tmp_path / "a" / "file")
    (tmp_path / "images" / "2.jpg").symlink_to("nothing")
    (tmp_path / "images" / "3").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    found = links_and_others(tmp_path, may_link="images".__eq__)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in found) == ["a/b/up", "images/3", "pipe"]
    assert len(list(links_and_others(tmp_path))) == 5
