"""False positives by folder, hour and camera, as far as the images say."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from negmine.bank.counts import ScannedSource
from negmine.reporting.facts import _moment
from negmine.reporting.groups import Group, group, hour_in_name
from negmine.structures import FileStamp


def source(path: Path, false_positives: int = 0, *, scans: int = 1, time: str | None = None) -> ScannedSource:
    """An image, with EXIF of a time and a camera where a time is given."""
    exif = Image.Exif()
    if time is not None:
        exif[0x0132], exif[0x0110] = f"2024:05:01 {time}", "D70"
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG", exif=exif)
    path.write_bytes(stream.getvalue())
    stat = path.stat()
    return ScannedSource(path, scans, false_positives, FileStamp(stat.st_size, stat.st_mtime_ns))


@pytest.mark.parametrize(
    ("name", "hour"),
    [
        ("cam1_2024-05-01T23-15-00.jpg", 23),
        ("IMG_20240501_061500.jpg", 6),
        ("20240501061500123.png", 6),
        ("2024-05-01 06.15.png", 6),
        ("gate 2024.05.01 00_59_12.png", 0),
        ("2024-05-01.jpg", None),
        ("20241301_061500.jpg", None),
        ("20240501_246100.jpg", None),
        ("120240501061500.jpg", None),
        ("raccoon-17.jpg", None),
    ],
)
def test_the_hour_in_a_name(name: str, hour: int | None) -> None:
    assert hour_in_name(Path("/2024-01-01T01-01-01") / name) == hour


def test_folders_begin_with_what_they_have_in_common(tmp_path: Path) -> None:
    sources = [source(tmp_path / "in" / "a" / "1.jpg", 3, scans=2), source(tmp_path / "in" / "b" / "c" / "2.jpg", 4)]
    found = group(sources, workers=1)
    assert found.folder == str(tmp_path / "in")
    assert found.folders == (Group("in/b/c", 1, 1, 4), Group("in/a", 1, 2, 3))
    assert found.folders[1].fppi == 1.5
    assert group(sources[:1]).folders == (Group("a", 1, 2, 3),)


@pytest.mark.parametrize("others", [[], ["/srv/x/b.jpg"], ["c.jpg"]])
def test_a_path_with_two_slashes_has_a_folder(others: list[str]) -> None:
    sources = [ScannedSource(Path(each), 1, 1, None) for each in ("//srv/x/a.jpg", *others)]
    assert sum(each.images for each in group(sources, workers=1).folders) == len(sources)


def test_a_name_says_the_hour_before_exif_does(tmp_path: Path) -> None:
    sources = [
        source(tmp_path / "2024-05-01T22-00-00.jpg", 2, time="09:00:00"),
        source(tmp_path / "1.jpg", 1, time="09:00:00"),
        source(tmp_path / "2.jpg", 5),
    ]
    found = group(sources)
    assert found.hours == (Group("09", 1, 1, 1), Group("22", 1, 1, 2)) and found.without_hour == 1
    assert found.cameras == (Group("D70", 2, 2, 3),) and found.without_camera == 1


def test_a_file_that_is_gone_or_another_one_now_says_nothing(tmp_path: Path) -> None:
    sources = [source(tmp_path / f"{name}.jpg", time="09:00:00") for name in ("gone", "changed", "pipe")]
    for each in sources[::2]:
        each.path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(sources[2].path)
    os.utime(sources[1].path, ns=(1, 1))
    assert group(sources).hours == () and group(sources).without_camera == 3


def test_items_that_are_no_files_have_no_folder_in_common() -> None:
    found = group([ScannedSource(Path("/a/1.jpg"), 1, 1, None), ScannedSource(Path("store:b"), 1, 0, None)])
    assert found.folder == "" and [each.name for each in found.folders] == ["/a", "."]


@pytest.mark.parametrize("seconds", [-1e18, 0, 1e18])
def test_a_file_of_any_date_has_a_year(seconds: float) -> None:
    assert 1 <= _moment(seconds).year <= 9999
