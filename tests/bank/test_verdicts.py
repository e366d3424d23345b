"""Verdicts on negatives: stored at once, undone one act at a time, beside a scan that writes to the same bank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from banks import judge

from negmine.bank.bank import Bank
from negmine.bank.records import ScannedImage
from negmine.bank.verdicts import Act, Verdicts
from negmine.bank.writer import BankWriter
from negmine.errors import BankError

Make = Callable[..., ScannedImage]
Store = Callable[..., None]


@pytest.fixture
def verdicts(bank: BankWriter, store: Store, image: Make) -> Iterator[Verdicts]:
    """A bank of three negatives, whose writer is still open, as that of a scan would be."""
    store(image("a.jpg", negatives=(b"one", b"two", b"three")))
    with Verdicts(bank.folder) as opened:
        yield opened


def states(folder: Path) -> dict[int, str]:
    with Bank(folder) as bank:
        return {negative.id: negative.review for negative in bank.negatives()}


def test_nothing_decided_is_no_act(verdicts: Verdicts) -> None:
    assert verdicts.decide([], "rejected", origin="review") is None
    assert verdicts.decide([1], "unreviewed", origin="review") is None
    assert verdicts.undo() is None
    assert verdicts.acts() == []


def test_a_verdict_is_seen_by_others_at_once_and_beside_a_writer(verdicts: Verdicts, bank: BankWriter) -> None:
    assert verdicts.decide([1, 3], "rejected", origin="review") == Act(1, "rejected", (1, 3))
    assert states(verdicts.folder) == {1: "rejected", 2: "unreviewed", 3: "rejected"}
    judge(bank.folder, 2, "accepted")
    assert states(verdicts.folder) == {1: "rejected", 2: "accepted", 3: "rejected"}


def test_an_act_holds_only_what_it_changed(verdicts: Verdicts) -> None:
    verdicts.decide([1], "rejected", origin="review")
    act = verdicts.decide([1, 2], "rejected", origin="review")
    assert act is not None
    assert act.negatives == (2,)


def test_acts_are_undone_from_the_last_to_the_first(verdicts: Verdicts) -> None:
    verdicts.decide([1, 2, 3], "accepted", origin="review")
    verdicts.decide([2, 3], "target", origin="review")
    verdicts.decide([3], "unreviewed", origin="bank")
    seen = []
    while (act := verdicts.undo()) is not None:
        seen.append((act.state, act.negatives, tuple(states(verdicts.folder).values())))
    assert seen == [
        ("unreviewed", (3,), ("accepted", "target", "target")),
        ("target", (2, 3), ("accepted", "accepted", "accepted")),
        ("accepted", (1, 2, 3), ("unreviewed", "unreviewed", "unreviewed")),
    ]


def test_undoing_an_earlier_act_leaves_what_was_decided_later(verdicts: Verdicts) -> None:
    first = verdicts.decide([1, 2], "rejected", origin="review")
    verdicts.decide([2], "accepted", origin="review")
    assert first is not None
    assert verdicts.undo(first.id) == Act(first.id, "rejected", (1,))
    assert states(verdicts.folder) == {1: "unreviewed", 2: "accepted", 3: "unreviewed"}
    assert verdicts.undo(first.id) is None


def test_an_unknown_negative_changes_nothing(verdicts: Verdicts) -> None:
    with pytest.raises(BankError, match=r"has no negatives 8, 9$"):
        verdicts.decide([1, 8, 9], "rejected", origin="review")
    assert states(verdicts.folder)[1] == "unreviewed"
    assert verdicts.acts() == []


def test_acts_of_one_origin(verdicts: Verdicts) -> None:
    verdicts.decide([1], "rejected", origin="review")
    verdicts.decide([2], "rejected", origin="bank")
    assert verdicts.acts("bank") == [2]


def test_a_verdict_waits_for_the_write_of_a_scan_and_no_longer(verdicts: Verdicts, bank: BankWriter) -> None:
    with bank.transaction():
        pass  # what holds the bank is one write, not the writer that is open
    assert verdicts.decide([1], "target", origin="review") is not None


def test_what_is_no_bank_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="does not exist"):
        Verdicts(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
