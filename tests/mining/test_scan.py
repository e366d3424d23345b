"""The scan as a whole: what it counts, what it stores, and that nothing but the images decides about it."""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from banks import contents, keep_frame
from blobs import draw, find_squares, square_detector, voc_xml

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.datasets.open import open_truth
from negmine.detectors.function import FunctionDetector
from negmine.errors import ConfigError, DetectorError, SourceError, TruthError
from negmine.images import decode_image
from negmine.matching import Kind
from negmine.mining.config import CropConfig, OutputSize, ScanConfig
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.result import Device, ScanProgress
from negmine.mining.scan import scan
from negmine.structures import Detections, Image
from negmine.videos.config import Every, VideoConfig

OWN_SIZE = CropConfig(size=OutputSize("none"))


@pytest.fixture
def backgrounds(tmp_path: Path) -> Path:
    """Twenty pictures of which every second has a square, each surer than the last."""
    folder = tmp_path / "backgrounds"
    for i in range(20):
        draw(folder / f"{i:02d}.png", [(60, 40, 80, 60, 40 + i)] if i % 2 else [], seed=i)
    return folder


def test_backgrounds_without_false_positives_give_an_empty_bank(tmp_path: Path) -> None:
    result = scan(draw(tmp_path / "a.png"), square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.added, result.total, sum(result.kinds.values())) == (1, 0, 0, 0)
    assert verify(tmp_path / "bank").ok


def test_every_false_positive_becomes_a_negative_that_shows_it(backgrounds: Path, tmp_path: Path) -> None:
    result = scan(backgrounds, square_detector(), bank=tmp_path / "bank", config=ScanConfig(crop=OWN_SIZE))
    assert (result.scanned, result.with_false_positives, result.kinds[Kind.BACKGROUND]) == (20, 10, 10)
    assert [hard.score for hard in result.hardest] == [0.59, 0.57, 0.55, 0.53, 0.51]
    with Bank(tmp_path / "bank") as bank:
        for negative in bank.negatives():
            picture = decode_image(negative.path.read_bytes())
            assert negative.size_wh == (60, 60) == picture.shape[1::-1]  # three times the square's 20 pixels
            found = find_squares(picture)
            assert len(found) == 1 and np.allclose(found.boxes_xyxy, [[20, 20, 40, 40]], atol=2)
    assert verify(tmp_path / "bank").ok


def test_it_is_said_where_each_false_positive_went(tmp_path: Path) -> None:
    """Two squares share the whole image as their crop; the same image then gives another detector the same bytes."""
    draw(tmp_path / "in" / "a.png", [(20, 20, 40, 40, 60), (120, 60, 140, 80, 50)])
    config = ScanConfig(crop=CropConfig(crop="image"))
    first = scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank", config=config)
    assert (first.kinds[Kind.BACKGROUND], first.added, first.sharing, first.known) == (2, 1, 1, 0)
    second = scan(tmp_path / "in", square_detector(key="2"), bank=tmp_path / "bank", config=config)
    assert (second.kinds[Kind.BACKGROUND], second.added, second.sharing, second.known) == (2, 0, 1, 1)
    assert second.to_dict()["negatives"] == {"added": 0, "known": 1, "withdrawn": 0, "total": 1}


def test_a_scan_that_is_sure_of_most_images_warns_and_one_with_labels_does_not(tmp_path: Path) -> None:
    for number in range(20):
        draw(tmp_path / "in" / f"{number}.png", [(60, 40, 80, 60, 90)] if number < 15 else [], seed=number)
        voc_xml(tmp_path / "in" / f"{number}.xml", f"{number}.png", [("lamp", 1, 1, 9, 9)] if number == 19 else [])
    notes: set[str] = set()
    result = scan(
        tmp_path / "in", square_detector(), bank=tmp_path / "bank", on_progress=lambda now: notes.update(now.notes)
    )
    beside, many = result.warnings
    assert result.told == (beside,) and f"warning: {beside}" in notes and f"warning: {many}" not in notes
    assert beside.startswith("1 of 20 images looked at have a label with objects")
    assert many.startswith("15 of 20 images have a false positive of 0.5 or more.")
    truth = open_truth(tmp_path / "in")
    assert scan(tmp_path / "in", square_detector(), bank=tmp_path / "other", truth=truth).warnings == ()


def test_a_bank_is_not_scanned_into_itself(backgrounds: Path, tmp_path: Path) -> None:
    bank = tmp_path / "backgrounds" / "bank"
    first = scan(backgrounds, square_detector(), bank=bank)
    before = contents(bank)
    notes: list[str] = []
    again = scan(backgrounds, square_detector(), bank=bank, on_progress=lambda now: notes.extend(now.notes))
    assert (again.unchanged, again.total, contents(bank)) == (20, first.total, before)
    assert notes[0] == f"10 images left out: in bank {bank} itself"
    (tmp_path / "link").symlink_to(bank)
    for source in (bank, bank / "negatives", tmp_path / "link", f"{bank}/negatives/*/*.jpg"):
        with pytest.raises(SourceError, match=r"expected images outside bank .*, found its own negatives alone"):
            scan(source, square_detector(), bank=bank)
    assert contents(bank) == before


def test_frames_of_cameras_that_a_bank_keeps_are_scanned_into_it_under_the_names_that_they_have(tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    picture = decode_image(draw(tmp_path / "a.png", [(60, 40, 80, 60, 90)]).read_bytes())
    frame = keep_frame(bank, picture, "rtsp://a", 1)
    stray = frame.with_name(f"{frame.stem[:2]}{'0' * 62}.jpg")
    stray.write_bytes(frame.read_bytes())
    result = scan([frame, stray], square_detector(), bank=bank)
    assert (result.scanned, result.added) == (1, 1)
    with Bank(bank) as opened:
        assert list(opened.query("SELECT key FROM items")) == [(f"frames/{frame.parent.name}/{frame.name}".encode(),)]
        assert list(opened.query("SELECT path FROM sources")) == [("rtsp://a 1970-01-01 00:00:00.001 UTC",)]
    for config in (ScanConfig(flicker=FlickerConfig(), video=VideoConfig(Every(frames=1))), ScanConfig(per_place=2)):
        with pytest.raises(ConfigError, match=r"found the image .*\.jpg; leave it out|found images alone"):
            scan(frame, square_detector(), bank=bank, config=config)
    stray.unlink()
    assert verify(bank).ok and scan(frame, square_detector(), bank=bank).unchanged == 1


def test_by_default_a_negative_has_the_size_of_its_source(backgrounds: Path, tmp_path: Path) -> None:
    scan(backgrounds / "01.png", square_detector(), bank=tmp_path / "bank")
    with Bank(tmp_path / "bank") as bank:
        (negative,) = bank.negatives()
    assert negative.size_wh == (200, 120) and negative.rect.size_wh == (100, 60)


def test_scanning_again_changes_nothing(backgrounds: Path, tmp_path: Path) -> None:
    scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    before = contents(tmp_path / "bank")
    result = scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.unchanged, result.added, result.total) == (0, 20, 0, 10)
    assert contents(tmp_path / "bank") == before


def test_a_touched_file_is_not_scanned_again_and_a_changed_one_is(backgrounds: Path, tmp_path: Path) -> None:
    scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    os.utime(backgrounds / "01.png", ns=(1, 1))
    draw(backgrounds / "02.png", [(10, 10, 30, 30, 90)], seed=2)
    result = scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.unchanged, result.added) == (1, 19, 1)
    assert scan(backgrounds, square_detector(), bank=tmp_path / "bank").unchanged == 20


def test_other_settings_and_other_weights_are_other_runs(backgrounds: Path, tmp_path: Path) -> None:
    scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    assert scan(backgrounds, square_detector(key="2"), bank=tmp_path / "bank").scanned == 20
    wide = ScanConfig(crop=CropConfig(context=5))
    assert scan(backgrounds, square_detector(), bank=tmp_path / "bank", config=wide).added == 10


@pytest.mark.parametrize(("workers", "batch_size"), [(1, 1), (4, 1), (3, 5), (2, 16)])
def test_workers_and_batches_do_not_matter(backgrounds: Path, tmp_path: Path, workers: int, batch_size: int) -> None:
    scan(backgrounds, square_detector(), bank=tmp_path / "plain")
    other = square_detector(batch_size=batch_size)
    scan(backgrounds, other, bank=tmp_path / "other", config=ScanConfig(workers=workers))
    assert contents(tmp_path / "plain") == contents(tmp_path / "other")


def test_the_same_picture_twice_is_scanned_once(backgrounds: Path, tmp_path: Path) -> None:
    shutil.copy(backgrounds / "01.png", backgrounds / "01-copy.png")
    shutil.copy(backgrounds / "01.png", backgrounds / "99-copy.png")
    result = scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    assert (result.scanned, result.duplicates, result.added) == (20, 2, 10)
    assert scan(backgrounds, square_detector(), bank=tmp_path / "bank").unchanged == 22


def test_bad_images_are_skipped_counted_and_named(backgrounds: Path, tmp_path: Path) -> None:
    (backgrounds / "empty.jpg").write_bytes(b"")
    (backgrounds / "lies.png").write_bytes(b"<html>not found</html>")
    (backgrounds / "lies-too.png").write_bytes(b"<html>not found</html>")
    (backgrounds / "gone.png").symlink_to(backgrounds / "nowhere.png")
    result = scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    assert result.scanned == 20
    assert [(s.source.name, s.kind) for s in result.skipped] == [
        (name, "unreadable") for name in ("empty.jpg", "gone.png", "lies-too.png", "lies.png")
    ]
    assert all(s.reason for s in result.skipped)


@pytest.mark.parametrize("name", ["a b.png", "a\nb.png", "\u00fc\u4e2d.png", os.fsdecode(b"\xff.png"), "[1].png"])
def test_names_of_any_bytes(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "in" / name, [(60, 40, 80, 60, 50)])
    result = scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank")
    assert result.added == 1 and result.hardest[0].source.name == name
    assert scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank").unchanged == 1


def test_a_detector_that_gives_nonsense_for_an_image_loses_that_image_only(backgrounds: Path, tmp_path: Path) -> None:
    def broken(image: Image) -> object:
        found = find_squares(image)
        nan = len(found) and found.scores[0] > 0.58
        return (found.boxes_xyxy * np.nan if nan else found.boxes_xyxy, found.scores, found.class_ids)

    detector = FunctionDetector(broken, {0: "lamp", 1: "sign"}, batch_size=4)  # type: ignore[arg-type]
    result = scan(backgrounds, detector, bank=tmp_path / "bank")
    assert [(s.source.name, s.kind) for s in result.skipped] == [("19.png", "detector")]
    assert "not finite" in result.skipped[0].reason and result.scanned == 19


def test_a_detector_that_gives_nonsense_for_every_image_is_an_error_and_the_bank_stays(
    backgrounds: Path, tmp_path: Path
) -> None:
    """Images that cannot be read say nothing for or against it."""
    scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    before = contents(tmp_path / "bank") | {"runs": None}
    broken = FunctionDetector(_inverted, {0: "lamp"}, name="broken")
    (backgrounds / "0.png").write_bytes(b"")
    with pytest.raises(DetectorError, match=r"broken failed on every image .*\(20 images\), first on .*00.png: .*inv"):
        scan(backgrounds, broken, bank=tmp_path / "bank")
    assert contents(tmp_path / "bank") | {"runs": None} == before and verify(tmp_path / "bank").ok


def test_a_new_image_that_fails_where_others_did_not_is_skipped(backgrounds: Path, tmp_path: Path) -> None:
    detector = FunctionDetector(lambda image: _inverted(image) if len(image) == 50 else Detections.empty(), {0: "lamp"})
    scan(backgrounds, detector, bank=tmp_path / "bank")
    draw(backgrounds / "small.png", size_wh=(50, 50))
    again = scan(backgrounds, detector, bank=tmp_path / "bank")
    assert (again.unchanged, [(s.source.name, s.kind) for s in again.skipped]) == (20, [("small.png", "detector")])


def _inverted(image: Image) -> Detections:
    return Detections(np.array([[9, 0, 1, 8]]), np.array([0.9]), np.array([0]))


def test_a_class_that_the_detector_does_not_list_is_its_fault(backgrounds: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="class 0"):
        scan(backgrounds, FunctionDetector(find_squares, {5: "lamp"}), bank=tmp_path / "bank")


def test_boxes_that_reach_outside_are_clipped(tmp_path: Path) -> None:
    def outside(image: Image) -> Detections:
        boxes = np.array([[-50.0, -50, 40, 40], [500, 500, 600, 600]])
        return Detections(boxes, np.array([0.9, 0.8]), np.array([0, 0]))

    detector = FunctionDetector(outside, {0: "lamp"})
    result = scan(draw(tmp_path / "a.png"), detector, bank=tmp_path / "bank")
    assert sum(result.kinds.values()) == 1 and result.added == 1


def test_false_positives_with_the_same_rectangle_share_a_negative(tmp_path: Path) -> None:
    source = draw(tmp_path / "a.png", [(10, 10, 30, 30, 50), (100, 50, 120, 70, 70)])
    whole = ScanConfig(crop=CropConfig("image"))
    result = scan(source, square_detector(), bank=tmp_path / "bank", config=whole)
    assert (result.kinds[Kind.BACKGROUND], result.added) == (2, 1)
    with Bank(tmp_path / "bank") as bank:
        assert next(bank.negatives()).score == 0.7


def test_the_hardest_of_an_image_are_kept(tmp_path: Path) -> None:
    squares = [(10, 10, 20, 20, 40), (60, 10, 70, 20, 80), (110, 10, 120, 20, 60), (160, 10, 170, 20, 50)]
    config = ScanConfig(crop=OWN_SIZE, max_per_image=2)
    result = scan(draw(tmp_path / "a.png", squares), square_detector(), bank=tmp_path / "bank", config=config)
    assert [hard.score for hard in result.hardest] == [0.8, 0.6]
    assert result.crops_skipped == {"over_limit": 2}


def test_confirm_keeps_only_what_still_fires(tmp_path: Path) -> None:
    def shy(image: Image) -> Detections:
        found = find_squares(image)  # fires on a square only if the picture is wide, or the square very sure
        return found if image.shape[1] >= 100 else found.select(found.scores > 0.65)

    source = draw(tmp_path / "a.png", [(10, 10, 20, 20, 40), (60, 10, 70, 20, 80)])
    config = ScanConfig(crop=OWN_SIZE, confirm=True)
    result = scan(source, FunctionDetector(shy, {0: "lamp"}), bank=tmp_path / "bank", config=config)
    assert [hard.score for hard in result.hardest] == [0.8]
    assert result.crops_skipped == {"not_confirmed": 1}


def test_progress_begins_at_nothing_and_ends_at_everything(backgrounds: Path, tmp_path: Path) -> None:
    seen: list[ScanProgress] = []
    scan(backgrounds, square_detector(), bank=tmp_path / "bank", on_progress=seen.append)
    assert (seen[0].done, seen[-1].done, seen[-1].total, seen[-1].negatives) == (0, 20, 20, 10)


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 20), (4, 5), (7, 3)])
def test_times_come_from_the_clock(backgrounds: Path, tmp_path: Path, batch_size: int, batches: int) -> None:
    ticks = count(100)  # a second passes from each look at it to the next: one in every batch, and one between them
    result = scan(
        backgrounds, square_detector(batch_size=batch_size), bank=tmp_path / "bank", clock=lambda: next(ticks)
    )
    assert (result.seconds, result.images_per_second) == (2 * batches + 1, 20 / (2 * batches + 1))
    assert result.device == Device(None, None, batches / (2 * batches + 1))
    again = scan(backgrounds, square_detector(), bank=tmp_path / "bank", clock=lambda: next(ticks))
    assert (again.seconds, again.device.busy) == (1, 0)


def test_the_time_on_crops_to_confirm_is_the_detectors_too(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", [(20, 20, 40, 40, 80)], seed=1)
    ticks = count()
    result = scan(
        tmp_path / "a.png", square_detector(), bank=tmp_path / "bank", config=ScanConfig(confirm=True),
        clock=lambda: next(ticks),
    )  # fmt: skip
    assert (result.seconds, result.device.busy) == (5, 2 / 5)


def test_bad_input_makes_no_bank(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        scan(tmp_path / "nowhere", square_detector(), bank=tmp_path / "bank")
    draw(tmp_path / "a.png")
    with pytest.raises(TruthError):
        scan(tmp_path / "a.png", square_detector(), bank=tmp_path / "bank", truth=tmp_path / "nowhere")
    assert not (tmp_path / "bank").exists()


def test_a_picture_that_was_replaced_keeps_its_negatives(backgrounds: Path, tmp_path: Path) -> None:
    scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    draw(backgrounds / "01.png", seed=77)
    result = scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    with Bank(tmp_path / "bank") as bank:
        assert len(list(bank.negatives())) == result.total == bank.negative_count() == 10


def test_a_folder_named_tmp_in_the_way_is_not_emptied(backgrounds: Path, tmp_path: Path) -> None:
    notes = tmp_path / "bank" / "tmp" / "sub" / "thesis.txt"
    scan(backgrounds, square_detector(), bank=tmp_path / "bank")
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    scan(backgrounds, square_detector(key="2"), bank=tmp_path / "bank")
    assert notes.read_text() == "mine"
    assert [problem.kind for problem in verify(tmp_path / "bank", repair=True).problems] == ["foreign"]
    assert notes.exists()
