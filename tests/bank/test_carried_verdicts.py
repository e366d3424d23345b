"""A verdict is about a place in an image: it outlives the negative, and is inherited by the next one there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from banks import RUN, judge

from negmine.bank.carried_verdicts import Doubt, _at
from negmine.bank.embeddings import Embeddings, Likeness
from negmine.bank.filters import ReviewState
from negmine.bank.records import ScannedImage
from negmine.bank.unlabelled_targets import marked_images
from negmine.bank.verdicts import Verdicts
from negmine.bank.writer import BankWriter
from negmine.errors import BankError
from negmine.structures import GroundTruth
from negmine.trainable import waiting_images

Make = Callable[..., ScannedImage]
Store = Callable[..., None]
OTHER = replace(RUN, weights="2.pt", weights_sha256="cd" * 32)


def moved(image: ScannedImage, by: float) -> ScannedImage:
    """The same image with its detections elsewhere; all are 10 x 10."""
    boxes = [tuple(value + by for value in each.box_xyxy) for each in image.detections]
    detections = tuple(replace(each, box_xyxy=box) for each, box in zip(image.detections, boxes, strict=True))  # type: ignore[arg-type]
    return replace(image, detections=detections)


def states(bank: BankWriter) -> list[ReviewState]:
    return [each.review for each in bank.negatives()]


def test_nothing_said_is_nothing_kept(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    with bank.transaction():
        bank.drop([1])
    assert bank.scalar("SELECT count(*) FROM doubts") == 0


@pytest.mark.parametrize(
    ("said", "after"), [("target", "target"), ("rejected", "rejected"), ("accepted", "unreviewed")]
)
def test_a_negative_that_comes_back_has_its_doubt(
    bank: BankWriter, store: Store, image: Make, said: ReviewState, after: ReviewState
) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    judge(bank.folder, 1, said)
    with bank.transaction():
        bank.drop([1])
    assert bool(marked_images(bank)) == (said == "target")
    store(image("a.jpg", negatives=(b"one",)))
    assert states(bank) == [after]


@pytest.mark.parametrize(("by", "state"), [(0, "rejected"), (1, "rejected"), (2, "unreviewed")])
def test_another_run_that_fires_at_the_same_place_inherits_the_doubt(
    bank: BankWriter, store: Store, image: Make, by: float, state: ReviewState
) -> None:
    """Two boxes of 10 x 10 that lie a pixel apart in both directions have an IoU of 81/119; two pixels, of 64/136."""
    store(image("a.jpg", negatives=(b"one",)))
    judge(bank.folder, 1, "rejected")
    other = image("a.jpg", negatives=(b"another cut",))
    store(moved(other, by), record=OTHER)
    assert states(bank) == ["rejected", state]


def test_a_run_that_no_longer_fires_leaves_the_doubt(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    judge(bank.folder, 1, "target")
    store(image("a.jpg"))
    assert states(bank) == []
    assert waiting_images(bank) == {marked_images(bank)[0].sha256}
    store(image("a.jpg", negatives=(b"another cut",)))
    assert states(bank) == ["target"]


def test_a_label_beside_the_target_ends_the_negative_and_not_the_waiting(
    bank: BankWriter, store: Store, image: Make
) -> None:
    """The crop is (10, 10, 50, 50), the marked box (20, 20, 30, 30)."""
    store(image("a.jpg", negatives=(b"one",)))
    judge(bank.folder, 1, "target")
    neighbour = GroundTruth.of([(40, 40, 60, 60)], ["cat"])
    store(image("a.jpg", truth=neighbour, truth_hash="1"))
    assert states(bank) == [] and len(waiting_images(bank)) == 1
    both = GroundTruth.of([(40, 40, 60, 60), (19, 19, 45, 45)], ["cat", "cat"])  # the detector saw a part of it
    store(image("a.jpg", truth=both, truth_hash="2"))
    assert waiting_images(bank) == frozenset()


def test_who_accepts_a_negative_settles_the_doubt_of_its_place(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    judge(bank.folder, 1, "target")
    store(image("a.jpg"))
    store(image("a.jpg", negatives=(b"another cut",)))
    (negative,) = bank.negatives()
    judge(bank.folder, negative.id, "accepted")
    assert marked_images(bank) == []


@pytest.mark.parametrize(("accepted", "inherits"), [(False, 0.99), (True, None)])
def test_what_looked_like_a_target_does_so_in_another_crop(
    bank: BankWriter, store: Store, image: Make, accepted: bool, inherits: float | None
) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    (negative,) = bank.negatives()
    with Embeddings(bank.folder) as opened:
        opened.keep_likenesses([Likeness(negative.id, negative.sha256, 0.99, 1, 1)])
    if accepted:
        judge(bank.folder, 1, "accepted")
    store(moved(image("a.jpg", negatives=(b"another cut",)), 1), record=OTHER)
    assert [each.unlabelled for each in bank.negatives()] == [0.99, inherits]


def test_undoing_acts_in_any_order_ends_where_it_began(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    with Verdicts(bank.folder) as verdicts:
        first = verdicts.decide([1], "accepted", origin="review")
        second = verdicts.decide([1], "rejected", origin="review")
        assert first is not None and second is not None
        verdicts.undo(first.id)
        assert states(bank) == ["rejected"]
        verdicts.undo(second.id)
        assert states(bank) == ["unreviewed"]


def test_a_number_that_belongs_to_another_negative_by_now_is_refused(
    bank: BankWriter, store: Store, image: Make
) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    (negative,) = bank.negatives()
    with Verdicts(bank.folder) as verdicts:
        with pytest.raises(BankError, match="1 negative changed since the page was drawn; look again"):
            verdicts.decide([1], "accepted", origin="review", sha256s={1: "ab" * 32})
        assert states(bank) == ["unreviewed"]
        assert verdicts.decide([1], "accepted", origin="review", sha256s={1: negative.sha256}) is not None


def test_any_number_of_doubts_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    doubts = [Doubt(0, 1, "target", None, "cat", 0.5, (x, 0.0, x + 10.0, 10.0)) for x in map(float, range(0, 200, 20))]
    places = [(1.0, 0.0, 11.0, 10.0), (100.0, 0.0, 110.0, 10.0), (500.0, 0.0, 510.0, 10.0)]
    monkeypatch.setattr("negmine.bank.carried_verdicts.MAX_PAIRS", 7)  # two doubts at a time
    assert _at(doubts, places) == [doubts[0], doubts[5]]
    assert _at([], places) == _at(doubts, []) == []
