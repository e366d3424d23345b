"""Pruning: what lost its file or its image goes, what may come back stays, and the bank is sound afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from banks import NATIVE, MakeBank, bank_maker, contents, copy_banks
from blobs import square_detector
from killing import Killed

from negmine.bank.bank import Bank
from negmine.bank.content_files import ContentFiles
from negmine.bank.filters import ReviewState
from negmine.bank.merging import merge_banks
from negmine.bank.pruning import Ground, prune
from negmine.bank.records import Negative
from negmine.bank.vacuuming import vacuum
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, BankLockedError
from negmine.exporting.export import export
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bank."""
    folder = tmp_path_factory.mktemp("made")
    bank_maker(folder)(3)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A bank of three negatives, 000.png to 002.png."""
    copy_banks(made, tmp_path)
    return tmp_path / "bank"


def negatives(folder: Path) -> dict[str, Negative]:
    with Bank(folder) as bank:
        return {negative.source.name: negative for negative in bank.negatives()}


def grounds(folder: Path, **how: bool) -> dict[str, Ground]:
    with Bank(folder) as bank:
        names = {negative.id: negative.source.name for negative in bank.negatives()}
    return {names[each.id]: each.ground for each in prune(folder, **how).prunable}


def scan_again(folder: Path) -> None:
    scan([folder.parent / "bank-in"], square_detector(), bank=folder, config=ScanConfig(crop=NATIVE))


def test_a_sound_bank_loses_nothing(folder: Path) -> None:
    before = contents(folder)
    result = prune(folder, remove=True)
    assert (result.prunable, result.kept, result.is_done, contents(folder)) == ((), (), False, before)


def test_what_is_found_is_only_named_before_it_is_removed(folder: Path) -> None:
    negatives(folder)["001.png"].path.unlink()
    before = contents(folder)
    assert grounds(folder) == {"001.png": "file-gone"} and contents(folder) == before


def test_a_deleted_crop_is_removed_and_the_next_scan_brings_it_back(folder: Path, tmp_path: Path) -> None:
    was = negatives(folder)
    was["001.png"].path.unlink()
    with pytest.raises(BankError, match="is gone from the bank"):
        export(folder, tmp_path / "out")
    assert prune(folder, remove=True).is_done
    assert sorted(negatives(folder)) == ["000.png", "002.png"] and verify(folder).ok
    scan_again(folder)
    assert {name: each.sha256 for name, each in negatives(folder).items()} == {n: e.sha256 for n, e in was.items()}
    assert verify(folder).ok and export(folder, tmp_path / "out").negatives == 3


@pytest.mark.parametrize("state", ["unreviewed", "rejected"])
def test_a_merge_brings_back_what_was_removed_with_what_was_said_of_it(
    folder: Path, tmp_path: Path, state: ReviewState
) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    with Verdicts(folder) as verdicts:
        verdicts.decide([negatives(folder)["001.png"].id], state, origin="review")
    negatives(folder)["001.png"].path.unlink()
    prune(folder, remove=True)
    (merged,) = merge_banks(folder, [other]).merged
    assert merged.added == 1 and negatives(folder)["001.png"].review == state and verify(folder).ok
    after = contents(folder)
    merge_banks(folder, [other])
    assert contents(folder) == after


def test_a_merge_brings_back_no_likely_miss_twice(folder: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(folder / "bank.db")) as connection, connection:
        connection.execute(
            "INSERT INTO gaps (run_id, source_id, class_name, score, x1, y1, x2, y2)"
            " SELECT 1, id, 'square', 0.5, 0, 0, 9, 9 FROM sources"
        )
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    negatives(folder)["001.png"].path.unlink()
    prune(folder, remove=True)
    assert merge_banks(folder, [other]).merged[0].added == 1
    with closing(sqlite3.connect(folder / "bank.db")) as connection:
        assert connection.execute("SELECT count(*) FROM gaps").fetchone() == (3,)


def test_a_merge_keeps_what_the_other_bank_has_lost_too(make_bank: MakeBank, tmp_path: Path) -> None:
    folder = make_bank({"a.png": [(20, 20, 40, 40, 90), (150, 80, 170, 100, 50)]})
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    for place, index in ((folder, 0), (other, 1)):
        with Bank(place) as bank:
            list(bank.negatives())[index].path.unlink()
        prune(place, remove=True)
    merge_banks(folder, [other])
    with Bank(folder) as bank:
        assert len(list(bank.negatives())) == 1
    assert verify(folder).ok


def test_the_others_of_an_image_keep_their_verdicts(make_bank: MakeBank) -> None:
    folder = make_bank({"a.png": [(20, 20, 40, 40, 90), (150, 80, 170, 100, 50)]})
    with Verdicts(folder) as verdicts:
        hard, soft = list(verdicts.negatives())
        verdicts.decide([soft.id], "rejected", origin="review")
    hard.path.unlink()
    prune(folder, remove=True)
    scan_again(folder)
    with Bank(folder) as bank:
        assert [each.review for each in bank.negatives()] == ["unreviewed", "rejected"]


def test_a_damaged_crop_goes_too(folder: Path) -> None:
    negatives(folder)["000.png"].path.write_bytes(b"damaged")
    assert grounds(folder, remove=True) == {"000.png": "file-damaged"}
    assert verify(folder).ok and sorted(negatives(folder)) == ["001.png", "002.png"]


def test_a_prune_that_was_killed_before_it_removed_files_is_finished(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = next(iter(negatives(folder).values())).path
    damaged.write_bytes(b"damaged")

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ContentFiles, "remove", killed)
        with pytest.raises(Killed):
            prune(folder, remove=True)
    assert damaged.exists() and damaged not in [each.path for each in negatives(folder).values()]
    prune(folder)
    assert damaged.exists()
    prune(folder, remove=True)
    assert not damaged.exists() and verify(folder).ok


def test_a_variant_whose_file_is_gone_goes_alone(folder: Path) -> None:
    with BankWriter(folder, purpose="a test") as writer, writer.transaction():
        for number in (1, 2):
            writer.add_variant(number, writer.stage(bytes([number])), (40, 40), "blur", {"sigma": 1})
    with Bank(folder) as bank:
        next(bank.variants()).path.unlink()
    (found,) = prune(folder, remove=True).prunable
    with Bank(folder) as bank:
        assert found.is_variant and [each.negative_id for each in bank.variants()] == [2]
    assert len(negatives(folder)) == 3 and verify(folder).ok


def test_a_negative_whose_image_is_gone_or_changed_goes_unless_files_alone_are_looked_at(folder: Path) -> None:
    sources = {name: each.source for name, each in negatives(folder).items()}
    sources["000.png"].unlink()
    sources["001.png"].write_bytes(b"another")
    assert grounds(folder, files_only=True) == {}
    assert grounds(folder) == {"000.png": "source-gone", "001.png": "source-changed"}
    prune(folder, remove=True)
    assert list(negatives(folder)) == ["002.png"] and verify(folder).ok


def test_an_image_that_was_only_touched_is_there(folder: Path) -> None:
    source = negatives(folder)["000.png"].source
    source.touch()
    assert grounds(folder) == {}


def test_an_image_that_is_elsewhere_too_is_there(folder: Path, tmp_path: Path) -> None:
    source = negatives(folder)["000.png"].source
    shutil.copy(source, tmp_path / "copy.png")
    scan([tmp_path / "copy.png"], square_detector(), bank=folder, config=ScanConfig(crop=NATIVE))
    source.unlink()
    assert grounds(folder) == {}


@pytest.mark.parametrize("is_mounted_empty", [False, True])
def test_a_folder_that_is_gone_is_kept_unless_that_is_wanted(folder: Path, is_mounted_empty: bool) -> None:
    images = folder.parent / "bank-in"
    shutil.move(images, folder.parent / "elsewhere")
    if is_mounted_empty:
        images.mkdir()
    result = prune(folder, remove=True)
    assert (len(result.prunable), len(result.kept), len(negatives(folder))) == (0, 3, 3)
    result = prune(folder, remove=True, missing_folders=True)
    assert (len(result.prunable), result.kept, negatives(folder)) == (3, (), {}) and verify(folder).ok


def test_a_pruned_image_that_comes_back_is_mined_again(folder: Path) -> None:
    source = negatives(folder)["000.png"].source
    source.rename(folder.parent / "kept.png")
    prune(folder, remove=True)
    (folder.parent / "kept.png").rename(source)
    scan_again(folder)
    assert len(negatives(folder)) == 3


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("opens", ["hash_plain", "read_image"])
def test_what_cannot_be_read_now_is_named_and_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, opens: str, number: int
) -> None:
    for negative in negatives(folder).values():
        negative.source.touch()

    def failing(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(f"negmine.bank.pruning.{opens}", failing)
    result = prune(folder, remove=True, missing_folders=True)
    ground = {"hash_plain": "file-unreadable", "read_image": "source-unreadable"}[opens]
    assert [each.ground for each in result.unreadable] == [ground] * 3
    assert (result.prunable, result.kept, len(negatives(folder))) == ((), (), 3)


def test_a_folder_that_cannot_be_searched_now_is_not_taken_for_gone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    negatives(folder)["000.png"].source.unlink()

    def failing(path: bytes) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    monkeypatch.setattr(os, "scandir", failing)
    result = prune(folder, missing_folders=True)
    assert (result.prunable, [each.ground for each in result.unreadable]) == ((), ["source-unreadable"])


def test_what_was_not_named_is_not_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file goes while the bank is locked, after everything was looked at for the first time."""
    every = negatives(folder)
    every["000.png"].path.unlink()

    def locked_late(bank: Path, *, purpose: str) -> BankWriter:
        every["001.png"].path.unlink()
        return BankWriter(bank, purpose=purpose)

    monkeypatch.setattr("negmine.bank.pruning.BankWriter", locked_late)
    (removed,) = prune(folder, remove=True).prunable
    assert removed.sha256 == every["000.png"].sha256 and sorted(negatives(folder)) == ["001.png", "002.png"]


def test_nothing_is_removed_beside_a_scan(folder: Path) -> None:
    negatives(folder)["001.png"].path.unlink()
    with BankWriter(folder, purpose="negmine scan"):
        assert grounds(folder) == {"001.png": "file-gone"}
        with pytest.raises(BankLockedError, match="in use"):
            prune(folder, remove=True)


def test_a_vacuum_gives_space_back_and_changes_nothing_else(folder: Path) -> None:
    with BankWriter(folder, purpose="a test") as writer:
        with writer.transaction():
            for number in range(3000):
                writer.add_repeat(1, "blur", {"sigma": number})
        with writer.transaction():
            writer.drop([1])
    before = contents(folder)
    result = vacuum(folder)
    assert result.after < result.before - 50_000 and contents(folder) == before and verify(folder).ok


def test_no_bank_is_not_made_by_a_vacuum(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="does not exist"):
        vacuum(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
