"""Making variants: threads draw and encode them ahead, and one writer stores them in the order of the negatives.

What is stored, and in which order, depends on the bank and the settings alone: all variants of one negative, one draw
after the other, before the next negative's. So the number of threads changes nothing, and a run that was killed resumes
at the next draw.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from negmine.augmenting.draw import Draw
from negmine.augmenting.draws import Drawing
from negmine.bank.bank import Bank, as_json
from negmine.bank.content_files import NEGATIVES, StagedFile, content_name
from negmine.bank.negative_files import read_negative
from negmine.bank.records import ONTO, Negative
from negmine.bank.writer import BankWriter
from negmine.engines.threads import ThreadEngine
from negmine.errors import ImageError
from negmine.images import decode_image, encode_jpeg
from negmine.structures import Image

UNIT = 16  # draws that one thread makes, stored in one transaction
_AHEAD = 3  # units in flight for each thread
_TRIES = 50, 4  # most draws that are tried for a negative: 50, and 4 for each variant of its quota


class NegativeImage:
    """The pixels of one negative: decoded once, when the first thread asks for them, and kept until released."""

    def __init__(self, negative: Negative) -> None:
        self._negative = negative
        self._lock = threading.Lock()
        self._image: Image | None = None

    def image(self) -> Image:
        """[H, W, 3] uint8 BGR.

        Raises:
            ImageError: where the file is gone or is not what the bank says.
        """
        with self._lock:
            if self._image is None:
                self._image = self._read()
            return self._image

    def release(self) -> None:
        """Free the memory; the next call of `image` reads the file again."""
        with self._lock:
            self._image = None

    def _read(self) -> Image:
        return decode_image(read_negative(self._negative.path.parents[2], self._negative.sha256))


class VariantTask:
    """One negative and what is still to be made of it.

    Args:
        negative: of the bank.
        wanted: how many new variants to make; None for one of every draw.
        draws: what to try, in this order.
        tried: operations with their parameters, `as_json`, whose result the bank knows.
    """

    def __init__(
        self, negative: Negative, wanted: int | None, draws: Iterable[Draw], tried: set[tuple[str, str]]
    ) -> None:
        self.negative = negative
        self.image = NegativeImage(negative)
        self.made = 0
        self._wanted = wanted
        self._draws = _untried(draws, tried)

    @property
    def missing(self) -> int:
        """How many variants are still missing; 0 where one of every draw is wanted."""
        return 0 if self._wanted is None else self._wanted - self.made

    def first(self) -> Iterator[Draw]:
        """The draws to try first: as many as variants are wanted."""
        return islice(self._draws, self._wanted)

    def more(self) -> list[Draw]:
        """After the first draws: as many more as variants are missing; none where there are no more."""
        return list(islice(self._draws, self.missing))


def task_for(bank: Bank, negative: Negative, *, has: int, quota: int, drawing: Drawing) -> VariantTask:
    """Bring a negative from the variants that it has to its quota, with operations that are drawn."""
    draws = drawing.draws(negative, _TRIES[0] + _TRIES[1] * quota)
    return VariantTask(negative, quota - has, draws, bank.tried(negative.id))


@dataclass(frozen=True, slots=True)
class DrawChunk:
    """Some of the first draws of one negative; `last` for the last of them."""

    task: VariantTask
    draws: Sequence[Draw]
    last: bool


def units(tasks: Iterable[VariantTask]) -> Iterator[list[DrawChunk]]:
    """Cut the work into units of about the same size, the draws of each negative in order."""
    unit: list[DrawChunk] = []
    room = UNIT
    for task in tasks:
        first, last = task.first(), False
        while not last:
            draws = list(islice(first, room))
            last = len(draws) < room
            unit.append(DrawChunk(task, draws, last))
            room -= max(len(draws), 1)  # a negative without a draw left fills a place too
            if not room:
                yield unit
                unit, room = [], UNIT
    if unit:
        yield unit


@dataclass(slots=True)
class VariantCounts:
    """The counts of a run so far.

    Attributes:
        made: new variants, by operation.
        unchanged: draws that gave the negative itself.
        repeats: draws that gave a file that was there.
        missing: variants that could not be made: no draw gives them, or their negative cannot be read.
        skipped: why a negative could not be read, by its file.
    """

    made: Counter[str] = field(default_factory=Counter)
    unchanged: int = 0
    repeats: int = 0
    missing: int = 0
    skipped: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Variant:
    """What became of a draw: a file with the size of its image, or nothing, where the operation changed no pixel."""

    draw: Draw
    staged: StagedFile | None = None
    size_wh: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class _Unmade:
    """A draw of which nothing became: the other negative that it needs cannot be read."""

    path: Path
    reason: str


_Made = list[_Variant | _Unmade] | ImageError  # of one chunk; the error where its negative cannot be read


class VariantMaker:
    """Makes variants into a bank.

    Args:
        bank: open for writing.
        quality: of the JPEG files, 1 to 100.
        workers: threads; as many as cores where None.
    """

    def __init__(self, bank: BankWriter, *, quality: int, workers: int | None) -> None:
        self.counts = VariantCounts()
        self._bank = bank
        self._quality = quality
        self._workers = workers

    def run(self, tasks: Iterable[VariantTask]) -> Iterator[VariantCounts]:
        """Do all tasks; yields the counts after each unit."""
        with ThreadEngine(self._workers) as engine, _opencv_on_one_thread():
            for unit, made in engine.map(self._make_unit, units(tasks), ahead=engine.workers * _AHEAD):
                with self._bank.transaction():
                    for chunk, result in zip(unit, made, strict=True):
                        self._finish(chunk, result)
                yield self.counts

    def _make_unit(self, unit: list[DrawChunk]) -> tuple[list[DrawChunk], list[_Made]]:
        """In a thread: the variants of each chunk."""
        return unit, [self._make(chunk) for chunk in unit]

    def _make(self, chunk: DrawChunk) -> _Made:
        """The variants of a chunk, in the order of its draws, or why its negative cannot be read."""
        source = chunk.task.image
        try:
            image = source.image() if chunk.draws else None
            return [] if image is None else [self._variant(draw, image) for draw in chunk.draws]
        except ImageError as error:
            return error
        finally:
            if chunk.last:
                source.release()

    def _variant(self, draw: Draw, image: Image) -> _Variant | _Unmade:
        try:
            variant = draw.apply(image, self._other)
        except ImageError as error:
            return _Unmade(self._bank.folder / content_name(NEGATIVES, str(draw.parameters[ONTO])), str(error))
        if _same(variant, image):
            return _Variant(draw)
        staged = self._bank.stage(encode_jpeg(variant, quality=self._quality))
        return _Variant(draw, staged, (variant.shape[1], variant.shape[0]))

    def _other(self, sha256: str) -> Image:
        """Another negative of the bank."""
        return decode_image(read_negative(self._bank.folder, sha256))

    def _finish(self, chunk: DrawChunk, made: _Made) -> None:
        """Store what was made; where some draws gave nothing new, try others."""
        task = chunk.task
        if isinstance(made, ImageError):
            if chunk.last:
                self.counts.skipped[task.negative.path] = str(made)
                self.counts.missing += task.missing
            return
        self._store(task, made)
        while chunk.last and (draws := task.more()):
            more = self._make(DrawChunk(task, draws, last=True))
            if isinstance(more, ImageError):
                self.counts.skipped[task.negative.path] = str(more)
                break
            self._store(task, more)
        if chunk.last:
            self.counts.missing += task.missing

    def _store(self, task: VariantTask, variants: list[_Variant | _Unmade]) -> None:
        negative = task.negative
        for variant in variants:
            if isinstance(variant, _Unmade):
                self.counts.skipped[variant.path] = variant.reason
                continue
            operation, parameters = variant.draw.operation, variant.draw.parameters
            if variant.staged is None:
                self._bank.add_repeat(negative.id, operation, parameters)
                self.counts.unchanged += 1
            elif self._bank.add_variant(negative.id, variant.staged, variant.size_wh, operation, parameters):
                task.made += 1
                self.counts.made[operation] += 1
            else:
                self.counts.repeats += 1


def _untried(draws: Iterable[Draw], tried: set[tuple[str, str]]) -> Iterator[Draw]:
    for draw in draws:
        key = (draw.operation, as_json(draw.parameters))
        if key not in tried:
            tried.add(key)
            yield draw


def _same(first: Image, second: Image) -> bool:
    """Whether two images of one size are equal. Most differ in their first rows, so those are compared first."""
    return all(np.array_equal(first[rows], second[rows]) for rows in (slice(0, 8), slice(8, None)))


@contextmanager
def _opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV from splitting one image over all cores, which are busy with other images."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
