"""Which image a VOC file is about: by where the image is, else by its name, and never a guess."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from label_files import TruthOf, put, voc_object, voc_xml

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_truth
from negmine.errors import LabelError

WH = (100, 80)
CAT = voc_xml(voc_object("cat", (1, 1, 2, 2)))


def count(truth: TruthOf, image: Path) -> int | None:
    """How many objects an image has; None where it is unlabelled."""
    found = truth.read(image, WH)
    return None if found is None else len(found)


@pytest.mark.parametrize("image", ["a.jpg", "a.JPG", "a.png", "a.webp", "JPEGImages/a.jpeg", "images/a.jpg"])
def test_the_image_of_the_same_stem_is_beside_or_in_an_images_folder(tmp_path: Path, image: str) -> None:
    put(tmp_path / "a.xml", CAT)
    path = put(tmp_path / image)
    other = put(tmp_path / "elsewhere" / "a.jpg")
    truth = TruthOf(tmp_path)
    assert count(truth, path) == 1
    assert count(truth, other) is None  # the label's own image is known, and it is another file


@pytest.mark.parametrize("images", ["JPEGImages", "images"])
@pytest.mark.parametrize("named", [".", "Annotations"])
def test_the_root_or_the_folder_of_annotations_alone_may_be_named(tmp_path: Path, images: str, named: str) -> None:
    put(tmp_path / "Annotations" / "a.xml", CAT)
    assert count(TruthOf(tmp_path / named), put(tmp_path / images / "a.jpg")) == 1


@pytest.mark.parametrize("filename", ["photo.png", "C:\\pictures\\photo.png", "/home/somebody/photo.png"])
def test_the_file_name_inside_counts_without_its_folder_and_must_not_contradict_the_label_s(
    tmp_path: Path, filename: str
) -> None:
    put(tmp_path / "annotations" / "a.xml", voc_xml(filename=filename))
    photo, stem = put(tmp_path / "images" / "photo.png"), put(tmp_path / "images" / "a.png")
    truth = TruthOf(tmp_path)
    for image in (photo, stem):
        with pytest.raises(LabelError, match=r"a\.xml has the name of one image and states another, photo; both"):
            truth.read(image, WH)
    stem.unlink()
    assert count(truth, photo) == 0


def test_a_file_name_that_is_nowhere_falls_back_on_the_stem(tmp_path: Path) -> None:
    put(tmp_path / "annotations" / "a.xml", voc_xml(filename="renamed-since.jpg"))
    assert count(TruthOf(tmp_path), put(tmp_path / "images" / "a.jpg")) == 0


def test_splits_with_the_same_names_keep_their_own_labels(tmp_path: Path) -> None:
    put(tmp_path / "train" / "annotations" / "1.xml", CAT)
    put(tmp_path / "val" / "annotations" / "1.xml", voc_xml())
    train, val = put(tmp_path / "train" / "images" / "1.jpg"), put(tmp_path / "val" / "images" / "1.jpg")
    truth = TruthOf(tmp_path)
    assert (count(truth, train), count(truth, val)) == (1, 0)


def test_images_kept_elsewhere_are_found_by_name_or_stem(tmp_path: Path) -> None:
    put(tmp_path / "labels" / "a.xml", CAT)
    put(tmp_path / "labels" / "b.xml", voc_xml(filename="photo.jpg"))
    truth = TruthOf(tmp_path / "labels")
    assert count(truth, put(tmp_path / "far" / "away" / "a.tiff")) == 1
    assert count(truth, put(tmp_path / "far" / "away" / "photo.jpg")) == 0
    assert count(truth, put(tmp_path / "far" / "away" / "c.jpg")) is None


def test_a_name_that_two_labels_claim_is_an_error_for_that_image_alone(tmp_path: Path) -> None:
    put(tmp_path / "labels" / "one" / "a.xml", CAT)
    put(tmp_path / "labels" / "two" / "a.xml", voc_xml())
    put(tmp_path / "labels" / "two" / "b.xml", voc_xml())
    image = put(tmp_path / "two" / "a.jpg")
    truth = TruthOf(tmp_path / "labels")
    assert count(truth, image) == 0
    far = put(tmp_path / "far" / "a.jpg")
    for asked in (lambda: truth.read(far, WH), lambda: truth.label_hash(far)):
        with pytest.raises(LabelError, match=r"/a\.xml has the name of this image and is for another folder"):
            asked()
    named = open_truth(tmp_path / "labels", config=LabelConfig(images=put(tmp_path / "far" / "b.jpg").parent))
    with pytest.raises(LabelError, match=r"2 labels claim this image \(a\.xml, a\.xml\)"):
        named.read(far, WH)
    assert named.read(tmp_path / "far" / "b.jpg", WH) is not None


def test_two_labels_for_one_image_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", CAT)
    put(tmp_path / "copy of a.xml", voc_xml(filename="a.jpg"))  # copied, then emptied
    with pytest.raises(LabelError, match="2 labels claim this image"):
        image = put(tmp_path / "a.jpg")
        TruthOf(tmp_path).read(image, WH)


def test_a_stem_of_two_images_is_an_error_for_both_unless_the_label_names_one(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", voc_xml())
    images = [put(tmp_path / "a.jpg"), put(tmp_path / "a.png")]
    for image in images:
        with pytest.raises(LabelError, match=r"could belong to a\.jpg and a\.png"):
            TruthOf(tmp_path).read(image, WH)
    put(tmp_path / "a.xml", voc_xml(filename="a.png"))
    assert [count(TruthOf(tmp_path), image) for image in images] == [None, 0]


def test_a_link_to_the_image_is_the_image(tmp_path: Path) -> None:
    put(tmp_path / "set" / "a.xml", CAT)
    image = put(tmp_path / "set" / "a.jpg")
    link = tmp_path / "b.jpg"
    link.symlink_to(image)
    assert count(TruthOf(tmp_path / "set"), link) == 1


def test_links_in_a_circle_are_unlabelled(tmp_path: Path) -> None:
    put(tmp_path / "a.xml", CAT)
    loop = tmp_path / "loop.jpg"
    loop.symlink_to(loop)
    assert count(TruthOf(tmp_path), loop) is None


@pytest.mark.parametrize(
    "stem",
    ["with space", "new\nline", "tab\t", "größe 猫", "a.b.c", "&<>'\"", os.fsdecode(b"not-utf8-\xff\xfe")],
)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_odd_file_names_are_found(tmp_path: Path, stem: str, elsewhere: bool) -> None:
    put(tmp_path / "set" / f"{stem}.xml", CAT)
    image = put(tmp_path / ("far" if elsewhere else "set") / f"{stem}.jpg")
    assert count(TruthOf(tmp_path / "set"), image) == 1


def test_messages_about_odd_names_are_one_printable_line(tmp_path: Path) -> None:
    stem = os.fsdecode(b"new\nline \xff")
    put(tmp_path / "good.xml", voc_xml())
    put(tmp_path / f"{stem}.xml", b"")
    image = put(tmp_path / f"{stem}.jpg")
    with pytest.raises(LabelError) as caught:
        TruthOf(tmp_path).read(image, WH)
    assert str(caught.value).isprintable()
    assert "new\\nline" in str(caught.value)
