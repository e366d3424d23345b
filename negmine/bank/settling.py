"""Which of two verdicts on a negative holds: the bank's own, or one that another bank or another tool gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from negmine.bank.filters import ConflictRule, ReviewState
from negmine.bank.index import decided_states
from negmine.bank.writer import BankWriter

_SAFETY: tuple[ReviewState, ...] = ("unreviewed", "accepted", "rejected", "target")  # the safest last


@dataclass(frozen=True, slots=True)
class Conflict:
    """A verdict from elsewhere on a negative that contradicts the bank's own.

    Attributes:
        sha256: of the negative.
        own, theirs: what was said in the bank, and elsewhere.
        kept: what holds now.
    """

    sha256: str
    own: ReviewState
    theirs: ReviewState
    kept: ReviewState

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"id": self.sha256, "own": self.own, "theirs": self.theirs, "kept": self.kept}


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict from elsewhere: the number of the negative, its hash, and what was said of it."""

    negative: int
    sha256: str
    state: ReviewState


def settle(
    writer: BankWriter, said: Sequence[Said], rule: ConflictRule, *, origin: str
) -> tuple[Mapping[ReviewState, Sequence[int]], list[Conflict]]:
    """Store verdicts from elsewhere, one act for each state. In a transaction.

    Args:
        writer: the bank.
        said: at most one for each negative.
        rule: which verdict holds where both have one and they differ.
        origin: where they were decided, for the record.

    Returns:
        The negatives whose verdict is another now, by that verdict; and what contradicts.
    """
    states = decided_states(writer, [each.negative for each in said])
    found, changed = list[Conflict](), defaultdict[ReviewState, list[int]](list)
    for each in said:
        own = states[each.negative]
        kept = _settled(own, each.state, rule)
        if kept != own:
            changed[kept].append(each.negative)
        if "unreviewed" not in (own, each.state) and own != each.state:
            found.append(Conflict(each.sha256, own, each.state, kept))
    for state, numbers in sorted(changed.items()):
        writer.decide(numbers, state, origin=origin)
    return changed, found


def _settled(own: ReviewState, theirs: ReviewState, rule: ConflictRule) -> ReviewState:
    """The verdict that holds; one that only one side has always does."""
    if own == "unreviewed" or theirs == "unreviewed":
        return theirs if own == "unreviewed" else own
    if rule == "safer":
        return max(own, theirs, key=_SAFETY.index)
    return own if rule == "own" else theirs
