"""A bank that several processes may write to, each in short transactions, beside a scan too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from negmine.bank.bank import Bank, require_bank
from negmine.bank.connection import LOCK, bank_errors, connect, is_older


class SharedBank(Bank):
    """A bank, opened to add to what it says of its negatives, by any number of processes at a time.

    Args:
        folder: where the bank is.

    Raises:
        BankError: where the folder is not a bank, its database is damaged, or it cannot be written.
        BankLockedError: where an older negmine's bank is to be brought up to date and another process is writing.
        BankVersionError: where a newer negmine wrote it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        require_bank(self.folder)
        with LOCK.hold(self.folder, purpose="negmine bank") if is_older(self.folder) else nullcontext():
            self._connection = connect(self.folder, write=True)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """What is written inside becomes visible together, or not at all."""
        with bank_errors(self.folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
