"""One process at a time in a folder: a lock that the kernel drops when its holder dies, and a note of who holds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from negmine.errors import NegmineError
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class FolderLock:
    """The lock of a kind of folder.

    Attributes:
        kind: what such a folder is, for the message.
        file: name of the lock file.
        holder: name of the note; apart from the lock file, which every process that tries the lock may empty.
        error: what to raise where another process holds the lock.
        again: what to do once it ended, for the message.
    """

    kind: str
    file: str
    holder: str
    error: type[NegmineError]
    again: str = "run the same command again"

    @contextmanager
    def hold(self, folder: Path, *, purpose: str) -> Iterator[None]:
        """Keep every other process out of a folder.

        Args:
            folder: it exists.
            purpose: what the holder is doing, for the message that another process gets (`negmine scan`).

        Raises:
            NegmineError: where another process holds it, naming the process and what it does.
        """
        lock = FileLock(folder / self.file, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise self.error(
                f"{self.kind} {printable(folder)} is in use by {self._holder(folder)}; wait until it ends, or stop it "
                f"and {self.again}"
            ) from error
        holder = folder / self.holder
        try:
            holder.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose}), encoding="utf-8")
            yield
        finally:
            with suppress(OSError):
                holder.unlink(missing_ok=True)
            lock.release()

    def _holder(self, folder: Path) -> str:
        """Who holds the lock, as far as its note can be read."""
        try:
            note = json.loads((folder / self.holder).read_text(encoding="utf-8"))
            return f"process {note['pid']} ({note['purpose']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
