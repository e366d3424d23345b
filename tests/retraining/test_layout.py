"""What a training reads, and what people find in the folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from toy import draw, sha256

from negmine.labels.yolo import label_path
from negmine.retraining.labelled import Labelled
from negmine.retraining.layout import Layout, place_labelled
from negmine.retraining.pictures import LabelledPicture
from negmine.structures import GroundTruth


def picture(path: Path, truth: GroundTruth) -> LabelledPicture:
    return LabelledPicture(path, sha256(path), 0, (160, 120), truth)


def labelled(train: list[LabelledPicture], val: list[LabelledPicture]) -> Labelled:
    return Labelled(tuple(train), tuple(val), None, {"lamp": 3}, frozenset(), {}, ())  # type: ignore[arg-type]


LAMP = GroundTruth.of([[40, 30, 80, 90]], ["lamp"])
ROW = "3 0.375000 0.500000 0.250000 0.500000\n"  # the model's number; 60 of 160 and 60 of 120, 40 of 160 and 60 of 120


def test_labels_are_written_with_the_models_numbers_whatever_format_they_come_from(tmp_path: Path) -> None:
    train = [
        picture(draw(tmp_path / "a" / "x.png", seed=1), LAMP),
        picture(draw(tmp_path / "b" / "x.png", seed=2), LAMP),
    ]
    empty = picture(draw(tmp_path / "a" / "e.png", seed=3), GroundTruth.empty())
    val = picture(draw(tmp_path / "a" / "v.png", seed=4), LAMP)
    placed = place_labelled(Layout(tmp_path / "out"), labelled([*train, empty], [val]))
    assert (len(placed.positives), len(placed.empties), len(placed.val)) == (2, 1, 1)  # equal names do not clash
    assert {path.resolve() for path in placed.positives} == {each.path for each in train}
    assert [label_path(path).read_text() for path in (*placed.positives, *placed.val)] == [ROW] * 3
    assert label_path(placed.empties[0]).read_text() == ""
    assert place_labelled(Layout(tmp_path / "out"), labelled([*train, empty], [val])) == placed


def test_an_image_with_nothing_but_a_crowd_is_neither_positive_nor_negative(tmp_path: Path) -> None:
    crowd = GroundTruth.of([[40, 30, 80, 90]], ["lamp"], crowd=[True])
    placed = place_labelled(Layout(tmp_path / "out"), labelled([picture(draw(tmp_path / "c.png"), crowd)], []))
    assert (placed.positives, placed.empties) == ((), ())


def test_a_jpeg_that_ultralytics_would_save_anew_is_not_the_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.zeros((120, 160, 3), np.uint8))[1].tobytes() + b"behind")
    before = path.read_bytes()
    (placed,) = place_labelled(Layout(tmp_path / "out"), labelled([picture(path, LAMP)], [])).positives
    placed.write_bytes(b"saved anew")
    assert path.read_bytes() == before


def test_a_label_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    mix = labelled([picture(draw(tmp_path / "a.png"), LAMP)], [])
    (path,) = place_labelled(Layout(tmp_path / "out"), mix).positives
    label_path(path).write_text("")
    place_labelled(Layout(tmp_path / "out"), mix)
    assert label_path(path).read_text() == ROW
