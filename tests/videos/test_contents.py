"""Reading files: each distinct content is decoded once, and only hashes and sizes are kept."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from blobs import draw

from negmine.images import decode_image, perceptual_hash
from negmine.videos import reading
from negmine.videos.contents import ImageContent, read_contents


def test_no_files_have_no_contents() -> None:
    read = read_contents([], pixels=True)
    assert not read.sha256 and not read.images and not read.unreadable


def test_size_and_hashes_of_a_file(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png", size_wh=(50, 40))
    data = path.read_bytes()
    read = read_contents([path], pixels=True)
    assert read.sha256[path] == hashlib.sha256(data).hexdigest()
    assert read.image(path) == ImageContent((50, 40), perceptual_hash(decode_image(data)))
    assert read_contents([path], pixels=False).image(path) == ImageContent((50, 40), None)


def test_a_content_is_decoded_once_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counted(data: bytes) -> np.ndarray:
        decoded.append(len(data))
        return decode_image(data)

    monkeypatch.setattr(reading, "decode_image", counted)
    first, other = draw(tmp_path / "a.png", seed=1), draw(tmp_path / "b.png", seed=2)
    copies = [Path(shutil.copy(first, tmp_path / f"copy{i}.png")) for i in range(20)]
    read = read_contents([first, other, *copies, first], pixels=True, workers=4)
    assert len(decoded) == 2 == len(read.images) and len(read.sha256) == 22


def test_what_cannot_be_read_or_decoded_says_why(tmp_path: Path) -> None:
    text, nowhere, odd = tmp_path / "a.png", tmp_path / "nowhere.png", Path("a\0b.png")
    text.write_text("no picture")
    read = read_contents([text, nowhere, odd], pixels=True)
    picture = read.image(text)
    assert picture is not None and picture.broken is not None and "not an image" in picture.broken
    assert "No such file" in read.unreadable[nowhere] and "null" in read.unreadable[odd]
    assert read.image(nowhere) is None
