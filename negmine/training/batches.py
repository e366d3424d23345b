"""Batches that hold images with and without objects at one ratio.

A batch without any object is normalised by nothing that it has, and its gradient is several times that of a mixed one;
one without negatives forgets them. Shuffling gives both now and then. So each batch is drawn from two queues.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_LARGE_PRIME = 1_000_003  # keeps seed 0, epoch 1 and seed 1, epoch 0 apart


class MixedBatches:
    """Indices of batches, without end: each pass is one epoch.

    Every positive is in just one batch of an epoch. Negatives come in shuffled turns, so that over the epochs each is
    shown as often as any other. The order depends on the seed and the number of the epoch alone.

    Args:
        positives: indices of the images with objects; at least one.
        negatives: indices of those without; none makes batches of positives.
        batch: most images in a batch, 2 or more where there are negatives; the ratio decides how many of them are used.
        ratio: negatives for each positive; at least one of either is in every batch unless the ratio is 0.
        seed: of the order.
    """

    def __init__(
        self, positives: Sequence[int], negatives: Sequence[int], *, batch: int, ratio: float, seed: int
    ) -> None:
        self._positives, self._negatives = list(positives), list(negatives)
        self._ratio = ratio if negatives else 0.0
        most = batch - 1 if self._ratio else batch
        self._in_batch = min(max(int(batch / (1 + self._ratio)), 1), most, max(len(self._positives), 1))
        self._of_batch = min(max(round(self._in_batch * self._ratio), 1), batch - self._in_batch) if self._ratio else 0
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-len(self._positives) // self._in_batch)

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        order = self._shuffled(self._positives, epoch)
        drawn = epoch * self._negatives_of_epoch
        for start in range(0, len(order), self._in_batch):
            positives = order[start : start + self._in_batch]
            count = self._share(len(positives))
            yield positives + [self._negative(number) for number in range(drawn, drawn + count)]
            drawn += count

    @property
    def _negatives_of_epoch(self) -> int:
        whole, rest = divmod(len(self._positives), self._in_batch)
        return whole * self._of_batch + (self._share(rest) if rest else 0)

    def _share(self, positives: int) -> int:
        """Negatives for so many positives: the last batch of an epoch is smaller."""
        if positives == self._in_batch or not self._ratio:
            return self._of_batch
        return min(max(round(positives * self._ratio), 1), self._of_batch)

    def _negative(self, number: int) -> int:
        """The `number`th negative since the beginning: every turn is a shuffle of its own."""
        turn, place = divmod(number, len(self._negatives))
        if getattr(self, "_turn", None) != turn:
            self._turn, self._turned = turn, self._shuffled(self._negatives, -1 - turn)
        return self._turned[place]

    def _shuffled(self, items: Sequence[int], number: int) -> list[int]:
        order = list(items)
        random.Random(self._seed * _LARGE_PRIME + number).shuffle(order)
        return order
