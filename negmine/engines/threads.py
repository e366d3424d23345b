"""The threads of this machine as an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

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

    def map(
        self,
        function: Callable[[_T], _R],
        items: Iterable[_T],
        *,
        ahead: int | None = None,
        cost: Callable[[_T], int] | None = None,
        budget: int = 0,
    ) -> Iterator[_R]:
        """See `Engine.map`."""
        limit = max(ahead if ahead is not None else self._workers * _AHEAD, 1)
        window = _Window(lambda item: self._pool.submit(function, item), iter(items), limit, cost, budget)
        window.fill()
        return window.results()


class _Window(Generic[_T, _R]):
    """The items in flight."""

    def __init__(
        self,
        submit: Callable[[_T], Future[_R]],
        items: Iterator[_T],
        limit: int,
        cost: Callable[[_T], int] | None,
        budget: int,
    ) -> None:
        self._submit = submit
        self._items = items
        self._limit = limit
        self._cost = cost or (lambda item: 0)
        self._budget = budget
        self._running: deque[tuple[Future[_R], int]] = deque()
        self._held: list[_T] = []  # the item that was taken and does not fit yet

    def fill(self) -> None:
        """Begin as many items as there is room for."""
        while len(self._running) < self._limit:
            try:
                item = self._held.pop() if self._held else next(self._items)
            except StopIteration:
                return
            cost = self._cost(item)
            if len(self._running) > 1 and cost + sum(each for _, each in self._running) > self._budget:
                self._held.append(item)
                return
            self._running.append((self._submit(item), cost))

    def results(self) -> Iterator[_R]:
        """Wait for each in turn; whatever happens, what nobody has begun by the end is dropped."""
        try:
            while self._running:
                yield self._running.popleft()[0].result()
                self.fill()
        finally:
            for future, _ in self._running:
                future.cancel()
