"""The lists of a Pascal VOC data set, as people and their tools leave them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from blobs import draw, voc_xml

from negmine.datasets.open import open_dataset


def make_voc(root: Path, stems: Iterable[str]) -> Path:
    """A VOC root without lists."""
    for stem in stems:
        draw(root / "JPEGImages" / f"{stem}.png")
        voc_xml(root / "Annotations" / f"{stem}.xml", f"{stem}.png", [("cat", 1, 1, 9, 9)])
    return root


def make_list(root: Path, name: str, text: str) -> None:
    """One of its lists."""
    path = root / "ImageSets" / "Main" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def stems_of(path: Path) -> dict[str, list[str]]:
    """Split to stems."""
    return {split.name: [image.stem for image in split.images] for split in open_dataset(path).splits}


def test_an_empty_list_is_an_empty_split(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "voc", "a")
    make_list(root, "train", "a\n")
    make_list(root, "val", "")
    assert stems_of(root) == {"train": ["a"], "val": []}


@pytest.mark.parametrize(
    "text", ["a\nmy image\nb 1\n", "\ufeffa\r\n my image \r\n\r\nb 1\r\n", "a 1\nmy image -1\nb 1  0\n"]
)
def test_stems_may_have_blanks_and_flags(tmp_path: Path, text: str) -> None:
    """`b 1` is the name of an image, which goes before its being `b` with a flag; and there is a `b` too."""
    root = make_voc(tmp_path / "voc", ["a", "b", "b 1", "my image"])
    make_list(root, "train", text)
    assert stems_of(root) == {"train": ["a", "b 1", "my image"], "unlisted": ["b"]}


def test_the_folder_of_annotations_has_the_lists_beside_it(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "voc", "ab")
    make_list(root, "train", "a\n")
    make_list(root, "val", "b\n")
    assert stems_of(root / "Annotations") == {"train": ["a"], "val": ["b"]}


def test_every_year_of_a_devkit_has_its_own_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stems of one year may be those of another, and `trainval` is left out only where the year has its parts."""
    first, second = make_voc(tmp_path / "kit" / "VOC1", "abc"), make_voc(tmp_path / "kit" / "VOC12", "abd")
    make_list(first, "train", "a\n")
    make_list(first, "val", "b\n")
    make_list(first, "trainval", "a\nb\n")
    make_list(second, "trainval", "d\n")
    make_list(second, "test", "a\n")
    make_voc(tmp_path / "kit" / "more", "e")
    expected = {
        "train": [first / "JPEGImages" / "a.png"],
        "val": [first / "JPEGImages" / "b.png"],
        "trainval": [second / "JPEGImages" / "d.png"],
        "test": [second / "JPEGImages" / "a.png"],
        "unlisted": [
            first / "JPEGImages" / "c.png",
            second / "JPEGImages" / "b.png",
            tmp_path / "kit" / "more" / "JPEGImages" / "e.png",
        ],
    }
    found = {split.name: list(split.images) for split in open_dataset(tmp_path / "kit").splits}
    assert found == expected and list(found) == list(expected)
    monkeypatch.chdir(tmp_path / "kit")
    assert {name: len(stems) for name, stems in stems_of(Path()).items()} == {k: len(v) for k, v in expected.items()}
