"""A budget for what work in progress holds, such as bytes of pixels: reserved before it is begun, in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock


class Budget:
    """Begins work in the order in which it is announced, as soon as what it will hold fits. For any thread.

    What costs more than the whole budget is begun where nothing else is held.

    Args:
        limit: the most that may be held at the same time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        self._waiting: deque[tuple[int, Callable[[], object]]] = deque()
        self._lock = Lock()

    def begin(self, cost: int, start: Callable[[], object]) -> None:
        """Have `start` called, in this thread or in one that releases, as soon as `cost` is free.

        Args:
            cost: what it holds, until it is released.
            start: begins the work, and does not wait for it.
        """
        with self._lock:
            self._waiting.append((cost, start))
        self._go_on()

    def release(self, cost: int) -> None:
        """Give back what was held."""
        with self._lock:
            self._held -= cost
        self._go_on()

    @contextmanager
    def hold(self, cost: int) -> Iterator[None]:
        """Wait until `cost` is free, and hold it. Only for work that needs no other to end."""
        free = Event()
        self.begin(cost, free.set)
        free.wait()
        try:
            yield
        finally:
            self.release(cost)

    def _go_on(self) -> None:
        while (start := self._next()) is not None:
            start()

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            if not self._waiting or (self._held and self._held + self._waiting[0][0] > self.limit):
                return None
            cost, start = self._waiting.popleft()
            self._held += cost
            return start
