"""The threads of this machine as an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

from negmine.cores import usable_cores

_MOST_WORKERS = 256
_AHEAD = 4  # items in flight for each thread
_LOOK_UP_S = 0.2  # seconds after which one who waits looks whether there was a Ctrl-C

_T = TypeVar("_T")
_R = TypeVar("_R")


class ThreadEngine:
    """Threads that several calls of `map` share, from any thread but these themselves. Use it in a `with` statement.

    Args:
        workers: threads, of which there are never more than 256; one for each usable core where None.
        name: what the threads are called in a debugger.
    """

    def __init__(self, workers: int | None = None, *, name: str = "negmine") -> None:
        self._workers = min(workers or usable_cores(), _MOST_WORKERS)
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
        on_start: Callable[[_T], object] | None = None,
    ) -> Iterator[_R]:
        """See `Engine.map`."""
        limit = max(ahead if ahead is not None else self._workers * _AHEAD, 1)

        def start(item: _T) -> Future[_R]:
            if on_start is not None:
                on_start(item)
            return self._pool.submit(function, item)

        return _Results(start, iter(items), limit, cost, budget)


def _awaited(future: Future[_R]) -> Future[_R]:
    """Wait for a result, and look up now and then: a wait without an end may miss a Ctrl-C that comes as it begins."""
    if not future.done():
        woken: SimpleQueue[None] = SimpleQueue()  # written in C, so that a Ctrl-C cannot break into its bookkeeping
        future.add_done_callback(lambda _: woken.put(None))
        while not future.done():
            with suppress(Empty):
                woken.get(timeout=_LOOK_UP_S)
    return future


class _Results(Iterator[_R], Generic[_T, _R]):
    """The results of the items in flight; as it ends, for whatever reason, items that nobody has begun are dropped."""

    def __init__(
        self,
        start: Callable[[_T], Future[_R]],
        items: Iterator[_T],
        limit: int,
        cost: Callable[[_T], int] | None,
        budget: int,
    ) -> None:
        self._start = start
        self._items = items
        self._limit = limit
        self._cost = cost or (lambda item: 0)
        self._budget = budget
        self._running: deque[tuple[Future[_R], int]] = deque()
        self._held: list[_T] = []  # the item that was taken and does not fit yet
        self._taken = False  # whether a result was, and there is room for another item
        self._error: Exception | None = None  # what ended the items; raised behind the results of those before
        self._fill()

    def __next__(self) -> _R:
        if self._taken:
            self._fill()
        self._taken = True
        if not self._running:
            if self._error is not None:
                raise self._error
            raise StopIteration
        try:
            return _awaited(self._running.popleft()[0]).result()
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Drop what nobody has begun."""
        self._items, self._held, self._error = iter(()), [], None
        while self._running:
            self._running.popleft()[0].cancel()

    def _fill(self) -> None:
        """Begin as many items as there is room for."""
        try:
            while len(self._running) < self._limit and self._error is None:
                item = self._held.pop() if self._held else next(self._items)
                cost = self._cost(item)
                if len(self._running) > 1 and cost + sum(each for _, each in self._running) > self._budget:
                    self._held.append(item)
                    return
                self._running.append((self._start(item), cost))
        except StopIteration:
            return
        except Exception as error:
            self._error = error
        except BaseException:
            self.close()
            raise
