"""How many objects of each size are found, before and after."""

from __future__ import annotations

from pathlib import Path

from blobs import draw

from negmine.evaluating.seen import Seen, SeenImage
from negmine.reporting.by_size import FoundOfSize, found_by_size

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
