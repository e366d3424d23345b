"""One process at a time in a folder."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest
from killing import end, start

from negmine.errors import BankLockedError
from negmine.locks import FolderLock

LOCK = FolderLock("thing", "thing.lock", "thing.holder", BankLockedError, again="try again")
_SCRIPT = """
import signal, sys
from pathlib import Path
from negmine.errors import BankLockedError
from negmine.locks import FolderLock

with FolderLock("thing", "thing.lock", "thing.holder", BankLockedError).hold(Path(sys.argv[1]), purpose="other"):
    print("ready", flush=True)
    signal.pause()
"""


def test_another_process_is_named_and_its_death_lets_go(tmp_path: Path) -> None:
    other = start(_SCRIPT, tmp_path)
    try:
        with (
            pytest.raises(BankLockedError, match=rf"in use by process {other.pid} \(other\); .* and try again$"),
            LOCK.hold(tmp_path, purpose="this"),
        ):
            pytest.fail("two processes hold one lock")
    finally:
        other.kill()
        assert end(other) == -signal.SIGKILL
    assert (tmp_path / "thing.holder").exists()  # the note of the dead one
    with LOCK.hold(tmp_path, purpose="this"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thing.lock"]


def test_an_exception_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), LOCK.hold(tmp_path, purpose="this"):
        raise ZeroDivisionError
    with LOCK.hold(tmp_path, purpose="this"):
        pass


def test_a_note_that_cannot_be_read(tmp_path: Path) -> None:
    with LOCK.hold(tmp_path, purpose="this"):
        (tmp_path / "thing.holder").write_text("nonsense")
        with pytest.raises(BankLockedError, match="in use by another process"), LOCK.hold(tmp_path, purpose="this"):
            pytest.fail("held twice")


@pytest.mark.parametrize("name", ["thing.lock", "thing.holder"])
def test_a_link_in_the_place_of_its_files_is_not_followed(tmp_path: Path, name: str) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / name).symlink_to(target)
    if name == "thing.lock":
        with pytest.raises(BankLockedError, match="found a link"), LOCK.hold(tmp_path, purpose="this"):
            pytest.fail("it is held")
    else:
        with LOCK.hold(tmp_path, purpose="this"):
            pass
    assert target.read_text() == "mine"


def test_a_lock_that_others_would_see_is_removed(tmp_path: Path) -> None:
    lock = replace(LOCK, is_kept=False)
    with lock.hold(tmp_path, purpose="this"):
        assert {path.name for path in tmp_path.iterdir()} == lock.files
        with (
            pytest.raises(BankLockedError, match=r"in use by process \d+ \(this\)"),
            lock.hold(tmp_path, purpose="that"),
        ):
            pytest.fail("held twice")
        assert {path.name for path in tmp_path.iterdir()} == lock.files
    assert not list(tmp_path.iterdir())


def test_what_a_note_says_is_printed_on_one_line(tmp_path: Path) -> None:
    with LOCK.hold(tmp_path, purpose="this"):
        (tmp_path / "thing.holder").write_text('{"pid": 1, "purpose": "\\u001b[2Jx\\ny"}')
        with pytest.raises(BankLockedError, match=r"process 1 \(\\x1b\[2Jx\\ny\)"), LOCK.hold(tmp_path, purpose="this"):
            pytest.fail("held twice")
