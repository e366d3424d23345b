"""Batches that hold images with and without objects at one ratio.

A batch without any object is normalised by nothing that it has, and its gradient is several times that of a mixed one;
one without negatives forgets them. Shuffling gives both now and then. So each batch is drawn from two queues.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence


def positives_per_batch(positives: int, negatives: int, *, batch: int, ratio: float) -> int:
    """How many images with objects a batch holds.

    Args:
        positives: images with objects; at least one.
        negatives: images without.
        batch: most images in a batch, 2 or more where there are negatives.
        ratio: negatives for each positive.
    """
    ratio = ratio if negatives else 0.0
    most = batch - 1 if ratio else batch
    return min(max(int(batch / (1 + ratio)), 1), most, positives)


class MixedBatches:
    """Indices of batches, without end: each iteration over it is one pass of so many steps.

    Images come in shuffled turns, with objects and without in turns of their own, so that each is shown as often as any
    other of its kind. The order depends on the seed and the number of the pass alone.

    Args:
        positives: indices of the images with objects; at least one.
        negatives: indices of those without; none makes batches of positives.
        batch: most images in a batch, 2 or more where there are negatives; the ratio decides how many of them are used.
        ratio: negatives for each positive; at least one of either is in every batch unless the ratio is 0.
        seed: of the order.
        steps: batches of a pass.
    """

    def __init__(
        self, positives: Sequence[int], negatives: Sequence[int], *, batch: int, ratio: float, seed: int, steps: int
    ) -> None:
        ratio = ratio if negatives else 0.0
        self._in_batch = positives_per_batch(len(positives), len(negatives), batch=batch, ratio=ratio)
        self._of_batch = min(max(round(self._in_batch * ratio), 1), batch - self._in_batch) if ratio else 0
        self._positives = _Turns(positives, f"{seed}:positives")
        self._negatives = _Turns(negatives, f"{seed}:negatives")
        self._steps = steps
        self.passed = 0

    def __len__(self) -> int:
        """Batches of a pass."""
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        begin, self.passed = self.passed * self._steps, self.passed + 1
        for step in range(begin, begin + self._steps):
            yield [
                *self._positives.drawn(step * self._in_batch, self._in_batch),
                *self._negatives.drawn(step * self._of_batch, self._of_batch),
            ]


class _Turns:
    """Items in an endless order: turn after turn, each a shuffle of its own."""

    def __init__(self, items: Sequence[int], seed: str) -> None:
        self._items = list(items)
        self._seed = seed
        self._turn = -1
        self._shuffled: list[int] = []

    def drawn(self, start: int, count: int) -> list[int]:
        """The items from a place in the order on."""
        return [self._at(number) for number in range(start, start + count)]

    def _at(self, number: int) -> int:
        turn, place = divmod(number, len(self._items))
        if turn != self._turn:
            self._turn, self._shuffled = turn, list(self._items)
            random.Random(f"{self._seed}:{turn}").shuffle(self._shuffled)
        return self._shuffled[place]
