"""The budget: work is begun in its order, as soon as it fits, and one always may be."""

from __future__ import annotations

import threading
from functools import partial

from negmine.engines.budget import Budget


def test_what_fits_is_begun_at_once_and_the_rest_in_order() -> None:
    budget, begun = Budget(10), list[str]()
    for name, cost in (("a", 4), ("b", 6), ("c", 7), ("d", 1)):
        budget.begin(cost, partial(begun.append, name))
    assert begun == ["a", "b"]  # d would fit, and is not begun before c
    budget.release(4)
    assert begun == ["a", "b"]
    budget.release(6)
    assert begun == ["a", "b", "c", "d"]


def test_what_costs_more_than_all_is_begun_alone() -> None:
    budget, begun = Budget(10), list[str]()
    budget.begin(1, partial(begun.append, "small"))
    budget.begin(99, partial(begun.append, "large"))
    assert begun == ["small"]
    budget.release(1)
    assert begun == ["small", "large"]


def test_a_start_may_release() -> None:
    budget, begun = Budget(1), list[int]()

    def start(number: int) -> None:
        begun.append(number)
        budget.release(1)

    for number in range(5):
        budget.begin(1, partial(start, number))
    assert begun == [0, 1, 2, 3, 4]


def test_threads_hold_no_more_together_than_there_is() -> None:
    budget, lock, held, most = Budget(10), threading.Lock(), 0, 0

    def work(cost: int) -> None:
        nonlocal held, most
        for _ in range(50):
            with budget.hold(cost):
                with lock:
                    held += cost
                    most = max(most, held)
                with lock:
                    held -= cost

    threads = [threading.Thread(target=work, args=(cost,)) for cost in (2, 3, 5, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert held == 0 and 7 <= most <= 10
