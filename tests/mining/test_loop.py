"""The loop of a scan: reading ahead, examining and storing at the same time change nothing about the bank."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from banks import contents
from blobs import draw, find_squares, square_detector, voc_xml
from killing import until
from needs import NAMED_PIPES

from negmine.bank.records import ScannedImage, Stored
from negmine.bank.store import ImageStore
from negmine.bank.verify import verify
from negmine.detectors.base import BaseDetector, DetectorIdentity
from negmine.detectors.function import FunctionDetector
from negmine.mining import examining, loop, reading
from negmine.mining.config import ScanConfig
from negmine.mining.result import ScanProgress
from negmine.mining.scan import scan
from negmine.sources.base import ImageFile, SourceItem
from negmine.structures import Detections, Image


class Stopped(Exception):
    """What the detector below raises."""


def stopping(after: int, *, batch_size: int = 3) -> FunctionDetector:
    """The detector of squares, which gives up after so many images."""
    left = iter(range(after))

    def look(image: Image) -> Detections:
        if next(left, None) is None:
            raise Stopped
        return find_squares(image)

    return FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", batch_size=batch_size, key="1")


class Slow(BaseDetector):
    """Is interrupted as it is about to predict, forgets then what it was told, and predicts for long."""

    _class_names = MappingProxyType({0: "lamp"})
    _identity = DetectorIdentity("slow", "1")

    def __init__(self) -> None:
        self.given_up, self.seen = threading.Event(), list[bool]()

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.5)
        self.given_up.clear()
        self.seen.append(self.given_up.wait(10))
        raise InterruptedError

    def give_up(self) -> None:
        self.given_up.set()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures, with twins near and far from each other, and a broken one."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(40):
        draw(folder / f"{i:02d}.png", [(20 + i, 40, 40 + i, 60, 40 + i)] if i % 3 else [], seed=i)
    for twin, original in ((5, 4), (12, 1), (22, 20), (39, 2)):
        shutil.copy(folder / f"{original:02d}.png", folder / f"{twin:02d}.png")
    (folder / "17.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def undisturbed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The bank of one scan."""
    bank = tmp_path_factory.mktemp("undisturbed") / "bank"
    result = scan(pictures, square_detector(batch_size=3), bank=bank, config=ScanConfig(workers=1))
    assert (result.scanned, result.duplicates, len(result.skipped)) == (35, 4, 1)
    return contents(bank)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_and_batches_do_not_matter_with_twins(
    pictures: Path, undisturbed: dict[str, object], tmp_path: Path, workers: int, batch_size: int
) -> None:
    scan(pictures, square_detector(batch_size=batch_size), bank=tmp_path / "bank", config=ScanConfig(workers=workers))
    assert contents(tmp_path / "bank") == undisturbed


@pytest.mark.parametrize("after", [0, 1, 8, 9, 10, 17, 20, 26, 34])
def test_a_scan_whose_detector_stopped_anywhere_goes_on_to_the_same_bank(
    pictures: Path, undisturbed: dict[str, object], tmp_path: Path, after: int
) -> None:
    for _ in range(2):
        with pytest.raises(Stopped):
            scan(pictures, stopping(after // 2), bank=tmp_path / "bank")
    scan(pictures, square_detector(batch_size=3), bank=tmp_path / "bank")
    assert contents(tmp_path / "bank") == undisturbed


@pytest.fixture(scope="module")
def labelled_twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty labelled pictures; two have twins in other chunks that are labelled otherwise."""
    root = tmp_path_factory.mktemp("labelled")
    for i in range(40):
        draw(root / "images" / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i), (130, 20, 150, 40, 60)], seed=i)
        voc_xml(root / "annotations" / f"{i:02d}.xml", f"{i:02d}.png", [("lamp", 61, 41, 80, 60)] if i % 2 else [])
    for twin, original in ((13, 2), (30, 2), (38, 20)):
        shutil.copy(root / "images" / f"{original:02d}.png", root / "images" / f"{twin:02d}.png")
        voc_xml(root / "annotations" / f"{twin:02d}.xml", f"{twin:02d}.png", [("lamp", 131 - twin // 30, 21, 150, 40)])
    return root


@pytest.mark.parametrize("after", range(0, 37, 3))
def test_a_stopped_scan_goes_on_to_the_same_bank_where_twins_are_labelled_otherwise(
    labelled_twins: Path, tmp_path: Path, after: int
) -> None:
    images, labels = labelled_twins / "images", labelled_twins
    undisturbed = scan(images, square_detector(batch_size=3), bank=tmp_path / "undisturbed", truth=labels)
    assert (undisturbed.scanned, undisturbed.duplicates) == (37, 3)  # each content once, with all its labels
    with pytest.raises(Stopped):
        scan(images, stopping(after), bank=tmp_path / "bank", truth=labels)
    scan(images, square_detector(batch_size=3), bank=tmp_path / "bank", truth=labels)
    assert contents(tmp_path / "bank") == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("after", [0, 1, 13, 30, 39])
def test_a_scan_that_is_stopped_while_labels_are_registered_resumes_to_the_same_bank(
    labelled_twins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    images, labels = labelled_twins / "images", labelled_twins
    register, calls = ImageStore.register, itertools.count()

    def interrupted(self: ImageStore, *given: Any) -> int:
        if next(calls) == after:
            raise KeyboardInterrupt
        return register(self, *given)

    monkeypatch.setattr(loop, "_SLICE", 8)  # so that some were committed before
    scan(images, square_detector(batch_size=3), bank=tmp_path / "undisturbed", truth=labels)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ImageStore, "register", interrupted)
        scan(images, square_detector(batch_size=3), bank=tmp_path / "bank", truth=labels)
    scan(images, square_detector(batch_size=3), bank=tmp_path / "bank", truth=labels)
    assert contents(tmp_path / "bank") == contents(tmp_path / "undisturbed")


def test_a_labelled_file_that_changes_behind_its_registration_is_scanned_as_it_is_now(tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "annotations"
    for i in range(64):
        draw(images / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i % 50)], seed=i)
        voc_xml(labels / f"{i:02d}.xml", f"{i:02d}.png", [("lamp", 1, 1, 9, 9)])
    changes = iter([True])

    def look(image: Image) -> Detections:
        if next(changes, False):  # by now all are registered, and the last are not read again yet
            draw(images / "63.png", [(130, 20, 150, 40, 90)], seed=99)
        return find_squares(image)

    detector = FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", batch_size=1, key="1")
    result = scan(images, detector, bank=tmp_path / "bank", truth=tmp_path)
    assert (result.scanned, result.skipped, result.hardest[0].score) == (64, (), 0.9)
    assert scan(images, square_detector(), bank=tmp_path / "bank", truth=tmp_path).unchanged == 64


def test_an_interrupt_while_a_chunk_is_stored_lets_no_later_chunk_overtake_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(32):
        draw(tmp_path / "in" / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i)], seed=i)
    store, calls = ImageStore.store, itertools.count()
    looked: list[int] = []

    def interrupted(self: ImageStore, run_id: int, image: ScannedImage) -> Stored:
        if next(calls) == 1:
            until(lambda: len(looked) >= 16)  # the next chunk is examined by then
            raise KeyboardInterrupt
        return store(self, run_id, image)

    def look(image: Image) -> Detections:
        looked.append(len(looked))
        return find_squares(image)

    detector = FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", batch_size=1, key="1")
    scan(tmp_path / "in", detector, bank=tmp_path / "undisturbed")
    looked.clear()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ImageStore, "store", interrupted)
        scan(tmp_path / "in", detector, bank=tmp_path / "bank")
    scan(tmp_path / "in", detector, bank=tmp_path / "bank")
    assert contents(tmp_path / "bank") == contents(tmp_path / "undisturbed")


def test_a_scan_that_is_stopped_confirms_no_more_crops(tmp_path: Path) -> None:
    for i in range(16):
        draw(tmp_path / "in" / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i)], seed=i)
    confirming, told = threading.Event(), itertools.count()
    looked: list[int] = []

    def look(image: Image) -> Detections:
        looked.append(len(looked))
        if len(looked) > 16:  # all pictures were seen, and this is a crop
            confirming.set()
            time.sleep(0.2)
        return find_squares(image)

    def stop(_: ScanProgress) -> None:
        if next(told) == 1:
            assert confirming.wait(30)
            raise KeyboardInterrupt

    detector = FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", batch_size=16, key="1")
    with pytest.raises(KeyboardInterrupt):
        scan(tmp_path / "in", detector, bank=tmp_path / "bank", config=ScanConfig(confirm=True), on_progress=stop)
    assert 16 < len(looked) < 22


def test_a_file_that_changes_during_a_scan_leaves_nothing_undone(tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "annotations"
    for i in range(24):
        draw(images / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i), (130, 20, 150, 40, 60)], seed=i)
        voc_xml(labels / f"{i:02d}.xml", f"{i:02d}.png", [("lamp", 61, 41, 80, 60)])
    shutil.copy(images / "08.png", images / "16.png")
    voc_xml(labels / "08.xml", "08.png", [("lamp", 131, 21, 150, 40)])
    scan(images, square_detector(), bank=tmp_path / "bank", truth=tmp_path)

    def look(image: Image) -> Detections:
        draw(images / "08.png", [(60, 40, 80, 60, 99)], seed=99)  # so that 16.png has labels of its own alone
        return find_squares(image)

    draw(images / "00.png", [(60, 40, 80, 60, 98)], seed=98)
    detector = FunctionDetector(look, {0: "lamp", 1: "sign"}, name="squares", batch_size=1, key="1")
    scan(images, detector, bank=tmp_path / "bank", truth=tmp_path)
    again = scan(images, square_detector(), bank=tmp_path / "bank", truth=tmp_path)
    assert (again.scanned, again.unchanged) == (0, 24)


def test_what_was_finished_when_the_detector_stopped_is_kept(tmp_path: Path) -> None:
    for i in range(40):
        draw(tmp_path / "in" / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i)], seed=i)
    with pytest.raises(Stopped):
        scan(tmp_path / "in", stopping(20, batch_size=1), bank=tmp_path / "bank")
    again = scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank")
    assert (again.unchanged, again.scanned) == (16, 24)  # the two chunks of eight before the one in which it stopped


def test_a_folder_that_was_moved_is_named_anew_and_not_scanned(pictures: Path, tmp_path: Path) -> None:
    bank, old = tmp_path / "bank", tmp_path / "old"
    shutil.copytree(pictures, old)
    first = scan(old, square_detector(), bank=bank)
    moved = old.rename(tmp_path / "new")
    result = scan(moved, square_detector(), bank=bank)
    assert (result.scanned, result.duplicates, result.total) == (0, 39, first.total)
    assert scan(moved, square_detector(), bank=bank).unchanged == 39 and verify(bank).ok


def test_pictures_of_an_earlier_run_are_scanned_for_another_and_nothing_is_withdrawn(
    pictures: Path, tmp_path: Path
) -> None:
    first = scan(pictures, square_detector(), bank=tmp_path / "bank")
    second = scan(pictures, square_detector(key="2"), bank=tmp_path / "bank")
    assert (second.scanned, second.unchanged) == (35, 4)  # twins were named before: known, and judged by their picture
    assert (second.added, second.withdrawn, second.total) == (0, 0, first.total)


def test_images_that_were_backgrounds_and_have_no_label_are_skipped_under_a_truth(tmp_path: Path) -> None:
    for name in "ab":
        draw(tmp_path / "set" / "images" / f"{name}.png", seed=ord(name))
    scan(tmp_path / "set" / "images", square_detector(), bank=tmp_path / "bank")
    voc_xml(tmp_path / "set" / "annotations" / "a.xml", "a.png", [("lamp", 61, 41, 80, 60)])
    result = scan(tmp_path / "set" / "images", square_detector(), bank=tmp_path / "bank", truth=tmp_path / "set")
    assert [(s.source.name, s.kind) for s in result.skipped] == [("b.png", "unlabelled")]


def test_of_many_images_only_the_changed_ones_are_scanned(tmp_path: Path) -> None:
    first = draw(tmp_path / "in" / "0000.png", [(60, 40, 80, 60, 50)])
    for i in range(1, 2100):  # more than two blocks of the survey
        os.link(first, tmp_path / "in" / f"{i:04d}.png")
    assert scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank").duplicates == 2099
    for i in (0, 1000, 1030, 2099):
        (tmp_path / "in" / f"{i:04d}.png").unlink()
        draw(tmp_path / "in" / f"{i:04d}.png", seed=i + 1)
    result = scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.unchanged, result.duplicates) == (4, 2096, 0)
    assert scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank").unchanged == 2100


@pytest.mark.parametrize(
    ("limit", "most"),
    [(1 << 30, 40), (1 << 18, 4)],  # four chunks of eight under way, and one to spare; of large ones what fits
)
def test_pictures_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    for i in range(120):
        draw(tmp_path / "in" / f"{i:03d}.png", [(60, 40, 80, 60, 40 + i % 50)], seed=i)
    seen: list[weakref.ref[Image]] = []
    alive: list[int] = []

    def look(image: Image) -> Detections:
        seen.append(weakref.ref(image))
        alive.append(sum(each() is not None for each in seen))
        return find_squares(image)

    monkeypatch.setattr(examining, "DECODING_BYTES", limit)
    scan(tmp_path / "in", FunctionDetector(look, {0: "lamp", 1: "sign"}), bank=tmp_path / "bank")
    assert len(alive) == 120 and max(alive) <= most


def test_a_detector_that_was_about_to_predict_when_interrupted_gives_up(pictures: Path, tmp_path: Path) -> None:
    detector = Slow()
    with pytest.raises(KeyboardInterrupt):
        scan(pictures, detector, bank=tmp_path / "bank")
    assert detector.seen == [True]


@pytest.mark.parametrize("kept", [0, 1 << 30])
def test_images_whose_bytes_are_read_again_give_the_same_bank(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    scan(pictures, square_detector(), bank=tmp_path / "whole")
    monkeypatch.setattr(reading, "_KEPT", kept)
    scan(pictures, square_detector(), bank=tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "whole")


def test_what_changes_before_it_is_read_again_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "in/a.png", [(60, 40, 80, 60, 90)], seed=1)
    monkeypatch.setattr(reading, "_KEPT", 0)
    read = iter([(tmp_path / "in/a.png").read_bytes(), b"something else"])

    @dataclass(frozen=True)
    class Item(ImageFile):
        def read(self) -> bytes:
            return next(read)

    class Changing:
        def items(self) -> Sequence[SourceItem]:
            return [Item(str(tmp_path / "in/a.png"))]

    result = scan(Changing(), square_detector(), bank=tmp_path / "bank")
    assert [each.reason for each in result.skipped] == ["it changed while it was scanned"]


@NAMED_PIPES
def test_pipes_in_lists_are_skipped_and_do_not_block(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", [(60, 40, 80, 60, 90)], seed=1)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "list.txt").write_text("pipe.png\na.png\n/dev/zero\n/\n")
    result = scan(tmp_path / "list.txt", square_detector(), bank=tmp_path / "bank")
    assert [each.reason for each in result.skipped] == [
        f"it is a {what}, not a file" for what in ("pipe", "device", "folder")
    ]
    assert result.scanned == 1
