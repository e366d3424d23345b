"""Which of two verdicts on a negative holds: the bank's own, or one that another bank or another tool gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from negmine.bank.filters import ConflictRule, ReviewState
from negmine.bank.index import decided_states
from negmine.bank.writer import BankWriter
from negmine.paths import printable

_SAFETY: tuple[ReviewState, ...] = ("unreviewed", "accepted", "rejected", "target")  # the safest last


@dataclass(frozen=True, slots=True)
class Conflict:
    """A verdict from elsewhere on a negative that contradicts the bank's own, or another one from there.

    Attributes:
        sha256: of the negative.
        own, theirs: what was said in the bank, and elsewhere.
        kept: what holds now.
        where: the place elsewhere, such as `line 3`; None where it needs no name.
    """

    sha256: str
    own: ReviewState
    theirs: ReviewState
    kept: ReviewState
    where: str | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        where = {} if self.where is None else {"where": printable(self.where)}
        return {"id": self.sha256, "own": self.own, "theirs": self.theirs, "kept": self.kept, **where}


@dataclass(frozen=True, slots=True)
class Said:
    """What was said elsewhere of a negative.

    Attributes:
        negative: its number.
        sha256: its hash.
        states: the verdicts, one at least, each with the place where it was found first; None where that has no name.
    """

    negative: int
    sha256: str
    states: Mapping[ReviewState, str | None]


def settle(
    writer: BankWriter, said: Sequence[Said], rule: ConflictRule, *, origin: str
) -> tuple[Mapping[ReviewState, Sequence[int]], list[Conflict]]:
    """Store verdicts from elsewhere, one act for each state. In a transaction.

    Of several verdicts on one negative the safest counts, whatever the rule.

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
        kept = _settled(own, _safest(each.states), rule)
        if kept != own:
            changed[kept].append(each.negative)
        found += _conflicts(each, own, kept)
    for state, numbers in sorted(changed.items()):
        writer.decide(numbers, state, origin=origin)
    return changed, found


def _conflicts(said: Said, own: ReviewState, kept: ReviewState) -> list[Conflict]:
    """The verdicts that contradict the bank's own; where it has none, those that contradict the safest."""
    expected = _safest(said.states) if own == "unreviewed" else own
    return [
        Conflict(said.sha256, own, theirs, kept, where)
        for theirs, where in said.states.items()
        if theirs not in ("unreviewed", expected)
    ]


def _safest(states: Iterable[ReviewState]) -> ReviewState:
    return max(states, key=_SAFETY.index)


def _settled(own: ReviewState, theirs: ReviewState, rule: ConflictRule) -> ReviewState:
    """The verdict that holds; one that only one side has always does."""
    if own == "unreviewed" or theirs == "unreviewed":
        return theirs if own == "unreviewed" else own
    if rule == "safer":
        return _safest((own, theirs))
    return own if rule == "own" else theirs
