"""The bank: rows and files appear together or not at all, and labels keep targets out of negatives."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from banks import judge
from needs import NOT_ROOT, PROC

from negmine import files
from negmine.bank.bank import Bank
from negmine.bank.records import KnownSource, RunRecord, ScannedImage
from negmine.bank.schema import MIGRATIONS
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.errors import BankError, BankLockedError, BankVersionError
from negmine.files import sha256_of
from negmine.structures import GroundTruth

Make = Callable[..., ScannedImage]
Store = Callable[..., None]


def _files(bank: BankWriter) -> list[str]:
    return sorted(p.relative_to(bank.folder).as_posix() for p in bank.folder.glob("*/*/*"))


def _kept(bank: BankWriter) -> list[str]:
    return [negative.sha256 for negative in bank.negatives()]


def test_a_new_bank_is_empty_and_opens_for_reading(bank: BankWriter) -> None:
    with Bank(bank.folder) as reader:
        assert list(reader.negatives()) == [] and list(reader.variants()) == []


def test_a_negative_comes_back_with_where_it_came_from(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"jpeg",)))
    (negative,) = bank.negatives()
    assert negative.path.read_bytes() == b"jpeg"
    assert negative.path.name == f"{sha256_of(b'jpeg')}.jpg"
    assert (negative.source, negative.rect, negative.size_wh) == (
        Path("/pictures/a.jpg"),
        Rect(10, 10, 50, 50),
        (40, 40),
    )
    assert (negative.score, negative.class_name, negative.review) == (0.9, "cat", "unreviewed")


def test_negatives_come_hardest_first(bank: BankWriter, store: Store, image: Make) -> None:
    soft = image("a.jpg", negatives=(b"soft",))
    soft = replace(soft, detections=tuple(replace(d, score=0.3) for d in soft.detections))
    store(soft, image("b.jpg", negatives=(b"hard", b"middle")))
    assert _kept(bank) == [sha256_of(b"hard"), sha256_of(b"middle"), sha256_of(b"soft")]


@pytest.mark.parametrize(
    "name", ["a b.jpg", "a\nb.jpg", "\u00fc.jpg", os.fsdecode(b"\xff\xfe.jpg"), "\\udcff.jpg", "[bold]x[bold].jpg"]
)
def test_names_of_any_bytes_come_back(bank: BankWriter, store: Store, image: Make, name: str) -> None:
    store(image(name, negatives=(b"jpeg",)))
    (negative,) = bank.negatives()
    assert negative.source == Path("/pictures") / name
    known = bank.known_items(1, [f"/pictures/{name}"])[0]
    assert known is not None and known.record.key == f"/pictures/{name}" and known.done


def test_an_error_in_a_transaction_leaves_neither_row_nor_file(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"first",)))
    before = _files(bank)
    run_id = bank.begin_run(RunRecord("best.pt", "cd" * 32, {0: "cat"}, {}, {}, {}))
    with pytest.raises(KeyboardInterrupt), bank.transaction():
        bank.store(run_id, image("b.jpg", negatives=(b"second",)))
        assert len(_files(bank)) == 2
        raise KeyboardInterrupt
    assert _files(bank) == before and _kept(bank) == [sha256_of(b"first")]
    assert not (bank.folder / "tmp").exists() or not any((bank.folder / "tmp").iterdir())


def test_an_image_that_withdraws_nothing_does_not_search_the_variants(
    bank: BankWriter, store: Store, image: Make
) -> None:
    asked = list[str]()
    bank._connection.set_trace_callback(asked.append)
    store(image("a.jpg", negatives=(b"first",)))
    bank._connection.set_trace_callback(None)
    assert asked and not [each for each in asked if "FROM variants" in each and "onto" in each]  # of maybe a million


def test_an_interrupt_right_behind_the_beginning_leaves_no_transaction_open(
    bank: BankWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = bank._connection

    class Interrupted:
        in_transaction = True

        def execute(self, question: str, *values: object) -> sqlite3.Cursor:
            cursor = connection.execute(question, *values)
            if question.startswith("BEGIN"):
                raise KeyboardInterrupt
            return cursor

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(bank, "_connection", Interrupted())
        with bank.transaction():
            raise AssertionError("it was interrupted before")
    with bank.transaction():
        assert connection.in_transaction


def test_storing_the_same_again_changes_nothing(bank: BankWriter, store: Store, image: Make) -> None:
    first = image("a.jpg", negatives=(b"one", b"two"))
    store(first)
    dump = list(bank._connection.iterdump())
    store(first)
    assert list(bank._connection.iterdump()) == dump


def test_the_same_bytes_from_two_images_are_one_negative_with_two_origins(
    bank: BankWriter, store: Store, image: Make
) -> None:
    store(image("a.jpg", negatives=(b"same",)), image("b.jpg", negatives=(b"same",)))
    assert bank.negative_count() == 1
    assert bank.scalar("SELECT count(*) FROM crops") == 2


def test_what_no_longer_fires_is_withdrawn_with_its_file(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"old",)))
    store(image("a.jpg", negatives=(b"new",)))
    assert _kept(bank) == [sha256_of(b"new")]
    assert len(_files(bank)) == 1


def test_what_another_run_still_finds_stays(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"old",)))
    store(image("a.jpg"), record=RunRecord("better.pt", "cd" * 32, {0: "cat"}, {}, {}, {}))
    assert _kept(bank) == [sha256_of(b"old")]


def test_labels_given_later_withdraw_a_negative_that_holds_a_target(
    bank: BankWriter, store: Store, image: Make
) -> None:
    store(image("a.jpg", negatives=(b"target in it",)), image("b.jpg", negatives=(b"fine",)))
    # The crop is columns and rows 10 to 49; the object begins inside pixel 49.
    labelled = image("a.jpg", truth=GroundTruth.of([(49.5, 49.5, 60, 60)], ["dog"]), truth_hash="t")
    store(labelled, record=RunRecord("better.pt", "cd" * 32, {0: "cat"}, {}, {}, {}))
    assert _kept(bank) == [sha256_of(b"fine")]
    assert len(_files(bank)) == 1


def test_labels_of_one_name_of_a_picture_hold_for_its_other_names(bank: BankWriter, store: Store, image: Make) -> None:
    truth = GroundTruth.of([(0, 0, 5, 5)], ["dog"], difficult=[True])
    store(image("a.jpg", content="same", truth=truth, truth_hash="t"))
    sha256 = sha256_of(b"same")
    known = bank.known_truth(sha256)
    assert known.class_names == ("dog",) and known.difficult.tolist() == [True]
    assert len(bank.known_truth(sha256_of(b"another"))) == 0


def test_corrected_labels_replace_those_of_the_same_file(bank: BankWriter, store: Store, image: Make) -> None:
    wrong, right = GroundTruth.of([(0, 0, 5, 5)], ["dog"]), GroundTruth.empty()
    store(image("a.jpg", truth=wrong, truth_hash="wrong"))
    key = bank.scalar("SELECT truth_key FROM sources")
    store(image("a.jpg", truth=right, truth_hash="right"))
    assert bank.scalar("SELECT count(*) FROM objects") == 0
    assert bank.scalar("SELECT truth_key FROM sources") != key


def test_a_run_is_done_with_a_file_until_its_labels_change(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", content="same"))
    known = bank.known_items(1, ["/pictures/a.jpg"])[0]
    assert known is not None and known.done and known.record.stamp.size == 123
    sources = bank.known_sources(1, [sha256_of(b"same"), sha256_of(b"another")])
    assert sources == {sha256_of(b"same"): KnownSource(done=True, labelled=False)}
    # Another name of the picture brings labels, under another run: the first run has not seen them.
    other = RunRecord("better.pt", "cd" * 32, {0: "cat"}, {}, {}, {})
    store(image("b.jpg", content="same", truth=GroundTruth.of([(0, 0, 5, 5)], ["dog"]), truth_hash="t"), record=other)
    known = bank.known_items(1, ["/pictures/a.jpg"])[0]
    assert known is not None and not known.done


def test_reviews_are_kept_and_change(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    for state in ("accepted", "rejected", "unreviewed", "target"):
        judge(bank.folder, 1, state)  # type: ignore[arg-type]
        assert next(bank.negatives()).review == state
    with pytest.raises(BankError, match="no negative 7"):
        judge(bank.folder, 7, "accepted")


def test_variants_go_with_their_negative(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    with bank.transaction():
        assert bank.add_variant(1, bank.stage(b"blurred"), (40, 40), "blur", {"sigma": 1.0})
        assert not bank.add_variant(1, bank.stage(b"blurred"), (40, 40), "blur", {"sigma": 1.01})
    (variant,) = bank.variants()
    assert variant.path.read_bytes() == b"blurred" and variant.parameters == {"sigma": 1.0}
    store(image("a.jpg"))
    assert list(bank.variants()) == [] and _files(bank) == []


def test_settings_make_a_run_and_versions_do_not(bank: BankWriter) -> None:
    base = RunRecord("best.pt", "ab" * 32, {0: "cat"}, {"conf": 0.25}, {}, {"torch": "1"})
    same = replace(base, weights="renamed.pt", versions={"torch": "2"})
    other = replace(base, detector_settings={"conf": 0.3})
    assert bank.begin_run(base) == bank.begin_run(same) != bank.begin_run(other)


def test_a_run_is_the_same_whatever_kind_of_mapping_describes_it(bank: BankWriter) -> None:
    parts: list[dict[Any, Any]] = [{0: "cat", 10: "dog", 2: "cow"}, {"conf": 0.25}, {"crop": "context"}]
    plain = bank.begin_run(RunRecord("best.pt", "ab" * 32, *parts, {}))
    assert bank.begin_run(RunRecord("best.pt", "ab" * 32, *map(MappingProxyType, parts), {})) == plain
    names = bank.scalar("SELECT class_names FROM runs WHERE id = ?", (plain,))
    assert json.loads(str(names)) == {"0": "cat", "10": "dog", "2": "cow"}


def test_the_lock_names_its_holder(bank: BankWriter) -> None:
    script = "import sys; from negmine.bank.writer import BankWriter; BankWriter(sys.argv[1], purpose='a second')"
    done = subprocess.run([sys.executable, "-c", script, str(bank.folder)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"process {os.getpid()} (a test)" in done.stderr


def test_a_lock_whose_holder_was_killed_is_free(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from negmine.bank.writer import BankWriter\n"
        "BankWriter(sys.argv[1], purpose='a victim'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "bank")], check=False)
    with BankWriter(tmp_path / "bank", purpose="an heir"):
        pass


def test_the_lock_is_released_with_the_bank(tmp_path: Path) -> None:
    BankWriter(tmp_path / "bank", purpose="first").close()
    with BankWriter(tmp_path / "bank", purpose="second"), pytest.raises(BankLockedError):
        BankWriter(tmp_path / "bank", purpose="third")
    assert sorted(p.name for p in (tmp_path / "bank").iterdir()) == ["bank.db", "bank.lock"]


def test_a_folder_of_other_things_is_no_place_for_a_bank(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(BankError, match=r"holds other things \(holiday.jpg"):
        BankWriter(tmp_path, purpose="a test")
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.jpg"]
    with pytest.raises(BankError, match=r"no bank.db"):
        Bank(tmp_path)
    with pytest.raises(BankError, match="is a file"):
        BankWriter(tmp_path / "holiday.jpg", purpose="a test")
    with pytest.raises(BankError, match="does not exist"):
        Bank(tmp_path / "nowhere")


def test_another_programs_database_is_not_a_bank(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bank.db") as connection:
        connection.execute("CREATE TABLE songs (title)")
    connection.close()
    before = (tmp_path / "bank.db").read_bytes()
    for opens in (Bank, lambda folder: BankWriter(folder, purpose="a test")):
        with pytest.raises(BankError, match="not a negmine bank"):
            opens(tmp_path)
    assert (tmp_path / "bank.db").read_bytes() == before


def test_garbage_is_not_a_bank(tmp_path: Path) -> None:
    (tmp_path / "bank.db").write_bytes(b"no database at all, but long enough to have a header" * 50)
    with pytest.raises(BankError, match="damaged or not an SQLite file"):
        BankWriter(tmp_path, purpose="a test")


def test_a_bank_of_a_newer_version_is_refused_unchanged(bank: BankWriter) -> None:
    bank._connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    bank.close()
    before = (bank.folder / "bank.db").read_bytes()
    for opens in (Bank, lambda folder: BankWriter(folder, purpose="a test")):
        with pytest.raises(BankVersionError, match="newer negmine"):
            opens(bank.folder)
    assert (bank.folder / "bank.db").read_bytes() == before


def test_a_full_disk_stores_nothing_and_says_what_to_do(
    bank: BankWriter, store: Store, image: Make, tmp_path: Path
) -> None:
    store(image("a.jpg", negatives=(b"first",)))
    bank.close()
    # A limit on the size of files stands in for the full disk: the write fails half-way, as it does there.
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "sys.path.insert(0, sys.argv[2]); from banks import RUN, make_image\n"
        "from negmine.bank.writer import BankWriter\n"
        "with BankWriter(sys.argv[1], purpose='a test') as bank:\n"
        "    run = bank.begin_run(RUN)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "    with bank.transaction():\n"
        "        bank.store(run, make_image('b.jpg', negatives=(b'x', bytes(2 << 20))))\n"
    )
    command = [sys.executable, "-c", script, str(bank.folder), str(Path(__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert os.strerror(errno.EFBIG) in done.stderr and "free some space" in done.stderr
    with Bank(bank.folder) as reader:
        assert [n.sha256 for n in reader.negatives()] == [sha256_of(b"first")]
    assert len(_files(bank)) == 1


@NOT_ROOT
def test_a_bank_can_be_read_where_nobody_can_write(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one",)))
    bank.close()
    bank.folder.chmod(0o555)
    try:
        with Bank(bank.folder) as reader:
            assert reader.negative_count() == 1
    finally:
        bank.folder.chmod(0o755)


def test_people_find_their_way_with_sqlite(bank: BankWriter, store: Store, image: Make) -> None:
    store(image("a.jpg", negatives=(b"one", b"two")))
    rows = list(bank.query("SELECT file, score, class_name, source, review FROM hardest"))
    assert rows[0][1:] == (0.9, "cat", "/pictures/a.jpg", "unreviewed")
    assert (bank.folder / rows[0][0]).read_bytes() == b"one"
    assert json.loads(str(bank.scalar("SELECT detector_settings FROM runs"))) == {"conf": 0.25}


def test_a_name_that_looks_like_the_escape_of_another_is_another(bank: BankWriter, store: Store, image: Make) -> None:
    store(image(os.fsdecode(b"\xff.jpg"), negatives=(b"one",)), image("\\udcff.jpg", negatives=(b"two",)))
    assert {n.source.name for n in bank.negatives()} == {os.fsdecode(b"\xff.jpg"), "\\udcff.jpg"}


@PROC
def test_a_system_without_syncfs_flushes_file_by_file(
    bank: BankWriter, store: Store, image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, real = list[Path](), os.fsync

    def fsync(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(files, "_syncfs", lambda: None)
    monkeypatch.setattr(os, "fsync", fsync)
    store(image("a.jpg", negatives=(b"one",)))
    (target,) = (bank.folder / "negatives").rglob("*.jpg")
    assert [name.suffix for name in names[:1]] == [".part"] and {target.parent, target.parent.parent} <= set(names)
    assert target.read_bytes() == b"one"


def test_a_file_system_that_cannot_be_flushed_is_an_error() -> None:
    sync = files._syncfs()
    if sync is None:
        pytest.skip("needs syncfs, as Linux has it")
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync(-1)
