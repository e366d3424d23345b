"""The threads of this machine as an engine: order, bounds, interrupts."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from negmine.engines.base import Engine
from negmine.engines.threads import ThreadEngine


@pytest.fixture
def engine() -> Iterator[ThreadEngine]:
    with ThreadEngine(3) as threads:
        yield threads


def test_no_items_give_no_results(engine: Engine) -> None:
    assert list(engine.map(str, [])) == []


def test_results_come_in_the_order_of_the_items_however_long_each_takes(engine: Engine) -> None:
    def work(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    assert list(engine.map(work, range(30))) == [item * item for item in range(30)]


def test_as_many_items_are_worked_on_at_the_same_time_as_there_are_workers(engine: Engine) -> None:
    together = threading.Barrier(3)
    assert engine.workers == 3
    assert list(engine.map(lambda item: together.wait(30) >= 0, range(6))) == [True] * 6


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_items_are_taken_than_may_be_in_flight(engine: Engine, ahead: int) -> None:
    taken = itertools.count()
    results = engine.map(str, (next(taken) for _ in itertools.repeat(None)), ahead=ahead)
    assert next(taken) == ahead  # begun before the first result is asked for
    next(results), next(results)
    assert next(taken) == 2 * ahead - (ahead - 1) + 1


def test_items_in_flight_cost_no_more_than_the_budget_but_two_always_may_be(engine: Engine) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for cost in (4, 4, 4, 40, 40, 1):
            taken.append(cost)
            yield cost

    results = engine.map(str, items(), ahead=6, cost=lambda cost: cost, budget=10)
    assert taken == [4, 4, 4]  # the third is taken, and waits until there is room
    assert [(next(results), len(taken)) for _ in range(6)] == [
        ("4", 3), ("4", 4), ("4", 5), ("40", 6), ("40", 6), ("1", 6),
    ]  # fmt: skip


def test_the_first_item_that_fails_ends_it_and_what_nobody_began_is_dropped() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.01)
        if item == 2:
            raise KeyError(item)
        return item

    with ThreadEngine(1) as engine:
        results = engine.map(work, range(100), ahead=50)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(KeyError):
            next(results)
        assert list(results) == []
    assert len(begun) < 10


def test_an_iterator_that_is_closed_drops_what_nobody_began() -> None:
    begun: list[int] = []
    with ThreadEngine(1) as engine:
        results = engine.map(lambda item: begun.append(item) or time.sleep(0.01), range(100), ahead=50)  # type: ignore[func-returns-value]
        next(results)
        results.close()  # type: ignore[attr-defined]
        time.sleep(0.05)
        assert len(begun) < 5
        assert list(engine.map(str, range(3))) == ["0", "1", "2"]  # the engine itself goes on


def test_an_engine_that_is_left_begins_nothing_more() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt), ThreadEngine(1) as engine:
        next(engine.map(work, range(100), ahead=50))
        raise KeyboardInterrupt
    assert len(begun) < 10


def test_what_taking_an_item_raises_reaches_the_caller(engine: Engine) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(engine.map(str, items(), ahead=1))


def test_maps_may_be_nested(engine: Engine) -> None:
    with ThreadEngine(1) as one:
        inner = (engine.map(str, range(n)) for n in range(20))
        assert list(one.map("".join, inner, ahead=4)) == ["".join(map(str, range(n))) for n in range(20)]


def test_letting_go_of_results_drops_what_nobody_has_begun() -> None:
    begun: list[int] = []
    with ThreadEngine(1) as engine:
        gate = threading.Event()

        def work(item: int) -> None:
            begun.append(item)
            gate.wait(30)

        results = engine.map(work, range(8), ahead=8)
        while not begun:
            time.sleep(0.001)
        del results
        gate.set()
    assert begun == [0]


def test_what_taking_an_item_raises_comes_behind_the_results_before_it(engine: Engine) -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("no more")

    results = engine.map(str, items(), ahead=8)
    assert [next(results) for _ in range(3)] == ["1", "2", "3"]
    with pytest.raises(ValueError, match="no more"):
        next(results)


def test_on_start_is_called_for_what_comes_into_flight_and_not_for_what_waits(engine: Engine) -> None:
    started: list[int] = []
    results = engine.map(str, [4, 40, 40], ahead=3, cost=lambda cost: cost, budget=10, on_start=started.append)
    assert started == [4, 40]
    assert [next(results) for _ in range(3)] == ["4", "40", "40"] and started == [4, 40, 40]
