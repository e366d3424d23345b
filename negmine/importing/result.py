"""What an import did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.filters import ReviewState
from negmine.bank.settling import Conflict
from negmine.paths import printable

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ImportFileResult:
    """What an import took from a file.

    Attributes:
        bank: the folder of the bank.
        file: what was read.
        format: what people call its format.
        entries: images that the file lists.
        silent: of these, those about which it says nothing.
        labelled: images whose labels are new, or others than before.
        unchanged: images whose labels the bank had from an earlier import.
        objects: in the images of both kinds.
        withdrawn: hashes of the negatives that showed a labelled object, and are none any more.
        unexplained: hashes of negatives that are marked as targets where the labels have no object.
        verdicts: how many negatives have another verdict than before, by that verdict.
        conflicts: verdicts that contradict the bank's, or others in the file.
        unmatched: entries of which the bank has no image, with the reason.
        unplaced: entries with objects that have no place, with the reasons; their negatives are marked as targets.
        unusable: entries that cannot be used, with the reason.
        skipped: entries of both kinds, in the order of the file.
        is_useless: whether entries were skipped, and no other says anything.
    """

    bank: Path
    file: Path
    format: str
    entries: int
    silent: int
    labelled: int
    unchanged: int
    objects: int
    withdrawn: tuple[str, ...]
    unexplained: tuple[str, ...]
    verdicts: Mapping[ReviewState, int]
    conflicts: tuple[Conflict, ...]
    unmatched: tuple[tuple[str, str], ...]
    unplaced: tuple[tuple[str, str], ...]
    unusable: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    is_useless: bool

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "file": printable(self.file),
            "format": self.format,
            "entries": self.entries,
            "silent": self.silent,
            "labelled": self.labelled,
            "unchanged": self.unchanged,
            "objects": self.objects,
            "withdrawn": list(self.withdrawn),
            "unexplained": list(self.unexplained),
            "verdicts": dict(self.verdicts),
            "conflicts": [each.to_dict() for each in self.conflicts],
            "unmatched": _listed(self.unmatched),
            "unplaced": _listed(self.unplaced),
            "unusable": _listed(self.unusable),
        }


def _listed(entries: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"what": printable(what), "reason": printable(reason)} for what, reason in entries]
