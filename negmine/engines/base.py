"""The port for working on many items at once: with the threads of this machine, or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


class Engine(Protocol):
    """Runs a function over items: results in the order of the items, a bounded number in flight, interruptible."""

    @property
    def workers(self) -> int:
        """How many items are worked on at the same time."""
        ...

    def map(
        self,
        function: Callable[[_T], _R],
        items: Iterable[_T],
        *,
        ahead: int | None = None,
        cost: Callable[[_T], int] | None = None,
        budget: int = 0,
        on_start: Callable[[_T], object] | None = None,
    ) -> Iterator[_R]:
        """Yield `function(item)` for each item, in the order of the items.

        The first `ahead` items are begun at once, before the first result is asked for.

        Args:
            function: called by any worker, several at the same time.
            items: taken one by one, by the caller's thread, as results are asked for; it may be endless.
            ahead: items in flight at most, finished ones that wait for their turn included.
            cost: what an item in flight costs, such as bytes of memory; no item costs anything where None.
            budget: the most that all items in flight may cost together. Two may be in flight whatever they cost, so
                that one can be worked on while the caller takes the result of the other.
            on_start: called in the caller's thread with each item that comes into flight.

        Raises:
            Exception: whatever the first item that fails raises, in the order of the items; what taking an item raises
                comes behind the results of the items before. Items that nobody has begun by then are dropped; the same
                holds where the caller lets go of the iterator, or is interrupted.
        """
        ...
