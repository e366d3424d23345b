"""The index in memory answers as the database does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from banks import RUN, judge

from negmine.bank.browsing import browse, counts
from negmine.bank.filters import SORTS, NegativeFilter
from negmine.bank.index import Index, Stamp, content_stamp, decided_states, decision_stamp
from negmine.bank.records import ScannedImage
from negmine.bank.verdicts import Verdicts, decided_since, last_act, last_undoable
from negmine.bank.writer import BankWriter

Make = Callable[..., ScannedImage]
Store = Callable[..., None]

FILTERS = [
    NegativeFilter(),
    NegativeFilter(classes=("dog",)),
    NegativeFilter(classes=("dog", "cat"), states=("unreviewed",)),
    NegativeFilter(classes=("no such",)),
    NegativeFilter(states=("rejected", "target")),
    NegativeFilter(runs=(2,)),
    NegativeFilter(runs=(1, 2, 3)),
    NegativeFilter(min_score=0.8, max_score=0.8),
    NegativeFilter(folder=Path("/pictures/night")),
    NegativeFilter(folder=Path("/pictures/nig")),
    NegativeFilter(min_unlabelled=0.6),
    NegativeFilter(min_unlabelled=0.6, or_flicker=True),
    NegativeFilter(folder=Path("/")),
    NegativeFilter(cluster=1),
    NegativeFilter(place=9),
]


@pytest.fixture
def filled(bank: BankWriter, store: Store, image: Make) -> BankWriter:
    """Negatives of three images, two runs, two classes with letters beyond ASCII, some compared and some decided."""
    other = image("night/b.jpg", negatives=(b"three", b"four", b"five"))
    dog = replace(other.detections[1], class_name="dog")
    bird = replace(other.detections[2], class_name="Äffchen")
    store(image("z.jpg", negatives=(b"one", b"two")))
    record = replace(RUN, weights="2.pt", weights_sha256="cd" * 32)
    store(replace(other, detections=(other.detections[0], dog, bird)), record=record)
    store(image("a.jpg", negatives=(b"one", b"six")), record=record)  # the first negative again
    judge(bank.folder, 2, "rejected")
    judge(bank.folder, 4, "target")
    compared = "(1, 0.5, 3, 9), (2, 0.9, 1, 9), (3, NULL, 1, 8), (4, 0.9, 3, 7)"
    list(bank.query(f"INSERT INTO likenesses VALUES {compared}"))
    return bank


def test_an_empty_bank(bank: BankWriter) -> None:
    index = Index.read(bank)
    assert [index.select(NegativeFilter(), sort).tolist() for sort in SORTS] == [[]] * len(SORTS)
    assert index.class_counts() == index.folder_counts() == {}


def test_it_answers_as_the_database_does(filled: BankWriter) -> None:
    index = Index.read(filled)
    for which, sort in itertools.product(FILTERS, SORTS):
        assert index.ids[index.select(which, sort)].tolist() == browse(filled, which, sort), (which, sort)


def test_it_counts_as_the_database_does(filled: BankWriter) -> None:
    index, counted = Index.read(filled), counts(filled)
    assert index.class_counts() == counted["classes"]
    assert {name: count for name, count in index.state_counts().items() if count} == counted["states"]
    assert index.folder_counts() == {b"/pictures": 3, b"/pictures/night": 3}


def test_what_was_decided_since_stays(filled: BankWriter) -> None:
    unreviewed = NegativeFilter(states=("unreviewed",))
    with Verdicts(filled.folder) as verdicts:
        first = verdicts.decide([1], "rejected", origin="review")
        second = verdicts.decide([3], "accepted", origin="bank")
        assert first is not None and second is not None
        index = Index.read(verdicts)
        kept = index.select(unreviewed, "newest", also=decided_since(verdicts, first.id))
        assert index.ids[kept].tolist() == [6, 5, 3]
        assert last_act(verdicts) == second.id
        last = last_undoable(verdicts, "review")
        assert last is not None and (last.id, last.state, last.count) == (first.id, "rejected", 1)
        verdicts.undo(first.id)
        assert last_undoable(verdicts, "review") is None
        assert decided_states(verdicts, [1, 3]) == {1: "unreviewed", 3: "accepted"}


def test_states_can_be_set(filled: BankWriter) -> None:
    index = Index.read(filled)
    index.set_states({1: "accepted", 99: "rejected"})
    assert index.state_counts() == {"unreviewed": 3, "accepted": 1, "rejected": 1, "target": 1}
    index.set_states({1: "target"}, others=True)
    assert index.state_counts() == {"unreviewed": 5, "accepted": 0, "rejected": 0, "target": 1}


def test_a_stamp_tells_content_from_decisions(filled: BankWriter, store: Store, image: Make) -> None:
    content, decisions = content_stamp(filled), decision_stamp(filled)
    judge(filled.folder, 1, "accepted")
    assert content_stamp(filled) == content and decision_stamp(filled) != decisions
    decisions = decision_stamp(filled)
    store(image("new.jpg", negatives=(b"new",)))
    assert content_stamp(filled) != content and decision_stamp(filled) == decisions
    content = content_stamp(filled)
    list(filled.query("UPDATE likenesses SET unlabelled = 0.4 WHERE negative_id = 1"))
    assert content_stamp(filled) != content


@pytest.mark.parametrize("column", ["unlabelled", "cluster", "place"])
def test_likenesses_that_change_places_change_the_stamp(filled: BankWriter, column: str) -> None:
    one: dict[str, float] = {"unlabelled": 0.25, "cluster": 1, "place": 7}
    two: dict[str, float] = {"unlabelled": 0.5, "cluster": 2, "place": 9}
    before = _stamp_of(filled, one, two)
    assert _stamp_of(filled, one | {column: two[column]}, two | {column: one[column]}) != before


def _stamp_of(bank: BankWriter, *likenesses: dict[str, float]) -> Stamp:
    list(bank.query("DELETE FROM likenesses"))
    for number, each in enumerate(likenesses, start=1):
        list(bank.query("INSERT INTO likenesses VALUES (?, ?, ?, ?)", (number, *each.values())))
    return content_stamp(bank)
