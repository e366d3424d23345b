"""The threads of this machine as an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from negmine.cores import usable_cores

_AHEAD = 4  # items in flight for each thread

_T = TypeVar("_T")
_R = TypeVar("_R")


class ThreadEngine:
    """Threads that several calls of `map` may share, nested ones too. Use it in a `with` statement.

    Args:
        workers: threads; one for each usable core where None.
        name: what the threads are called in a debugger.
    """

    def __init__(self, workers: int | None = None, *, name: str = "negmine") -> None:
        self._workers = workers or usable_cores()
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    @property
    def workers(self) -> int:
        """The number of threads."""
        return self._workers

    def map(self, function: Callable[[_T], _R], items: Iterable[_T], *, ahead: int | None = None) -> Iterator[_R]:
        """See `Engine.map`."""
        limit = max(ahead if ahead is not None else self._workers * _AHEAD, 1)
        running: deque[Future[_R]] = deque()
        try:
            for item in items:
                running.append(self._pool.submit(function, item))
                if len(running) >= limit:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
