"""One process at a time in a folder: a lock that the kernel drops when its holder dies, and a note of who holds it.

The folder may be somebody else's: neither the lock nor the note is ever opened through a link.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from negmine.errors import NegmineError
from negmine.inside import read_plain, require_plain
from negmine.paths import printable


@dataclass(frozen=True, slots=True)
class FolderLock:
    """The lock of a kind of folder.

    Attributes:
        kind: what such a folder is, for the message.
        file: name of the lock file.
        holder: name of the note; apart from the lock file, which every process that tries the lock may empty.
        error: what to raise where another process holds the lock, or something else stands in the place of its files.
        again: what to do once it ended, for the message.
        is_kept: whether the lock file stays when the lock is released; where other programs read the folder it is
            removed.
    """

    kind: str
    file: str
    holder: str
    error: type[NegmineError]
    again: str = "run the same command again"
    is_kept: bool = True

    @property
    def files(self) -> frozenset[str]:
        """The names that it may leave in a folder where its holder was killed."""
        return frozenset({self.file, self.holder})

    @contextmanager
    def hold(self, folder: Path, *, purpose: str) -> Iterator[None]:
        """Keep every other process out of a folder.

        Args:
            folder: it exists.
            purpose: what the holder is doing, for the message that another process gets (`negmine scan`).

        Raises:
            NegmineError: where another process holds it, naming the process and what it does; or where something else
                stands in the place of the lock.
            OSError: where the folder cannot be written.
        """
        lock = self._acquired(folder)
        holder = folder / self.holder
        try:
            holder.unlink(missing_ok=True)  # of one that was killed, or a link of somebody's
            with holder.open("x", encoding="utf-8") as note:
                json.dump({"pid": os.getpid(), "purpose": purpose}, note)
            yield
        finally:
            with suppress(OSError):
                holder.unlink(missing_ok=True)
            if not self.is_kept:
                with suppress(OSError):
                    (folder / self.file).unlink(missing_ok=True)
            lock.release()

    def _acquired(self, folder: Path) -> FileLock:
        path = folder / self.file
        while True:
            self._require_lock(path)
            lock = FileLock(path, timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise self.error(
                    f"{self.kind} {printable(folder)} is in use by {self._holder(folder)}; wait until it ends, or stop "
                    f"it and {self.again}"
                ) from error
            if path.exists():
                return lock
            lock.release()  # the holder before removed it between our opening and our locking it

    def _require_lock(self, path: Path) -> None:
        """Refuse what cannot be the lock: opening a file to lock it empties it."""
        try:
            require_plain(path)
        except OSError as error:
            raise self.error(f"{printable(path)}: {error.strerror}") from error
        if path.exists() and path.stat().st_size:
            raise self.error(f"{printable(path)} locks the folder: expected it to be empty, found data in it; move it")

    def _holder(self, folder: Path) -> str:
        """Who holds the lock, as far as its note can be read."""
        try:
            note = json.loads(read_plain(folder / self.holder))
            return f"process {int(note['pid'])} ({printable(str(note['purpose'])[:80])})"
        except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return "another process"
