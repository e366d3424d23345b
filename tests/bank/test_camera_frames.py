"""Frames of cameras in a bank: kept with the negatives that were cut from them, counted, moved, merged and let go."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from banks import contents, keep_frame
from lxml import etree

from negmine.bank.bank import Bank
from negmine.bank.content_files import FRAMES
from negmine.bank.counts import scanned_sources
from negmine.bank.details import details
from negmine.bank.merging import merge_banks
from negmine.bank.pruning import prune
from negmine.bank.shots import shots_of
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.exporting.export import export
from negmine.grouping import CameraShot
from negmine.images import decode_image
from negmine.reporting.groups import group

TAKEN_MS = 1_800_000_000_123


def keep(bank: Path, number: int, *, camera: str = "rtsp://door/1") -> Path:
    """Store a frame with one negative; return where the frame's file is."""
    return keep_frame(bank, np.full((80, 100, 3), 40 + number, dtype=np.uint8), camera, TAKEN_MS + number)


def test_a_frame_is_a_source_in_the_bank_itself_and_moves_with_it(tmp_path: Path) -> None:
    file = keep(tmp_path / "bank", 1)
    assert decode_image(file.read_bytes()).shape == (80, 100, 3)
    found = verify(tmp_path / "bank")
    assert (found.ok, found.negatives, found.frames) == (True, 1, 1)
    (tmp_path / "bank").rename(tmp_path / "moved")
    with Bank(tmp_path / "moved") as bank:
        (negative,) = bank.negatives()
        assert negative.source == tmp_path / "moved" / file.relative_to(tmp_path / "bank")
        assert list(bank.backgrounds()) == [negative.source]
        assert bank.scalar("SELECT path FROM sources") == "rtsp://door/1 2027-01-15 08:00:00.124 UTC"
        assert bank.scalar("SELECT camera FROM frames") == "rtsp://door/1"
        assert details(bank, negative.id).camera == ("rtsp://door/1", TAKEN_MS + 1)
    assert prune(tmp_path / "moved").prunable == ()


def test_a_label_and_a_report_say_which_camera_took_a_frame_and_when(tmp_path: Path) -> None:
    keep(tmp_path / "bank", 1)
    export(tmp_path / "bank", tmp_path / "voc")
    (label,) = (tmp_path / "voc" / "Annotations").iterdir()
    assert etree.parse(label).findtext("source/image") == "rtsp://door/1 2027-01-15 08:00:00.124 UTC"
    with Bank(tmp_path / "bank") as bank:
        found = group(scanned_sources(bank))
    assert [(each.name, each.images) for each in found.cameras + found.hours] == [("rtsp://door/1", 1), ("08", 1)]


def test_the_bank_that_files_lie_in_says_which_camera_they_are_of(tmp_path: Path) -> None:
    door, gate = keep(tmp_path / "bank", 1), keep(tmp_path / "other", 2, camera="rtsp://gate/1")
    (tmp_path / "frames" / "ab").mkdir(parents=True)
    in_no_bank = tmp_path / FRAMES / "ab" / f"ab{'0' * 62}.jpg"
    assert shots_of([]) == {} and shots_of([in_no_bank, Path("a.jpg")], tmp_path / "none") == {}
    found = shots_of([gate, in_no_bank], tmp_path / "bank")
    assert found[door.stem] == CameraShot("rtsp://door/1", "rtsp://door/1 2027-01-15 08:00:00.124 UTC")
    assert found[gate.stem].camera == "rtsp://gate/1" and len(found) == 2


def test_a_missing_a_changed_and_a_foreign_frame_are_found(tmp_path: Path) -> None:
    first, second = keep(tmp_path / "bank", 1), keep(tmp_path / "bank", 2)
    first.unlink()
    second.write_bytes(b"something else")
    (tmp_path / "bank" / FRAMES / "notes.txt").write_text("mine")
    assert sorted(each.kind for each in verify(tmp_path / "bank").problems) == ["changed", "foreign", "missing"]


def test_the_frame_goes_with_its_last_negative(tmp_path: Path) -> None:
    first, second = keep(tmp_path / "bank", 1), keep(tmp_path / "bank", 2)
    with BankWriter(tmp_path / "bank", purpose="a test") as writer:
        (gone,) = [each.id for each in writer.negatives() if each.source == first]
        with writer.transaction():
            writer.drop([gone])
    assert not first.exists() and second.exists()
    assert verify(tmp_path / "bank").frames == 1 and verify(tmp_path / "bank").ok
    with Bank(tmp_path / "bank") as bank:
        assert list(bank.backgrounds()) == [second]


def test_what_is_pruned_for_its_own_file_takes_the_frame_along(tmp_path: Path) -> None:
    frame = keep(tmp_path / "bank", 1)
    with Bank(tmp_path / "bank") as bank:
        next(bank.negatives()).path.unlink()
    prune(tmp_path / "bank", remove=True)
    assert not frame.exists() and verify(tmp_path / "bank").ok


def test_a_killed_writer_leaves_a_leftover_that_is_removed(tmp_path: Path) -> None:
    frame = keep(tmp_path / "bank", 1)
    other = keep(tmp_path / "other", 2)
    left = tmp_path / "bank" / other.relative_to(tmp_path / "other")
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(other.read_bytes())
    assert verify(tmp_path / "bank", repair=True).repaired == (left.relative_to(tmp_path / "bank").as_posix(),)
    assert frame.exists() and not left.exists()


def test_frames_are_merged_once_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    mine, theirs, broken = keep(tmp_path / "mine", 1), keep(tmp_path / "theirs", 2), keep(tmp_path / "theirs", 3)
    broken.write_bytes(b"x")
    (result,) = merge_banks(tmp_path / "mine", [tmp_path / "theirs"]).merged
    assert result.added == 2 and list(result.unusable) == [broken.relative_to(tmp_path / "theirs").as_posix()]
    assert mine.exists() and (tmp_path / "mine" / theirs.relative_to(tmp_path / "theirs")).exists()
    assert verify(tmp_path / "mine").ok and verify(tmp_path / "mine").frames == 2
    before = contents(tmp_path / "mine")
    merge_banks(tmp_path / "mine", [tmp_path / "theirs"])
    assert contents(tmp_path / "mine") == before


def test_a_key_of_a_foreign_bank_that_is_not_its_frame_is_named(tmp_path: Path) -> None:
    keep(tmp_path / "bank", 1)
    with closing(sqlite3.connect(tmp_path / "bank" / "bank.db", isolation_level=None)) as connection:
        connection.execute("UPDATE sources SET key = ?", (os.fsencode("../../elsewhere.jpg"),))
    assert [each.kind for each in verify(tmp_path / "bank").problems] == ["unfounded"]


def test_a_link_in_the_place_of_the_frames_is_refused(tmp_path: Path) -> None:
    keep(tmp_path / "bank", 1)
    (tmp_path / "bank" / FRAMES).rename(tmp_path / "elsewhere")
    (tmp_path / "bank" / FRAMES).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="frames"):
        keep(tmp_path / "bank", 2)
