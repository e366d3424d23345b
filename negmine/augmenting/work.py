"""What there is to do: which negatives get how many variants, and in which order their draws are tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from negmine.augmenting.draws import Draw
from negmine.augmenting.making import Original
from negmine.bank.bank import as_json
from negmine.bank.records import Negative

UNIT = 16  # draws that are made by one thread and stored together


class Work:
    """One negative and what is still to be made of it.

    Args:
        negative: of the bank.
        wanted: how many new variants it shall have; None for one of every draw.
        draws: what to try, in this order.
        tried: operations with their parameters, `as_json`, of which the bank knows the result.
    """

    def __init__(
        self, negative: Negative, wanted: int | None, draws: Iterable[Draw], tried: set[tuple[str, str]]
    ) -> None:
        self.negative = negative
        self.original = Original(negative)
        self.made = 0
        self._wanted = wanted
        self._draws = _untried(draws, tried)

    @property
    def missing(self) -> int:
        """How many variants it still lacks; 0 where one of every draw is wanted."""
        return 0 if self._wanted is None else self._wanted - self.made

    def first(self) -> Iterator[Draw]:
        """The draws that are tried at first: as many as are wanted."""
        return islice(self._draws, self._wanted)

    def more(self) -> list[Draw]:
        """As many further draws as are missing, once the first have been tried; none where there are no more."""
        return list(islice(self._draws, self.missing))


@dataclass(frozen=True, slots=True)
class Task:
    """Some draws of one negative; `last` where no others of its first draws follow."""

    work: Work
    draws: Sequence[Draw]
    last: bool


def units(works: Iterable[Work]) -> Iterator[list[Task]]:
    """Cut the work into pieces of about the same size, each negative's draws in one row."""
    unit: list[Task] = []
    room = UNIT
    for work in works:
        first, last = work.first(), False
        while not last:
            draws = list(islice(first, room))
            last = len(draws) < room
            unit.append(Task(work, draws, last))
            room -= max(len(draws), 1)  # a negative without a draw left fills a place too
            if not room:
                yield unit
                unit, room = [], UNIT
    if unit:
        yield unit


def _untried(draws: Iterable[Draw], tried: set[tuple[str, str]]) -> Iterator[Draw]:
    for draw in draws:
        key = (draw.operation, as_json(draw.parameters))
        if key not in tried:
            tried.add(key)
            yield draw
