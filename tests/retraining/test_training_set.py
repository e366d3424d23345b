"""What a training reads: linked or copied into the folder, while the user's files stay as they are."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from toy import draw, sha256

from negmine.images import decode_image
from negmine.labels.yolo import label_path
from negmine.retraining.folder import RetrainFolder
from negmine.retraining.labelled import ImageWithTruth
from negmine.retraining.training_set import (
    PlacedImages,
    place_image,
    place_labelled,
    trainable_suffix,
    write_data_yaml,
)
from negmine.structures import GroundTruth
from negmine.training.base import TrainingSet


def image(path: Path, truth: GroundTruth) -> ImageWithTruth:
    return ImageWithTruth(path, sha256(path), 0, (160, 120), truth)


def place(folder: Path, train: list[ImageWithTruth], val: list[ImageWithTruth]) -> PlacedImages:
    parts = {"train": train, "val": val}
    return PlacedImages.of(train, val, place_labelled(RetrainFolder(folder), parts, {"lamp": 3}))


LAMP = GroundTruth.of([[40, 30, 80, 90]], ["lamp"])
ROW = "3 0.375000 0.500000 0.250000 0.500000\n"  # the model's number; 60 of 160 and 60 of 120, 40 of 160 and 60 of 120


def test_labels_are_written_with_the_models_numbers_whatever_format_they_come_from(tmp_path: Path) -> None:
    train = [
        image(draw(tmp_path / "a" / "x.png", seed=1), LAMP),
        image(draw(tmp_path / "b" / "x.png", seed=2), LAMP),
    ]
    empty = image(draw(tmp_path / "a" / "e.png", seed=3), GroundTruth.empty())
    val = image(draw(tmp_path / "a" / "v.png", seed=4), LAMP)
    placed = place(tmp_path / "out", [*train, empty], [val])
    assert (len(placed.positives), len(placed.empties), len(placed.val)) == (2, 1, 1)  # equal names do not clash
    assert {path.resolve() for path in placed.positives} == {each.path for each in train}
    assert [label_path(path).read_text() for path in (*placed.positives, *placed.val)] == [ROW] * 3
    assert label_path(placed.empties[0]).read_text() == ""
    assert place(tmp_path / "out", [*train, empty], [val]) == placed


@pytest.mark.parametrize(("channels", "entry"), [(3, {}), (1, {"channels": 1})])
def test_a_data_yaml_says_how_many_channels_the_model_sees(
    tmp_path: Path, channels: int, entry: dict[str, int]
) -> None:
    whole = RetrainFolder(tmp_path / "out")
    folder, placed = whole.round(1), [whole.images(kind) / "a.png" for kind in ("train", "val")]
    images = PlacedImages((placed[0],), (), (placed[1],))
    write_data_yaml(folder, images, ["lamp"], channels=channels, negatives=False)
    document = yaml.safe_load(folder.data_yaml.read_text())
    assert document == {"train": "../data/images/train", "val": "../data/images/val", "names": {0: "lamp"}} | entry
    training = TrainingSet((tmp_path / "a.jpg",), (), (), ("lamp",)).write_lists(tmp_path, channels=channels)
    assert yaml.safe_load(training.read_text()).get("channels", 3) == channels


def test_an_image_with_nothing_but_a_crowd_is_neither_positive_nor_negative(tmp_path: Path) -> None:
    crowd = GroundTruth.of([[40, 30, 80, 90]], ["lamp"], crowd=[True])
    placed = place(tmp_path / "out", [image(draw(tmp_path / "c.png"), crowd)], [])
    assert (placed.positives, placed.empties) == ((), ())


def test_a_jpeg_that_ultralytics_would_save_anew_is_not_the_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.jpg"
    path.write_bytes(cv2.imencode(".jpg", np.zeros((120, 160, 3), np.uint8))[1].tobytes() + b"behind")
    before = path.read_bytes()
    (placed,) = place(tmp_path / "out", [image(path, LAMP)], []).positives
    placed.write_bytes(b"saved anew")
    assert path.read_bytes() == before


def test_a_label_that_was_cut_short_is_written_again(tmp_path: Path) -> None:
    train = [image(draw(tmp_path / "a.png"), LAMP)]
    (path,) = place(tmp_path / "out", train, []).positives
    label_path(path).write_text("")
    place(tmp_path / "out", train, [])
    assert label_path(path).read_text() == ROW


PIXELS = np.random.default_rng(0).integers(0, 255, size=(24, 32, 3), dtype=np.uint8)


def encoded(path: Path, behind: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, PIXELS)[1].tobytes() + behind)
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.bmp"])
def test_an_image_is_linked(tmp_path: Path, name: str) -> None:
    source = encoded(tmp_path / "user" / name)
    target = tmp_path / "out" / f"b{trainable_suffix(source)}"
    place_image(source, target, home=tmp_path / "out")
    assert target.is_symlink() and target.resolve() == source.resolve()
    assert Path(target.readlink()).is_absolute()


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])  # by what is in it, not by its name
def test_a_jpeg_that_ultralytics_would_save_anew_in_its_place_is_copied(tmp_path: Path, name: str) -> None:
    source = encoded(tmp_path / "user" / "a.jpg", behind=b"behind").rename(tmp_path / "user" / name)
    before, target = source.read_bytes(), tmp_path / "out" / name
    place_image(source, target, home=tmp_path / "out")
    assert not target.is_symlink() and target.read_bytes() == before
    target.write_bytes(b"saved anew")
    assert source.read_bytes() == before


def test_a_link_inside_the_folder_survives_moving_it(tmp_path: Path) -> None:
    source = encoded(tmp_path / "out" / "bank" / "a.jpg")
    place_image(source, tmp_path / "out" / "images" / "b.jpg", home=tmp_path / "out")
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert (moved / "images" / "b.jpg").read_bytes() == (moved / "bank" / "a.jpg").read_bytes()


def test_what_would_be_passed_over_for_its_name_is_written_as_jpeg(tmp_path: Path) -> None:
    source = encoded(tmp_path / "a.ppm")
    target = tmp_path / "out" / f"a{trainable_suffix(source)}"
    place_image(source, target, home=tmp_path / "out")
    assert target.suffix == ".jpg" and target.read_bytes().startswith(b"\xff\xd8")
    assert np.abs(decode_image(target.read_bytes()).astype(int) - PIXELS).mean() < 60


def test_a_link_to_the_image_stays_and_any_other_is_mended(tmp_path: Path) -> None:
    source, target = encoded(tmp_path / "a.png"), tmp_path / "out" / "a.png"
    target.parent.mkdir()
    target.symlink_to(tmp_path / "gone.png")
    place_image(source, target, home=tmp_path / "out")
    assert target.resolve() == source
    before = target.lstat().st_mtime_ns
    place_image(source, target, home=tmp_path / "out")
    assert target.lstat().st_mtime_ns == before
    other = encoded(tmp_path / "b.png")
    place_image(other, target, home=tmp_path / "out")
    assert target.resolve() == other


def test_where_links_are_refused_a_copy_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: object, target_is_directory: bool = False) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")  # what Windows and some shares say

    monkeypatch.setattr(Path, "symlink_to", refuse)
    source = encoded(tmp_path / "a.png")
    place_image(source, tmp_path / "out" / "a.png", home=tmp_path / "out")
    assert not (tmp_path / "out" / "a.png").is_symlink()
    assert (tmp_path / "out" / "a.png").read_bytes() == source.read_bytes()
