"""How many objects of each size are found, before and after."""

from __future__ import annotations

from pathlib import Path

from blobs import draw, square_detector, voc_xml
from page_read import Page

from negmine.evaluating.seen import Seen, SeenImage
from negmine.mining.scan import scan
from negmine.reporting.by_size import FoundOfSize, found_by_size
from negmine.reporting.report import report

BOXES = [(0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 60.0, 60.0), (100.0, 0.0, 110.0, 10.0)]


def seen(path: str, *scores: float | None) -> SeenImage:
    objects = tuple(Seen("lamp", box, score) for box, score in zip(BOXES, scores, strict=True))
    return SeenImage("a" * 64, path, False, objects, ())


def test_no_images_have_no_sizes() -> None:
    assert found_by_size([], [], conf_before=0.25, conf_after=0.25) == ()


def test_objects_are_counted_by_pixels_and_by_share_of_the_image(tmp_path: Path) -> None:
    path = str(draw(tmp_path / "a.png", size_wh=(200, 120)))
    before, after = [seen(path, 0.1, 0.9, 0.5)], [seen(path, 0.6, 0.9, None)]
    assert found_by_size(before, after, conf_before=0.25, conf_after=0.3) == (
        FoundOfSize("under 16 x 16 px", 2, 1, 1),
        FoundOfSize("32 x 32 to 96 x 96 px", 1, 1, 1),
        FoundOfSize("under a tenth of the image's sides", 2, 1, 1),
        FoundOfSize("a tenth of the image's sides or more", 1, 1, 1),
    )


def test_an_image_that_is_gone_has_no_share_and_a_start_alone_no_after() -> None:
    found = found_by_size([seen("gone.png", 0.1, 0.9, 0.5)], None, conf_before=0.25, conf_after=0.25)
    assert [each.to_dict() for each in found] == [
        {"size": "under 16 x 16 px", "objects": 2, "before": 1, "after": None},
        {"size": "32 x 32 to 96 x 96 px", "objects": 1, "before": 1, "after": None},
    ]


def test_a_report_of_a_bank_says_how_many_objects_of_each_size_are_found(tmp_path: Path) -> None:
    images, labels, bank = tmp_path / "in" / "images", tmp_path / "in" / "annotations", tmp_path / "bank"
    draw(images / "a.png", [(0, 0, 10, 10, 80), (100, 20, 140, 60, 90)])
    objects = [("lamp", 1, 1, 10, 10), ("lamp", 101, 21, 140, 60), ("lamp", 61, 81, 70, 90), ("cat", 1, 81, 40, 120)]
    voc_xml(labels / "a.xml", "a.png", objects)
    (images / "copy.png").write_bytes((images / "a.png").read_bytes())  # which labels one of them again, and another
    voc_xml(labels / "copy.xml", "copy.png", [objects[0], ("lamp", 151, 81, 160, 90)])
    scan(images, square_detector(), bank=bank, truth=labels)
    draw(tmp_path / "background" / "b.png", [(20, 20, 60, 60, 80)])
    scan(tmp_path / "background", square_detector(key="2"), bank=bank)
    result = report(bank, tmp_path / "r.html")
    assert result.to_dict()["bank"]["objects_by_size"] == [  # the detector knows no cat
        {"size": "under 16 x 16 px", "objects": 3, "found": 1},
        {"size": "32 x 32 to 96 x 96 px", "objects": 1, "found": 1},
        {"size": "under a tenth of the image's sides", "objects": 3, "found": 1},
        {"size": "a tenth of the image's sides or more", "objects": 1, "found": 1},
    ]
    assert "under 16 x 16 px 3 1 (33%)" in Page(tmp_path / "r.html").section("where")


def test_a_bank_without_labels_has_no_sizes(tmp_path: Path) -> None:
    draw(tmp_path / "in" / "b.png", [(20, 20, 60, 60, 80)])
    scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank")
    assert report(tmp_path / "bank", tmp_path / "r.html").bank.by_size == ()
    assert "objects by size" not in Page(tmp_path / "r.html").section("where")
