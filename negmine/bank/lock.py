"""One writer at a time: a lock that the kernel drops when its holder dies, and a note of who holds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from negmine.errors import BankLockedError
from negmine.paths import printable

LOCK = "bank.lock"
HOLDER = "bank.holder"  # apart from the lock file, which every process that tries the lock may empty


@contextmanager
def write_lock(folder: Path, *, purpose: str) -> Iterator[None]:
    """Hold the bank for writing.

    Args:
        folder: the bank's folder; exists.
        purpose: what the holder is doing, for the message that another process gets (`negmine scan`).

    Raises:
        BankLockedError: where another process holds it, naming the process and what it does.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BankLockedError(
            f"bank {printable(folder)} is in use by {_holder(folder)}; wait until it ends, or stop it and run the same "
            "command again"
        ) from error
    holder = folder / HOLDER
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    """Who holds the lock, as far as its note can be read."""
    try:
        note = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        return f"process {note['pid']} ({note['purpose']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
