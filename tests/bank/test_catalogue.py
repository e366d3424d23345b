"""Questions of a scan to the bank: many at once, and each answered as if it were asked alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from negmine.bank.records import KnownSource, ScannedImage
from negmine.bank.writer import BankWriter
from negmine.files import sha256_of
from negmine.structures import GroundTruth

Make = Callable[..., ScannedImage]
Store = Callable[..., None]


def test_nothing_is_known_of_nothing(bank: BankWriter) -> None:
    assert bank.known_items(1, []) == [] and bank.known_sources(1, []) == {}
    assert bank.known_items(1, ["/pictures/a.jpg"]) == [None]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 127, 128, 129, 300])
def test_many_files_at_once_in_their_order(bank: BankWriter, store: Store, image: Make, count: int) -> None:
    names = [f"{i}.jpg" for i in range(count)]
    store(*(image(name, mtime_ns=i) for i, name in enumerate(names)))
    asked = [f"/pictures/{name}" for name in reversed(names)]
    known = bank.known_items(1, ["/elsewhere", *asked])
    assert known[0] is None
    assert [each and (each.record.key, each.record.stamp.mtime_ns, each.done) for each in known[1:]] == [
        (key, count - 1 - i, True) for i, key in enumerate(asked)
    ]
    hashes = [sha256_of(name.encode()) for name in names]
    assert bank.known_sources(1, [*hashes, "0" * 64]) == dict.fromkeys(hashes, KnownSource(True, labelled=False))


def test_a_source_is_done_for_its_run_and_says_whether_it_has_labels(
    bank: BankWriter, store: Store, image: Make
) -> None:
    store(image("a.jpg", truth=GroundTruth.of([(0, 0, 5, 5)], ["dog"]), truth_hash="t"))
    sha256 = sha256_of(b"a.jpg")
    assert bank.known_sources(1, [sha256]) == {sha256: KnownSource(True, labelled=True)}
    assert bank.known_sources(2, [sha256]) == {sha256: KnownSource(False, labelled=True)}


def test_a_known_picture_gets_another_name_without_being_decoded(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    other = image("b.jpg", content="a.jpg")
    with bank.transaction():
        assert bank.register(other.item, other.sha256, None, None) == 0
    (known,) = bank.known_items(1, ["/pictures/b.jpg"])
    assert known is not None and known.done and known.sha256 == sha256_of(b"a.jpg")
    assert bank.scalar("SELECT count(*) FROM sources") == 1 and bank.negative_count() == 1


def test_a_bank_says_whether_it_holds_labels(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg"))
    assert not bank.has_labels()
    store(image("b.jpg", truth=GroundTruth.empty(), truth_hash="t"))  # known to be empty is a label
    assert bank.has_labels()
