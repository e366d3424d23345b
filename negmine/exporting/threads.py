"""The same work on many files, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from negmine.cores import usable_cores

_AT_ONCE = 256  # files that are queued

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_threads(work: Callable[[_T], _R], items: Iterable[_T], workers: int | None = None) -> Iterator[_R]:
    """The results in order; what fails first, in that order, is raised, and what had not begun is left undone.

    Args:
        work: done for each item.
        items: any number of them; only a few hundred are queued at a time.
        workers: threads; one per core where None.
    """
    left = iter(items)
    with ThreadPoolExecutor(workers or usable_cores(), thread_name_prefix="negmine-export") as pool:
        while batch := list(islice(left, _AT_ONCE)):
            yield from pool.map(work, batch)
