"""Lists of values in a question: no limit of SQLite ends them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from banks import RUN, make_image

from negmine.bank.among import among
from negmine.bank.browsing import hardest_boxes, in_order
from negmine.bank.identity import sha256s_of
from negmine.bank.index import decided_states
from negmine.bank.listing import likenesses_of
from negmine.bank.records import ScannedImage
from negmine.bank.store import delete_negatives
from negmine.bank.verdicts import Verdicts
from negmine.bank.writer import BankWriter

MANY = [*range(3000, 3, -1), 2, 1]  # 17 KB as JSON, and hardly any of them in the bank
LIMITS = {sqlite3.SQLITE_LIMIT_LENGTH: 2000, sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 24}  # bytes, and variables


@pytest.fixture
def verdicts(bank: BankWriter) -> Iterator[Verdicts]:
    """A bank of three negatives, on a connection with low limits."""
    image: ScannedImage = make_image("a.jpg", negatives=(b"one", b"two", b"three"))
    run = bank.begin_run(RUN)
    with bank.transaction():
        bank.store(run, image)
    with Verdicts(bank.folder) as opened:
        for limit, value in LIMITS.items():
            opened._connection.setlimit(limit, value)
        yield opened


@pytest.mark.parametrize("values", [[], [7], [2**63 - 1, -5, 0], ["a", "ß", 'say "x"'], list(range(500))])
@pytest.mark.parametrize("most", [300, 1_000_000])
def test_a_list_means_its_values_whatever_the_limit(values: list[int], most: int) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)
        within, asked = among(connection, values)
        assert max(map(len, asked)) <= most
        for value in (*values, 10**6):
            assert connection.execute(f"SELECT ? {within} AS found", (value, *asked)).fetchone() == (value in values,)


def test_any_number_of_negatives_can_be_asked_for(verdicts: Verdicts) -> None:
    assert [each.id for each in verdicts.negatives(MANY)] == [1, 2]  # hardest first
    assert list(verdicts.cuts(MANY)) == [1, 2]
    assert [each.id for each in in_order(verdicts, MANY)] == [2, 1]
    assert sha256s_of(verdicts, MANY).keys() == hardest_boxes(verdicts, MANY).keys() == {1, 2}
    assert likenesses_of(verdicts, MANY) == {}
    assert set(decided_states(verdicts, MANY).values()) == {"unreviewed"}


def test_any_number_of_negatives_can_be_judged(verdicts: Verdicts) -> None:
    act = verdicts.decide([1] * 3000 + [3], "rejected", origin="review")
    assert act is not None and act.negatives == (1, 3)
    undone = verdicts.undo()
    assert undone is not None and undone.negatives == (1, 3)


def test_any_number_of_negatives_can_be_deleted(verdicts: Verdicts) -> None:
    delete_negatives(verdicts._connection, MANY)
    assert [each.id for each in verdicts.negatives()] == [3]
