"""Negatives as rows of a table: for `negmine bank list`, and for all that shows many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.browsing import digits, first, in_order
from negmine.bank.cells import NUMBER_OR_NULL, WHOLE, WHOLE_OR_NULL
from negmine.bank.filters import EVERY_NEGATIVE, NegativeFilter, Sort
from negmine.bank.records import Negative
from negmine.paths import printable

SCHEMA_VERSION = 1
_LIKENESSES = """
SELECT negative_id, unlabelled, cluster, place FROM likenesses
WHERE negative_id {}
"""


@dataclass(frozen=True, slots=True)
class LikenessRow:
    """What comparing negatives said of one; None where nobody compared.

    Attributes:
        unlabelled: how much it looks like a target that nobody labelled; None where that cannot be told either.
        cluster: negatives that look alike have the same; None after a merge, until the next comparison.
        place: so have those of one box in many frames of one camera.
    """

    unlabelled: float | None
    cluster: int | None
    place: int | None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"unlabelled": self.unlabelled, "cluster": self.cluster, "place": self.place}


_NOT_COMPARED = LikenessRow(None, None, None)


@dataclass(frozen=True, slots=True)
class ListedNegative:
    """A negative with what comparing said of it."""

    negative: Negative
    likeness: LikenessRow

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        negative = self.negative
        return {
            "id": negative.sha256,
            "file": printable(negative.path),
            "class": negative.class_name,
            "score": negative.score,
            "state": negative.review,
            "source": printable(negative.source),
            "source_sha256": negative.source_sha256,
            "rectangle": list(negative.rect),
            "width": negative.size_wh[0],
            "height": negative.size_wh[1],
            **self.likeness.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Listing:
    """Some negatives of a bank.

    Attributes:
        bank: its folder.
        rows: those that are listed, in order.
        found: how many there are that the filter meant.
        digits: of a hash, that tell all negatives of the bank apart.
    """

    bank: Path
    rows: tuple[ListedNegative, ...]
    found: int
    digits: int

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "found": self.found,
            "negatives": [row.to_dict() for row in self.rows],
        }


def list_negatives(
    bank: Bank, which: NegativeFilter = EVERY_NEGATIVE, sort: Sort = "score", *, limit: int | None = None
) -> Listing:
    """List negatives.

    Args:
        bank: open.
        which: are meant.
        sort: the order.
        limit: how many at most, 1 or more; None for all.
    """
    numbers, found = first(bank, which, sort, limit=limit)
    negatives = in_order(bank, numbers)
    compared = likenesses_of(bank, [each.id for each in negatives])
    rows = tuple(ListedNegative(each, compared.get(each.id, _NOT_COMPARED)) for each in negatives)
    return Listing(bank.folder, rows, found, digits(bank))


def likeness_of(bank: Bank, number: int) -> LikenessRow:
    """What comparing said of one negative."""
    return likenesses_of(bank, [number]).get(number, _NOT_COMPARED)


def likenesses_of(bank: Bank, numbers: list[int]) -> Mapping[int, LikenessRow]:
    """What comparing said of negatives, by their numbers; those that nobody compared are left out."""
    columns = {
        "negative_id": WHOLE, "unlabelled": NUMBER_OR_NULL, "cluster": WHOLE_OR_NULL, "place": WHOLE_OR_NULL,
    }  # fmt: skip
    within, asked = bank.among(numbers)
    rows = bank.rows(_LIKENESSES.format(within), columns, asked)
    return {number: LikenessRow(unlabelled, cluster, place) for number, unlabelled, cluster, place in rows}
