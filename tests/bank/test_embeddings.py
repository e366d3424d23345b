"""Vectors and likenesses in a bank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banks import RUN, judge

from negmine.bank.bank import Bank
from negmine.bank.browsing import browse
from negmine.bank.counts import cluster_sizes
from negmine.bank.embeddings import Embeddings, KnownObject, Likeness
from negmine.bank.filters import NegativeFilter
from negmine.bank.listing import LikenessRow, likeness_of
from negmine.bank.records import ScannedImage
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.files import sha256_of
from negmine.structures import GroundTruth

Make = Callable[..., ScannedImage]
Store = Callable[..., None]
SIZE = 4
VECTOR = np.array([0.5, -0.5, 0.5, 0.5], dtype=np.float16)


@pytest.fixture
def opened(bank: BankWriter, store: Store, image: Make) -> Iterator[Embeddings]:
    """Two negatives of one image (0.9 and 0.8) and one of another (0.9), while a writer holds the bank."""
    store(image("a.jpg", negatives=(b"one", b"two")), image("b.jpg", negatives=(b"three",)))
    with Embeddings(bank.folder) as embeddings:
        yield embeddings


def test_an_empty_bank_has_nothing(bank: BankWriter) -> None:
    with Embeddings(bank.folder) as embeddings:
        assert embeddings.hardest() == [] and embeddings.known_objects() == [] and embeddings.source_paths() == {}
        embeddings.keep_likenesses([])


def test_every_negative_is_known_by_its_hardest_false_positive(opened: Embeddings, bank: BankWriter) -> None:
    judge(bank.folder, 2, "target")
    found = opened.hardest()
    assert [each.score for each in found] == [0.9, 0.9, 0.8]
    assert [each.sha256 for each in found[:2]] == sorted(sha256_of(data) for data in (b"one", b"three"))
    last = found[-1]
    assert (last.id, last.review, last.class_name, last.box_xyxy) == (2, "target", "cat", (20, 20, 30, 30))
    assert (last.source, last.source_wh, last.rect) == (Path("/pictures/a.jpg"), (100, 80), Rect(10, 10, 50, 50))
    assert last.path.read_bytes() == b"two"
    assert opened.source_paths()[last.source_sha256] == [Path("/pictures/a.jpg")]


def test_objects_are_known_but_for_difficult_ones_and_crowds(bank: BankWriter, store: Store, image: Make) -> None:
    boxes = [(60, 60, 70, 75), (1, 2, 3, 4), (5, 6, 7, 8)]
    truth = GroundTruth.of(boxes, ["cat"] * 3, difficult=[False, True, False], crowd=[False, False, True])
    store(image("c.jpg", truth=truth, truth_hash="x"))
    with Embeddings(bank.folder) as embeddings:
        assert embeddings.known_objects() == [
            KnownObject(Path("/pictures/c.jpg"), sha256_of(b"c.jpg"), (100, 80), "cat", (60, 60, 70, 75))
        ]


def test_vectors_come_back_under_their_key_and_box(opened: Embeddings) -> None:
    one, *_ = opened.hardest()
    opened.keep_vectors("key", [(one, VECTOR)], {("ab" * 32, (1.0, 2.0, 3.0, 4.0)): VECTOR})
    (kept,) = opened.negative_vectors("key", SIZE).items()
    assert kept[0] == (one.id, one.box_xyxy) and kept[1].tolist() == VECTOR.tolist()
    assert opened.object_vectors("key", SIZE)["ab" * 32, (1, 2, 3, 4)].tolist() == VECTOR.tolist()
    assert opened.negative_vectors("other", SIZE) == {} == opened.object_vectors("other", SIZE)
    opened.keep_vectors("key", [(one, VECTOR[::-1])], {})
    assert [each.tolist() for each in opened.negative_vectors("key", SIZE).values()] == [VECTOR[::-1].tolist()]


def test_damaged_vectors_are_none(opened: Embeddings) -> None:
    first, second, third = opened.hardest()
    broken = np.array([np.nan, 1, 1, 1], dtype=np.float16)
    opened.keep_vectors("key", [(first, broken), (second, VECTOR[:3]), (third, VECTOR)], {})
    assert list(opened.negative_vectors("key", SIZE)) == [(third.id, third.box_xyxy)]


def test_vectors_go_with_their_negative(opened: Embeddings, bank: BankWriter, store: Store, image: Make) -> None:
    every = opened.hardest()
    opened.keep_vectors("key", [(each, VECTOR) for each in every], {})
    opened.keep_likenesses(Likeness(each.id, each.sha256, 0.5, 1, 1) for each in every)
    store(image("a.jpg", negatives=(b"four",)))
    left = {each.id for each in opened.hardest()}
    assert {number for number, _ in opened.negative_vectors("key", SIZE)} == {3} < left
    rows = list(opened.query("SELECT negative_id, unlabelled, cluster FROM likenesses"))
    assert rows == [(3, 0.5, 1), (4, 0.5, None)]  # the new one is at the place of one that is gone


def test_a_negative_that_is_gone_meanwhile_gets_nothing_nor_does_another_of_its_number(
    opened: Embeddings, bank: BankWriter, store: Store, image: Make
) -> None:
    before = opened.hardest()
    store(image("b.jpg"))
    store(image("c.jpg", negatives=(b"four",)))
    assert 3 in {each.id for each in opened.hardest()}
    opened.keep_vectors("key", [(each, VECTOR) for each in before], {})
    opened.keep_likenesses(Likeness(each.id, each.sha256, None, 1, 1) for each in before)
    assert {number for number, _ in opened.negative_vectors("key", SIZE)} == {1, 2}
    assert browse(bank, NegativeFilter(cluster=1)) == [1, 2]


def test_another_box_has_no_vector(opened: Embeddings, store: Store, image: Make) -> None:
    """A run of other weights finds something harder in the same negative."""
    every = opened.hardest()
    opened.keep_vectors("key", [(each, VECTOR) for each in every], {})
    scanned = image("b.jpg", negatives=(b"three",))
    harder = replace(scanned.detections[0], score=0.95, box_xyxy=(22, 20, 30, 30))
    store(replace(scanned, detections=(harder,)), record=replace(RUN, weights_sha256="cd" * 32))
    hardest = opened.hardest()[0]
    assert (hardest.id, hardest.score) == (3, 0.95)
    assert (3, hardest.box_xyxy) not in opened.negative_vectors("key", SIZE)


def test_likenesses_replace_those_before_but_for_what_cannot_be_told_now(opened: Embeddings, bank: BankWriter) -> None:
    every = opened.hardest()
    opened.keep_likenesses(Likeness(each.id, each.sha256, each.id / 10, 1, each.id) for each in every)
    assert browse(bank, sort="unlabelled") == [3, 2, 1]
    opened.keep_likenesses([Likeness(1, every[0].sha256 if every[0].id == 1 else every[1].sha256, None, 2, 2)])
    with Bank(bank.folder) as reader:
        assert list(reader.query("SELECT * FROM likenesses")) == [
            (1, 0.1, 2, 2),
            (2, 0.2, None, None),
            (3, 0.3, None, None),
        ]
        assert cluster_sizes(reader) == {2: 1} and likeness_of(reader, 2) == LikenessRow(0.2, None, None)
