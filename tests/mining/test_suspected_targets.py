"""Signs that images which are scanned as background hold targets after all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from negmine.mining.suspected_targets import fires_on_most, labels_beside

OBJECT = "<annotation><object><name>cat</name></object></annotation>"
LABELS = {".xml": OBJECT, ".txt": "0 0.5 0.5 0.1 0.1\n", ".json": '{"shapes": []}'}


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_no_images_and_no_labels(tmp_path: Path) -> None:
    assert labels_beside([]) is None
    assert labels_beside([tmp_path / "images" / "a.jpg"]) is None


@pytest.mark.parametrize("suffix", LABELS)
@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("photos/a.jpg", "photos/a"),
        ("photos/a.jpg", "photos/labels/a"),
        ("set/images/a.jpg", "set/annots/a"),
        ("set/images/train/a.jpg", "set/labels/train/a"),
        ("set/train/images/a.jpg", "set/train/labels/a"),
        ("VOC/JPEGImages/a.jpg", "VOC/Annotations/a"),
    ],
)
def test_a_label_is_found_where_data_sets_have_it(tmp_path: Path, image: str, label: str, suffix: str) -> None:
    place = written(tmp_path / f"{label}{suffix}", LABELS[suffix])
    warning = labels_beside([tmp_path / image, tmp_path / "other" / "b.jpg"])
    assert warning is not None
    assert warning.startswith(f"1 of 2 images looked at have a label with objects (such as {place})")


def test_a_coco_file_in_the_folder_of_the_images(tmp_path: Path) -> None:
    written(tmp_path / "_annotations.coco.json", "{}")
    assert labels_beside([tmp_path / "a.jpg"]) is not None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.xml", "<annotation></annotation>"),  # says that there is nothing
        ("a.txt", ""),
        ("a.txt", "a dog in the park\n"),  # a caption
        ("a.json", '{"camera": "front"}'),
        ("b.xml", OBJECT),  # of another image
        ("maps/a.xml", OBJECT),  # in a folder that is not for labels
    ],
)
def test_what_is_no_label_with_objects(tmp_path: Path, name: str, text: str) -> None:
    written(tmp_path / name, text)
    assert labels_beside([tmp_path / "a.jpg"]) is None


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    assert labels_beside([tmp_path / "a.jpg"]) is None


@pytest.mark.parametrize("path", ["/", "x" * 300, "a\0b/c.jpg", ""])
def test_odd_paths_have_no_label(path: str) -> None:
    assert labels_beside([Path(path)]) is None


@pytest.mark.parametrize(("scanned", "confident"), [(0, 0), (19, 19), (100, 74)])
def test_few_images_and_few_hits_say_nothing(scanned: int, confident: int) -> None:
    assert fires_on_most(scanned, confident) is None


def test_a_detector_that_is_sure_on_three_quarters_of_the_images() -> None:
    assert (fires_on_most(20, 15) or "").startswith("15 of 20 images have a false positive of 0.5 or more.")
