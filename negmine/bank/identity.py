"""Whether a bank, a negative and an act are still those that somebody saw."""

from __future__ import annotations

import os
from collections.abc import Sequence

from negmine.bank.bank import Bank
from negmine.bank.cells import SHA256, TEXT, WHOLE
from negmine.bank.connection import DATABASE
from negmine.files import sha256_of

_HASHES = "SELECT id, sha256 FROM negatives WHERE id {}"


def database_key(bank: Bank) -> str:
    """What a database has that a new one at its path has not: the place on the disk, and the first run; hex digits."""
    file = (bank.folder / DATABASE).stat()
    columns = {"key": TEXT, "versions": TEXT}
    first_run = next(bank.rows("SELECT key, versions FROM runs ORDER BY id LIMIT 1", columns), None)
    return sha256_of(repr((os.fsencode(bank.folder.resolve()), file.st_dev, file.st_ino, first_run)).encode())[:16]


def sha256s_of(bank: Bank, negative_ids: Sequence[int]) -> dict[int, str]:
    """The hashes of negatives, by their numbers; those that are gone are left out."""
    within, asked = bank.among(negative_ids)
    return dict(bank.rows(_HASHES.format(within), {"id": WHOLE, "sha256": SHA256}, asked))


def origin_of(bank: Bank, act_id: int) -> str | None:
    """Where an act was decided; None where there is no such act."""
    row = next(bank.rows("SELECT origin FROM acts WHERE id = ?", {"origin": TEXT}, (act_id,)), None)
    return None if row is None else str(row[0])
