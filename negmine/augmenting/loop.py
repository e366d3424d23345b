"""The loop of an augmentation: threads make variants ahead, and one writer stores them in the order of the negatives.

What is stored, and in which order, depends on the bank and the settings alone: all variants of one negative, one draw
after the other, before the next negative's. So the number of threads changes nothing, and a run that was killed goes on
at the next draw.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from negmine.augmenting.making import Made, make
from negmine.augmenting.threads import opencv_on_one_thread
from negmine.augmenting.work import Task, Work, units
from negmine.bank.writer import BankWriter
from negmine.cores import usable_cores
from negmine.errors import ImageError

_AHEAD = 3  # units for each thread that are made or wait to be stored


@dataclass(slots=True)
class Tally:
    """The counts of a run so far.

    Attributes:
        made: new variants, by operation.
        unchanged: draws that gave the negative itself.
        repeats: draws that gave a file that was there.
        missing: variants that are lacking: no draw could give them, or their negative cannot be read.
        skipped: negatives that could not be read, with the reason.
    """

    made: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    repeats: int = 0
    missing: int = 0
    skipped: list[tuple[Work, str]] = field(default_factory=list)


class AugmentLoop:
    """Makes variants into a bank.

    Args:
        bank: open for writing.
        quality: of the JPEG files, 1 to 100.
        workers: threads; as many as cores where None.
    """

    def __init__(self, bank: BankWriter, *, quality: int, workers: int | None) -> None:
        self.tally = Tally()
        self._bank = bank
        self._quality = quality
        self._workers = workers or usable_cores()

    def run(self, works: Iterable[Work]) -> Iterator[Tally]:
        """Do all the work; yields the counts after each piece."""
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="negmine")
        try:
            with opencv_on_one_thread():
                for unit, made in self._ahead(units(works), pool):
                    with self._bank.transaction():
                        for task, result in zip(unit, made.result(), strict=True):
                            self._finish(task, result, pool)
                    yield self.tally
        finally:
            pool.shutdown(cancel_futures=True)

    def _ahead(
        self, pieces: Iterator[list[Task]], pool: ThreadPoolExecutor
    ) -> Iterator[tuple[list[Task], Future[list[list[Made] | ImageError]]]]:
        """Every unit with its result to come, a bounded number of them begun."""
        begun = deque((unit, pool.submit(self._make, unit)) for unit in islice(pieces, self._workers * _AHEAD))
        while begun:
            yield begun.popleft()
            begun.extend((unit, pool.submit(self._make, unit)) for unit in islice(pieces, 1))

    def _make(self, unit: list[Task]) -> list[list[Made] | ImageError]:
        """In a thread: the variants of each task, or why its negative cannot be read."""
        done: list[list[Made] | ImageError] = []
        for task in unit:
            try:
                done.append(make(task.work.original, task.draws, self._bank.stage, self._quality))
            except ImageError as error:
                done.append(error)
            if task.last:
                task.work.original.let_go()
        return done

    def _finish(self, task: Task, result: list[Made] | ImageError, pool: ThreadPoolExecutor) -> None:
        """Store what was made; where some draws gave nothing new, try others."""
        if isinstance(result, ImageError):
            if task.last:
                self.tally.skipped.append((task.work, str(result)))
                self.tally.missing += task.work.missing
            return
        self._store(task.work, result)
        while task.last and (draws := task.work.more()):
            (more,) = pool.submit(self._make, [Task(task.work, draws, True)]).result()
            if isinstance(more, ImageError):
                self.tally.skipped.append((task.work, str(more)))
                break
            self._store(task.work, more)
        if task.last:
            self.tally.missing += task.work.missing

    def _store(self, work: Work, variants: list[Made]) -> None:
        negative = work.negative
        for made in variants:
            operation, parameters = made.draw.operation, made.draw.parameters
            if made.staged is None:
                self._bank.add_repeat(negative.id, operation, parameters)
                self.tally.unchanged += 1
            elif self._bank.add_variant(negative.id, made.staged, negative.size_wh, operation, parameters):
                work.made += 1
                self.tally.made[operation] += 1
            else:
                self.tally.repeats += 1
