"""Opening bank.db: is it a bank, is it one that this version reads, and what its failures mean to a person.

A bank may come from somebody else. It is opened so that SQL in it can do nothing, and before a row is read its tables
are compared with those that negmine makes: a trigger or view could do anything with them, or never end.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from negmine.bank.own_schema import difference
from negmine.bank.schema import (
    ADDED_IN,
    APPLICATION_ID,
    EXTENDED_IN,
    GAP_REVIEWS,
    ITEMS_THAT_ARE_BACKGROUND,
    LATER_TABLES,
    MIGRATIONS,
    NEWEST_TABLES,
    OLDER_TABLES,
    RENAMED_IN,
    REVIEWED_IN,
)
from negmine.errors import BankError, BankLockedError, BankVersionError
from negmine.files import require_dense
from negmine.inside import open_plain, require_plain
from negmine.locks import FolderLock
from negmine.paths import printable

DATABASE = "bank.db"
LOCK = FolderLock("bank", "bank.lock", "bank.holder", BankLockedError)  # of whoever writes, but for verdicts
_CACHE_KIB = (
    65536  # pages of the indexes that a writer keeps; a bank of millions reads each again with the default 2 MiB
)
_BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps next to it
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")  # the end of a journal that names a file, which SQLite then deletes
_STEPS = 5_000_000  # of SQLite's machine, between two looks at how many a statement has taken
_MOST_STEPS = 200_000_000, 200  # of a statement: so many, and so many more for each byte of the bank
_LONGEST = 4 << 20  # bytes of a cell: the names of fifty thousand classes; each row may hold one, and many are read

_NO_TEXT = f"{DATABASE} is damaged: it holds text that is no UTF-8; restore it from a copy"


@contextmanager
def bank_errors(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say about a bank into one `BankError` that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BankError(f"bank {printable(folder)}: {printable(_explain(str(error)))}") from error
    except sqlite3.DatabaseError as error:
        why = printable(str(error).partition(" (")[0])  # SQLite quotes the bank between the parentheses
        raise BankError(
            f"bank {printable(folder)}: {DATABASE} is damaged or not an SQLite file ({why}); restore it from a copy, "
            "or name another folder with --bank"
        ) from error
    except UnicodeDecodeError as error:  # a message of SQLite that quotes the bank
        raise BankError(f"bank {printable(folder)}: {_NO_TEXT}") from error
    except OSError as error:
        what = printable(error.filename) if error.filename else "the bank"
        raise BankError(f"bank {printable(folder)}: {_explain(error.strerror or str(error))} ({what})") from error


def _explain(message: str) -> str:
    """What to do about an error of SQLite or the file system, by what its message says."""
    lower = message.lower()
    if "could not decode" in lower:  # the message goes on with the text
        return _NO_TEXT
    if "interrupted" in lower:
        return (
            f"reading it takes far longer than its size explains, so {DATABASE} may be damaged; restore it from a copy"
        )
    if "full" in lower or "no space" in lower or "quota" in lower or "file too large" in lower or "disk i/o" in lower:
        return f"{message}: nothing of this batch was stored; free some space and run the same command again to resume"
    if "readonly" in lower or "read-only" in lower:
        return "it is read-only for you, so nothing was stored; copy it, and name the copy with --bank"
    if "permission" in lower or "unable to open" in lower:
        return "you have no permission to read or change it; ask its owner, or name another with --bank"
    if "locked" in lower:
        return f"another program is writing to {DATABASE}; close it and run the same command again"
    if "no such column" in lower or "no such table" in lower:
        return f"{message}: compare it with negmine.bank.schema; if another negmine changed the bank, open it again"
    return message


def connect(folder: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database of the bank in `folder`.

    Raises:
        BankError: where it is not there, damaged, or not a bank's.
        BankVersionError: where a newer negmine wrote it.
    """
    path = folder / DATABASE
    with bank_errors(folder):
        _require_plain_files(path)
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


@contextmanager
def against_writers(folder: Path, *, purpose: str) -> Iterator[None]:
    """Keep writers away from a bank that is read; in a folder where nobody can write, there is none.

    Raises:
        BankLockedError: where another process is writing to it.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(LOCK.hold(folder, purpose=purpose))
        yield


def is_older(folder: Path) -> bool:
    """Whether an older negmine wrote the bank, so that opening it for writing adds tables."""
    with closing(connect(folder, write=False)) as connection:
        return format_of(connection) < len(MIGRATIONS)


def format_of(connection: sqlite3.Connection) -> int:
    """The format that a bank has now: how many of the migrations it has seen."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _open(path: Path, *, write: bool) -> sqlite3.Connection:
    if write:
        return _connected(path, "mode=rwc")
    # Not mode=ro: such a connection leaves the files of the write-ahead log behind when it is the last to close.
    connection = _connected(path, "mode=rw")
    try:
        connection.execute("PRAGMA schema_version")
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
        return _connected(path, "immutable=1")


def _connected(path: Path, how: str) -> sqlite3.Connection:
    """A connection on which SQL that is in the database itself can do nothing.

    Extensions are off by default. Python 3.11 cannot turn on SQLite's defensive mode, and is left with the rest.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=10, factory=_Connection
    )
    connection.limit_steps(path)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    return connection


class _Connection(sqlite3.Connection):
    """A connection whose statements end, whatever the pages of the file lead to."""

    _steps = 0
    _most = 0

    def limit_steps(self, path: Path) -> None:
        """Stop a statement that takes more steps than any of negmine's could, with a file of this size."""
        self._path = path
        self.set_progress_handler(self._is_endless, _STEPS)

    def execute(self, *given: Any) -> sqlite3.Cursor:
        """Begin a statement, and count its steps."""
        self._steps = 0
        return super().execute(*given)

    def _is_endless(self) -> bool:
        self._steps += _STEPS
        return self._steps > _MOST_STEPS[0] and self._steps > _MOST_STEPS[0] + _MOST_STEPS[1] * _size(self._path)


def database_files() -> list[str]:
    """The names of the files of a database, most of which are there only while it is open."""
    return [DATABASE, *(f"{DATABASE}{end}" for end in _BESIDE)]


def _size(path: Path) -> int:
    """Bytes of a database and its log."""
    files = [path.with_name(name) for name in database_files()]
    return sum(file.stat().st_size for file in files if file.exists())


def _require_plain_files(path: Path) -> None:
    """Refuse links and the like in the place of the files of SQLite, which would write through them, and holes.

    A journal may name a file that SQLite deletes once it has undone what the journal says. Those of a bank never do.
    """
    for name in database_files():
        require_plain(path.with_name(name))
        if path.with_name(name).exists():
            require_dense(path.with_name(name))
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists() and _end_of(journal, len(_NAMES_ANOTHER)) == _NAMES_ANOTHER:
        raise BankError(
            f"{printable(journal)} is no journal of a bank: it names another file; restore the bank from a copy"
        )


def _end_of(path: Path, count: int) -> bytes:
    """The last bytes of a file."""
    with open_plain(path) as file:
        file.seek(max(os.fstat(file.fileno()).st_size - count, 0))
        return file.read(count)


def _check(connection: sqlite3.Connection, folder: Path, *, may_be_new: bool) -> None:
    """Refuse a database that is not a bank's, or that a newer version wrote. Older formats can be read."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    is_new = may_be_new and application_id == version == tables == 0
    if not is_new and (application_id != APPLICATION_ID or version < 1):
        raise BankError(f"bank {printable(folder)}: {DATABASE} is not a negmine bank; name another folder with --bank")
    if version > len(MIGRATIONS):
        raise BankVersionError(
            f"bank {printable(folder)}: a newer negmine wrote it (its format is {version}, this version reads up to "
            f"{len(MIGRATIONS)}); upgrade negmine, or name another folder with --bank"
        )
    found = None if is_new else difference(connection, version)
    if found is not None:
        raise BankError(
            f"bank {printable(folder)}: {DATABASE} is not as negmine makes it ({found}), and is left as it is; restore "
            "it from a copy, or name another folder with --bank"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    """Apply what the database has not seen, each migration wholly or not at all."""
    version = format_of(connection)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\n"
            f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};\nCOMMIT;"
        )


def _read_as_current(connection: sqlite3.Connection) -> None:
    """Give an older bank's tables their present names, for this connection, and let it change nothing."""
    version = format_of(connection)
    if version < RENAMED_IN:
        connection.executescript(OLDER_TABLES)
    if version < ADDED_IN:
        connection.executescript(LATER_TABLES)
    if version < EXTENDED_IN:
        connection.executescript(NEWEST_TABLES)
        if version >= RENAMED_IN:
            connection.executescript(ITEMS_THAT_ARE_BACKGROUND)
    if version < REVIEWED_IN:
        connection.executescript(GAP_REVIEWS)
    connection.execute("PRAGMA query_only = ON")
