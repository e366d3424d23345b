"""Merging banks: nothing twice, nothing lost, nothing that shows a target, no file that is not as its row says."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import NATIVE, bank_maker, contents, copy_banks, facts
from blobs import draw, square_detector
from killing import Killed

from negmine.bank.bank import Bank
from negmine.bank.content_files import ContentFiles
from negmine.bank.counts import cluster_sizes
from negmine.bank.embeddings import Embeddings, Likeness
from negmine.bank.filters import ConflictRule, ReviewState
from negmine.bank.merge_result import Conflict
from negmine.bank.merge_store import MergeStore
from negmine.bank.merging import merge_banks
from negmine.bank.other_bank import OtherSource
from negmine.bank.unlabelled_targets import marked_images
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, BankLockedError
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.trainable import trainable, waiting_images

ONE, TWO = (60, 40, 80, 60, 90), (150, 40, 170, 60, 70)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the banks."""
    folder = tmp_path_factory.mktemp("made")
    make = bank_maker(folder)
    make({"a.png": [ONE], "b.png": [TWO]}, "first")
    make({"a.png": [ONE], "c.png": [(20, 20, 60, 60, 50)]}, "second")  # a.png has the same seed
    make({f"{i}.png": [(20 * i, 20, 20 * i + 16, 40, 50)] for i in range(3)}, "third")
    return folder


@pytest.fixture
def banks(made: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two banks of two negatives each, one of which both have."""
    copy_banks(made, tmp_path)
    return tmp_path / "first", tmp_path / "second"


def states(folder: Path) -> dict[str, str]:
    with Bank(folder) as bank:
        return {negative.source.name: negative.review for negative in bank.negatives()}


def review(folder: Path, source: str, state: ReviewState) -> None:
    with Verdicts(folder) as verdicts:
        number = next(each.id for each in verdicts.negatives() if each.source.name == source)
        verdicts.decide([number], state, origin="review")


def copied(folder: Path, name: str) -> Path:
    return Path(shutil.copytree(folder, folder.parent / name))


def test_an_empty_bank_adds_nothing(banks: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = banks
    BankWriter(tmp_path / "empty", purpose="a test").close()
    before = contents(first)
    (merged,) = merge_banks(first, [tmp_path / "empty"]).merged
    assert (merged.added, merged.known, contents(first)) == (0, 0, before)


def test_a_merge_adds_what_is_new_and_again_nothing(banks: tuple[Path, Path]) -> None:
    first, second = banks
    other = contents(second)
    result = merge_banks(first, [second])
    (merged,) = result.merged
    assert (merged.added, merged.known, merged.unusable, result.negatives) == (1, 1, {}, 3)
    assert sorted(states(first)) == ["a.png", "b.png", "c.png"] and verify(first).ok
    after = contents(first)
    (again,) = merge_banks(first, [second]).merged
    assert (again.added, again.known, contents(first), contents(second)) == (0, 2, after, other)


def test_banks_are_merged_into_a_new_one(banks: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = banks
    review(second, "c.png", "rejected")
    result = merge_banks(tmp_path / "sites" / "new", [first, second])
    assert result.is_new and [each.added for each in result.merged] == [2, 1]
    merge_banks(first, [second])
    assert facts(tmp_path / "sites" / "new") == facts(first) and verify(tmp_path / "sites" / "new").ok
    assert not merge_banks(tmp_path / "sites" / "new", [second]).is_new


def test_no_bank_is_made_where_nothing_can_be_merged(banks: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "third" / "bank.db").write_bytes(b"no database" * 99)
    for other in ("none", "third"):
        with pytest.raises(BankError, match=f"{other}"):
            merge_banks(tmp_path / "new", [banks[0], tmp_path / other])
    assert not (tmp_path / "new").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(BankError, match="is not a bank and holds other things"):
        merge_banks(tmp_path / "full", [banks[0]])


@pytest.mark.parametrize("at_once", [1, 5000])
def test_verdicts_are_taken_some_at_a_time(
    banks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    first, second = banks
    review(first, "a.png", "accepted")
    review(second, "a.png", "target")
    whole = copied(first, "whole")
    merge_banks(whole, [second])
    monkeypatch.setattr("negmine.bank.merging._VERDICTS_AT_ONCE", at_once)
    merged = [merge_banks(first, [second]).merged[0] for _ in range(2)]
    assert [(each.verdicts, len(each.conflicts)) for each in merged] == [(1, 1), (0, 0)]
    assert facts(first) == facts(whole)


def test_a_merged_bank_is_the_same_whichever_comes_first(banks: tuple[Path, Path]) -> None:
    first, second = banks
    review(first, "a.png", "accepted")
    review(second, "a.png", "rejected")
    review(second, "c.png", "target")
    one, two = copied(first, "one"), copied(second, "two")
    merge_banks(one, [second])
    merge_banks(two, [first])
    assert facts(one) == facts(two)
    assert states(one) == {"a.png": "rejected", "b.png": "unreviewed", "c.png": "target"}


def test_what_was_merged_is_known_to_the_next_scan(banks: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = banks
    merge_banks(first, [second])
    before = facts(first)
    result = scan([tmp_path / "second-in"], square_detector(), bank=first, config=ScanConfig(crop=NATIVE))
    assert (result.scanned, result.unchanged) == (0, 2) and facts(first) == before


@pytest.mark.parametrize(
    ("rule", "own", "theirs", "kept"),
    [
        ("safer", "accepted", "rejected", "rejected"),
        ("safer", "target", "rejected", "target"),
        ("own", "accepted", "rejected", "accepted"),
        ("theirs", "rejected", "accepted", "accepted"),
    ],
)
def test_verdicts_that_contradict_are_named(
    banks: tuple[Path, Path], rule: ConflictRule, own: ReviewState, theirs: ReviewState, kept: ReviewState
) -> None:
    first, second = banks
    review(first, "a.png", own)
    review(second, "a.png", theirs)
    (merged,) = merge_banks(first, [second], conflicts=rule).merged
    (conflict,) = merged.conflicts
    assert conflict == Conflict(conflict.sha256, own, theirs, kept) and merged.verdicts == (own != kept)
    assert states(first)["a.png"] == kept


@pytest.mark.parametrize("rule", ["safer", "own", "theirs"])
def test_a_verdict_that_one_bank_has_is_no_conflict(banks: tuple[Path, Path], rule: ConflictRule) -> None:
    first, second = banks
    review(second, "a.png", "accepted")
    (merged,) = merge_banks(first, [second], conflicts=rule).merged
    assert merged.conflicts == () and merged.verdicts == 1 and states(first)["a.png"] == "accepted"
    with Verdicts(first) as verdicts:  # it can be taken back like any other
        assert verdicts.undo() is not None
    assert states(first)["a.png"] == "unreviewed"


def label(folder: Path, source: str, box: tuple[int, int, int, int]) -> None:
    """Tell a bank of an object, as a scan of labels that were there from the beginning."""
    with closing(sqlite3.connect(folder / "bank.db", isolation_level=None)) as connection:
        question = "SELECT source_id FROM items WHERE path LIKE ?"
        (number,) = connection.execute(question, (f"%{source}",)).fetchone()
        connection.execute("INSERT INTO truths (source_id, hash) VALUES (?, 'h')", (number,))
        connection.execute("INSERT INTO objects SELECT NULL, id, 'cat', 0, 0, ?, ?, ?, ? FROM truths", box)


def test_a_negative_that_shows_an_object_of_this_bank_is_not_taken(banks: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = banks
    draw(tmp_path / "c" / "c.png")  # the labels of this bank are of the image that the other mined
    shutil.copy(tmp_path / "second-in" / "c.png", tmp_path / "c" / "c.png")
    scan([tmp_path / "c"], square_detector(key="2"), bank=first, config=ScanConfig(crop=NATIVE))
    with BankWriter(first, purpose="a test") as writer, writer.transaction():
        writer.drop([each.id for each in writer.negatives() if each.source.name == "c.png"])
    label(first, "c.png", (30, 30, 40, 40))
    (merged,) = merge_banks(first, [second]).merged
    assert (merged.added, len(merged.refused)) == (0, 1) and "c.png" not in states(first) and verify(first).ok


def test_an_object_of_the_other_bank_withdraws_a_negative_here(banks: tuple[Path, Path]) -> None:
    first, second = banks
    label(second, "a.png", (62, 42, 70, 50))
    (merged,) = merge_banks(first, [second]).merged
    assert len(merged.withdrawn) == 1 and sorted(states(first)) == ["b.png", "c.png"] and verify(first).ok
    assert merge_banks(first, [second]).merged[0].added == 0
    assert sorted(states(first)) == ["b.png", "c.png"]


@pytest.mark.parametrize("key", ["1", "2"])
def test_a_label_of_the_other_bank_outlives_scans_without_labels(banks: tuple[Path, Path], key: str) -> None:
    """Both banks know the same file, and only the other one its label."""
    first, _ = banks
    other = copied(first, "other")
    label(other, "a.png", (62, 42, 70, 50))
    with closing(sqlite3.connect(other / "bank.db", isolation_level=None)) as connection:
        connection.execute("UPDATE items SET truth_hash = 'h' WHERE path LIKE '%a.png'")
    merge_banks(first, [other])
    with Bank(first) as bank:
        assert [path.name for path in bank.backgrounds()] == ["b.png"]
    for _ in range(2):
        scan([first.parent / "first-in"], square_detector(key=key), bank=first, config=ScanConfig(crop=NATIVE))
        assert list(states(first)) == ["b.png"] and verify(first).ok


def likely(folder: Path, **unlabelled: float) -> dict[str, float | None]:
    """Store how much negatives look like unlabelled targets, if any are given, and return what the bank says."""
    with Embeddings(folder) as bank:
        if unlabelled:
            rows = [(each, unlabelled[each.source.stem]) for each in bank.negatives() if each.source.stem in unlabelled]
            bank.keep_likenesses(Likeness(each.id, each.sha256, value, 1, 1) for each, value in rows)
        return {each.source.stem: each.unlabelled for each in bank.negatives()}


@pytest.mark.parametrize(("own", "kept"), [(0.5, 0.99), (0.995, 0.995)])
def test_what_the_other_bank_holds_back_is_held_back_here(banks: tuple[Path, Path], own: float, kept: float) -> None:
    first, second = banks
    likely(first, a=own)
    likely(second, a=0.99, c=0.999)
    for _ in range(2):
        merge_banks(first, [second])
        assert likely(first) == {"a": kept, "b": None, "c": 0.999}
    with Bank(first) as bank:
        assert [each.source.name for each in trainable(bank)[0]] == ["b.png"]
        assert cluster_sizes(bank) == {1: 1}


def test_a_negative_without_a_place_in_its_image_is_not_taken(banks: tuple[Path, Path]) -> None:
    first, second = banks
    with closing(sqlite3.connect(second / "bank.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM crops")
    (merged,) = merge_banks(first, [second]).merged
    assert set(merged.unusable.values()) == {"its bank does not say where in its image it was cut"}
    assert (merged.added, len(merged.unusable), sorted(states(first))) == (0, 2, ["a.png", "b.png"])
    assert verify(first).ok


def test_labels_are_taken_before_negatives(banks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at the first file of a negative, a merge has withdrawn what the labels of the other bank forbid."""
    first, second = banks
    label(second, "a.png", (62, 42, 70, 50))
    undisturbed = copied(first, "undisturbed")
    merge_banks(undisturbed, [second])

    def killed(self: ContentFiles, *given: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ContentFiles, "place", killed)
        with pytest.raises(Killed):
            merge_banks(first, [second])
    assert sorted(states(first)) == ["b.png"] and verify(first).ok
    merge_banks(first, [second])
    assert facts(first) == facts(undisturbed)


def test_a_verdict_waits_for_some_labels_alone(banks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """While a merge takes the labels of one image after another, those that it has taken are there for all to see."""
    first, second = banks
    there, taken = list[int](), MergeStore.label

    def label_and_look(self: MergeStore, source: OtherSource) -> set[int]:
        with Bank(first) as bank:
            there.append(int(bank.scalar("SELECT count(*) FROM sources") or 0))
        return taken(self, source)

    monkeypatch.setattr("negmine.bank.merging._LABELS_AT_ONCE", 1)
    monkeypatch.setattr(MergeStore, "label", label_and_look)
    merge_banks(first, [copied(second, "other"), second.parent / "third"])
    assert sorted(there) == there and there[-1] == 5


Damage = Callable[[Path], object]


def grey_jpeg(side: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((side, side, 3), 90, np.uint8))[1])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "it is gone"),
        (lambda path: path.write_bytes(b"other"), "its bytes do not have the hash that its bank states"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), "it is a link, not a file"),
    ],
)
def test_a_file_that_is_not_as_stated_is_left_out_and_named(
    banks: tuple[Path, Path], damage: Damage, reason: str
) -> None:
    first, second = banks
    with Bank(second) as bank:
        path = next(each.path for each in bank.negatives() if each.source.name == "c.png")
    damage(path)
    (merged,) = merge_banks(first, [second]).merged
    assert dict(merged.unusable) == {path.relative_to(second).as_posix(): reason}
    assert merged.added == 0 and verify(first).ok


def test_a_hash_that_does_not_fit_to_the_pixels_is_computed_anew(banks: tuple[Path, Path]) -> None:
    first, second = banks
    with closing(sqlite3.connect(second / "bank.db", isolation_level=None)) as connection:
        connection.execute("UPDATE negatives SET phash = '0123456789abcdef'")
    merge_banks(first, [second])
    with Bank(first) as bank:
        assert 0x0123456789ABCDEF not in bank.perceptual_hashes().values()


def test_variants_come_with_their_negatives(banks: tuple[Path, Path]) -> None:
    first, second = banks
    with BankWriter(second, purpose="a test") as writer, writer.transaction():
        for negative in list(writer.negatives()):
            side = 20 + negative.id
            writer.add_variant(negative.id, writer.stage(grey_jpeg(side)), (side, side), "blur", {"sigma": 1.5})
            writer.add_repeat(negative.id, "blur", {"sigma": 0.0})
    (merged,) = merge_banks(first, [second]).merged
    assert merged.variants == 2 and verify(first).ok
    with Bank(first) as bank:
        assert [(each.operation, dict(each.parameters)) for each in bank.variants()] == [("blur", {"sigma": 1.5})] * 2
    assert merge_banks(first, [second]).merged[0].variants == 0


@pytest.mark.parametrize("placed", [0, 1, 2])
def test_a_merge_that_is_killed_is_finished_by_the_next(
    banks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, placed: int
) -> None:
    first, second = banks[0], banks[0].parent / "third"
    review(second, "1.png", "rejected")
    undisturbed = copied(first, "undisturbed")
    merge_banks(undisturbed, [second])
    place, count = ContentFiles.place, 0

    def killed(self: ContentFiles, *given: object) -> None:
        nonlocal count
        if count == placed:
            raise Killed
        count += 1
        place(self, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("negmine.bank.merging._AT_ONCE", 1)
        patch.setattr(ContentFiles, "place", killed)
        with pytest.raises(Killed):
            merge_banks(first, [second])
    assert verify(first).ok and len(states(first)) == 2 + placed
    merge_banks(first, [second])
    assert facts(first) == facts(undisturbed)


def test_what_cannot_be_merged_is_one_line_and_nothing_is_taken(banks: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = banks
    before = contents(first)
    with pytest.raises(BankError, match="does not exist"):
        merge_banks(first, [second, tmp_path / "none"])
    with pytest.raises(BankError, match="cannot be merged into itself"):
        merge_banks(first, [second, tmp_path / "second" / ".." / "first"])
    with BankWriter(second, purpose="a test"), pytest.raises(BankLockedError, match="second is in use"):
        merge_banks(first, [second])
    assert contents(first) == before


def test_a_target_whose_file_is_gone_there_is_still_one_here(banks: tuple[Path, Path]) -> None:
    first, second = banks
    review(second, "c.png", "target")
    with Bank(second) as bank:
        next(each for each in bank.negatives() if each.source.name == "c.png").path.unlink()
    merge_banks(first, [second])
    with Bank(first) as bank:
        assert [box.box_xyxy[:2] for image in marked_images(bank) for box in image.boxes] == [(20, 20)]
        assert len(waiting_images(bank)) == 1


def test_a_verdict_is_taken_by_place_where_the_files_differ(banks: tuple[Path, Path]) -> None:
    """As if another version had encoded the crop: the same run and image, other bytes."""
    first, second = banks
    review(second, "a.png", "target")
    with closing(sqlite3.connect(second / "bank.db")) as connection, connection:
        connection.execute(
            "UPDATE negatives SET sha256 = ?, file = ? WHERE id IN (SELECT negative_id FROM reviews)",
            ("ab" * 32, f"negatives/ab/{'ab' * 32}.jpg"),
        )
    assert merge_banks(first, [second]).merged[0].verdicts == 1
    assert states(first)["a.png"] == "target"
