"""Opening bank.db: is it a bank, is it one that this version reads, and what its failures mean to a person."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from negmine.bank.schema import APPLICATION_ID, MIGRATIONS, OLDER_TABLES, RENAMED_IN
from negmine.errors import BankError, BankVersionError
from negmine.paths import printable

DATABASE = "bank.db"
_CACHE_KIB = (
    65536  # pages of the indexes that a writer keeps; a bank of millions reads each again with the default 2 MiB
)


@contextmanager
def bank_errors(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say about a bank into one `BankError` that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BankError(f"bank {printable(folder)}: {_explain(str(error))}") from error
    except sqlite3.DatabaseError as error:
        raise BankError(
            f"bank {printable(folder)}: {DATABASE} is damaged or not an SQLite file ({error}); restore it from a copy, "
            "or name another folder with --bank"
        ) from error
    except OSError as error:
        what = printable(error.filename) if error.filename else "the bank"
        raise BankError(f"bank {printable(folder)}: {_explain(error.strerror or str(error))} ({what})") from error


def _explain(message: str) -> str:
    """What to do about an error of SQLite or the file system, by what its message says."""
    lower = message.lower()
    if "full" in lower or "no space" in lower or "quota" in lower or "file too large" in lower or "disk i/o" in lower:
        return f"{message}: nothing of this batch was stored; free some space and run the same command again to resume"
    if "readonly" in lower or "read-only" in lower or "permission" in lower or "unable to open" in lower:
        return f"{message}: it cannot be written or opened here; check its permissions, or name another with --bank"
    if "locked" in lower:
        return f"{message}: another program has bank.db open for writing; close it and run the same command again"
    if "no such column" in lower or "no such table" in lower:
        return f"{message}: another negmine changed the format of this bank meanwhile; open it again"
    return message


def connect(folder: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database of the bank in `folder`.

    Raises:
        BankError: where it is not there, damaged, or not a bank's.
        BankVersionError: where a newer negmine wrote it.
    """
    path = folder / DATABASE
    with bank_errors(folder):
        connection = _open(path, write=write)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            _check(connection, folder, may_be_new=write)
            if write:
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # a committed row survives a power cut
                _migrate(connection)
            else:
                _read_as_current(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _open(path: Path, *, write: bool) -> sqlite3.Connection:
    uri = path.absolute().as_uri()
    if write:
        return sqlite3.connect(f"{uri}?mode=rwc", uri=True, isolation_level=None, timeout=10)
    # Not mode=ro: such a connection leaves the files of the write-ahead log behind when it is the last to close.
    connection = sqlite3.connect(f"{uri}?mode=rw", uri=True, isolation_level=None, timeout=10)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
        return connection
    except sqlite3.OperationalError:
        connection.close()
        if os.access(path.parent, os.W_OK):
            raise
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise BankError(
                f"bank {printable(path.parent)}: its last writer was killed, and it cannot be repaired in a read-only "
                "folder; copy it to a folder that can be written"
            ) from None
        # The log is wanted even for reading; where nobody can write, nobody changes the file either.
        return sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)


def _check(connection: sqlite3.Connection, folder: Path, *, may_be_new: bool) -> None:
    """Refuse a database that is not a bank's, or that a newer version wrote. Older formats can be read."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and not (may_be_new and application_id == version == tables == 0):
        raise BankError(f"bank {printable(folder)}: {DATABASE} is not a negmine bank; name another folder with --bank")
    if version > len(MIGRATIONS):
        raise BankVersionError(
            f"bank {printable(folder)}: a newer negmine wrote it (its format is {version}, this version reads up to "
            f"{len(MIGRATIONS)}); upgrade negmine, or name another folder with --bank"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what the database has not seen, each migration wholly or not at all."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};\nCOMMIT;"
        )


def _read_as_current(connection: sqlite3.Connection) -> None:
    """Give an older bank's tables their present names, for this connection, and let it change nothing."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < RENAMED_IN:
        connection.executescript(OLDER_TABLES)
    connection.execute("PRAGMA query_only = ON")
