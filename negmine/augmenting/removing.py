"""Taking variants out of a bank again; the negatives and all that is known of them stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from negmine.augmenting.config import OP_NAMES
from negmine.augmenting.draws import OPERATIONS_OF
from negmine.augmenting.result import RemoveVariantsResult
from negmine.bank.bank import require_bank
from negmine.bank.writer import BankWriter
from negmine.errors import ConfigError

_AT_ONCE = 200  # that are removed in a transaction


def remove_variants(bank: str | Path, *, ops: Sequence[str] = ()) -> RemoveVariantsResult:
    """Remove the variants of a bank, rows and files. Run again after a kill, it removes the rest.

    Args:
        bank: the bank's folder.
        ops: names of operations, whose variants are removed, those of several operations too; all where empty.

    Raises:
        BankError: where the folder is not a bank, or cannot be written.
        BankLockedError: where another process writes to it.
        ConfigError: for an operation that there is not.
    """
    unknown = next((name for name in ops if name not in OP_NAMES), None)
    if unknown is not None:
        raise ConfigError(f"expected operations among {', '.join(OP_NAMES)}, found {unknown!r}")
    operations = {operation for name in ops for operation in OPERATIONS_OF[name]}
    require_bank(Path(bank))
    with BankWriter(bank, purpose="negmine augment --remove") as writer:
        every = list(writer.variants())
        meant = [each for each in every if not ops or not operations.isdisjoint(each.operations)]
        for start in range(0, len(meant), _AT_ONCE):
            with writer.transaction():
                writer.drop([], [each.id for each in meant[start : start + _AT_ONCE]])
    removed = Counter(each.operation for each in meant)
    return RemoveVariantsResult(Path(bank), dict(sorted(removed.items())), len(every) - len(meant))
