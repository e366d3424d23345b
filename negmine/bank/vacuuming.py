"""Giving unused space of a bank's database back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import require_bank
from negmine.bank.connection import bank_errors, database_files
from negmine.bank.writer import BankWriter
from negmine.paths import printable

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class VacuumResult:
    """The size of a bank's database, in bytes, before and after."""

    bank: Path
    before: int
    after: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "before": self.before,
            "after": self.after,
        }


def vacuum(bank: str | Path) -> VacuumResult:
    """Write the database of a bank anew, without the space that deleted rows left.

    SQLite writes a copy first, so there must be room for one.

    Raises:
        BankError: where the folder is not a bank, or the disk is full.
        BankLockedError: where another process writes to it.
    """
    folder = Path(bank)
    require_bank(folder)
    before = _bytes(folder)
    with BankWriter(folder, purpose="negmine bank vacuum") as writer:
        writer.vacuum()
    return VacuumResult(folder, before, _bytes(folder))


def _bytes(folder: Path) -> int:
    with bank_errors(folder):
        files = [folder / name for name in database_files()]
        return sum(file.stat().st_size for file in files if file.exists())
