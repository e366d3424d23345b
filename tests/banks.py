"""What a bank holds, all of it, to compare one with another."""

from __future__ import annotations

from pathlib import Path

from negmine.bank.bank import Bank


def contents(bank: Path) -> dict[str, object]:
    """Every row and every file of a bank."""
    with Bank(bank) as opened:
        tables = [t for (t,) in opened.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        rows: dict[str, object] = {t: sorted(map(repr, opened.query(f"SELECT * FROM {t}"))) for t in tables}
    files = {p.relative_to(bank).as_posix(): p.read_bytes() for p in bank.rglob("*.jpg")}
    return rows | files
