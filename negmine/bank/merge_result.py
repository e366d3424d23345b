"""What a merge of banks did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.settling import Conflict
from negmine.paths import printable

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class MergedBank:
    """What was taken from one bank.

    Attributes:
        other: its folder.
        added: negatives that were taken.
        known: negatives that were here before.
        refused: hashes of its negatives that were not taken, since they show an object which a bank knows.
        withdrawn: hashes of negatives that were here and are not any more, for the same reason.
        unusable: files that are missing or damaged, or of which the other bank does not say where they were cut, and
            images about which the banks disagree, with the reason.
        variants: that were taken.
        verdicts: negatives here whose verdict is another now.
        conflicts: verdicts that contradict each other.
    """

    other: Path
    added: int
    known: int
    refused: tuple[str, ...]
    withdrawn: tuple[str, ...]
    unusable: Mapping[str, str]
    variants: int
    verdicts: int
    conflicts: tuple[Conflict, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "bank": printable(self.other),
            "added": self.added,
            "known": self.known,
            "refused": list(self.refused),
            "withdrawn": list(self.withdrawn),
            "unusable": [{"what": printable(what), "reason": reason} for what, reason in self.unusable.items()],
            "variants": self.variants,
            "verdicts": self.verdicts,
            "conflicts": [each.to_dict() for each in self.conflicts],
        }


@dataclass(frozen=True, slots=True)
class BankMergeResult:
    """What a merge did.

    Attributes:
        bank: the folder of the bank that was added to.
        is_new: whether it was made.
        negatives: that it holds now.
        merged: what was taken from each of the others.
    """

    bank: Path
    is_new: bool
    negatives: int
    merged: tuple[MergedBank, ...]

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "new": self.is_new,
            "negatives": self.negatives,
            "merged": [each.to_dict() for each in self.merged],
        }
