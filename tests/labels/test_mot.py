"""MOT's text: frames from 1, boxes that count and others, and how far the labels go."""

from __future__ import annotations

from pathlib import Path

import pytest

from negmine.errors import TruthError
from negmine.labels.frames import FrameObject
from negmine.labels.mot import is_mot, parse_mot


def test_frames_are_counted_from_1_and_boxes_hold_either_convention(tmp_path: Path) -> None:
    labels = parse_mot(tmp_path / "gt.txt", b"3,1,11,21,30,40,1,1,1\n5,1,12,21,30,40,1,3,0.5\n")
    assert labels.objects[2] == [FrameObject("pedestrian", (10, 20, 41, 61))]
    assert labels.class_names == ("pedestrian", "car")
    assert [frame for frame in range(9) if labels.is_labelled(frame)] == [2, 4]  # nobody says that 3 was looked at


def test_what_does_not_count_is_difficult_and_lists_no_class(tmp_path: Path) -> None:
    labels = parse_mot(tmp_path / "gt.txt", b"1,1,1,1,9,9,0,8,1\n1,2,50,50,9,9,1,-1,-1,-1\n")
    assert labels.objects[0] == [
        FrameObject("distractor", (0, 0, 10, 10), difficult=True), FrameObject("pedestrian", (49, 49, 59, 59))
    ]  # fmt: skip
    assert labels.class_names == ("pedestrian",)
    assert labels.truth_of(0, (100, 55), "gt.txt").boxes_xyxy[1].tolist() == [49, 49, 59, 55]


def test_a_sequence_says_its_name_length_and_size(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nname=clip\nseqLength=8\nimWidth=192\nimHeight=128\n")
    (tmp_path / "gt" / "labels.txt").write_text("lamp\nsign\n")
    labels = parse_mot(tmp_path / "gt" / "gt.txt", b"2,1,1,1,9,9,1,2,1\n")
    assert (labels.video, labels.size_wh, labels.labelled) == ("clip", (192, 128), range(8))
    assert labels.objects[1][0].name == "sign"


@pytest.mark.parametrize(
    "text",
    [
        "0,1,1,1,9,9,1,1,1",
        "1.5,1,1,1,9,9",
        "1,1,1,1,-9,9",
        "1,2,3",
        "1,1,a,1,9,9",
        "1,1,1,1,9,9,1,99,1",
        "1,1,1,1,9,9,1,inf,1",
        "1,1,1,1,9,9,1,0.5,1",
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TruthError, match=r"gt\.txt cannot be read as MOT text"):
        parse_mot(tmp_path / "gt.txt", f"1,1,1,1,9,9,1,1,1\n{text}\n".encode())


def test_lists_of_images_and_yolo_rows_are_not_mot() -> None:
    assert not any(map(is_mot, (b"", b"a.jpg\nb.jpg\n", b"0 0.5 0.5 0.1 0.1\n", b"1,2,3\n")))


def test_what_a_message_shows_of_a_file_is_short(tmp_path: Path) -> None:
    with pytest.raises(TruthError) as caught:
        parse_mot(tmp_path / "gt.txt", b"1,1,1,1,9,9,1,1,1\n" + b"5" * 10**6)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))
