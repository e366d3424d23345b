"""The images of a data set by split."""

from __future__ import annotations

from pathlib import Path

from label_files import put

from negmine.labels.splits import with_neighbours


def test_no_images_have_no_neighbours() -> None:
    assert with_neighbours([]) == ()


def test_neighbours_are_the_images_of_the_same_folders_without_litter(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a.jpg"), put(tmp_path / "B.PNG")
    for other in ("._a.jpg", ".hidden.jpg", "~$a.jpg", "a.jpg~", "a.jpg.bak", "Thumbs.db", "a.txt", "below/c.jpg"):
        put(tmp_path / other)
    assert with_neighbours([a]) == (b, a)
