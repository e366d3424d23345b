"""Small checkpoints that would take gigabytes or hours to read: what grows faster than the file is refused."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from negmine.detectors.ultralytics.archive import Archive
from negmine.detectors.ultralytics.modules import modules_of
from negmine.detectors.ultralytics.records import Record, UnreadableError
from negmine.detectors.ultralytics.unpickling import Machine
from negmine.errors import WeightsError


def text(value: str) -> bytes:
    """The opcode that pushes a text (BINUNICODE)."""
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def module(parts: dict[str, object], **attributes: object) -> Record:
    state = {"_modules": parts, "_parameters": {}, "_buffers": {}, **attributes}
    return Record("torch.nn.modules.container.Sequential", state=state)


def test_a_long_name_is_not_copied_for_each_time_that_it_is_used() -> None:
    names = text("a" * 10_000) + b"q\x00" + text("b") + b"q\x01" + b"h\x00h\x01\x93" * 3
    with pytest.raises(UnreadableError, match="it names something in 10001 letters"):
        Machine().run(b"\x80\x02" + names + b".")


def test_values_are_not_kept_under_numbers_of_one_hash() -> None:
    numbers = [each * ((1 << 61) - 1) for each in range(1, 100)]
    assert {hash(each) for each in numbers} == {0}
    with pytest.raises(UnreadableError, match="a number of 65 bits"):
        Machine().run(b"N" + b"".join(b"p%d\n" % each for each in numbers) + b".")


def test_a_pickle_of_very_many_steps_is_refused() -> None:
    assert Machine(most_steps=12).run(b"]" + b"Na" * 5 + b".") == [None] * 5
    with pytest.raises(UnreadableError, match="over 11 steps"):
        Machine(most_steps=11).run(b"]" + b"Na" * 5 + b".")


def test_modules_that_share_their_parts_count_each_time() -> None:
    parts: dict[str, object] = {}
    parts |= {str(number): module(parts) for number in range(200)}  # 200 * 200 * 200 ... where they are walked
    with pytest.raises(UnreadableError, match="more than 10000 modules"):
        list(modules_of(module(parts)))


def test_attributes_that_modules_share_count_each_time() -> None:
    shared = module({}, **{f"a{number}": None for number in range(1000)})
    assert len(list(modules_of(module({str(number): shared for number in range(200)})))) == 201
    with pytest.raises(UnreadableError, match="more than 300000 attributes"):
        list(modules_of(module({str(number): shared for number in range(400)})))


def test_a_long_list_of_members_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("w/data.pkl", b"N.")
        for number in range(70):
            archive.writestr(f"{number}" + "x" * 60_000, b"")
    with pytest.raises(WeightsError, match="damaged"):
        Archive(tmp_path / "w.pt")
