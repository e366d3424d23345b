"""The demo's data set on disk: what any YOLO reader expects, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from negmine.demo.dataset import write_demo_dataset, yolo_label
from negmine.demo.scenes import Scene, draw_sign_scene
from negmine.errors import ConfigError


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_backgrounds_still_makes_their_folder(tmp_path: Path) -> None:
    dataset = write_demo_dataset(tmp_path / "new" / "demo", train=1, val=1, backgrounds=0)
    assert dataset.backgrounds.is_dir()
    assert sorted(content(tmp_path / "new" / "demo")) == [
        "data.yaml", "images/train/0000.jpg", "images/val/0000.jpg", "labels/train/0000.txt", "labels/val/0000.txt",
    ]  # fmt: skip


def test_a_scene_without_targets_has_an_empty_label() -> None:
    image = np.zeros((288, 384, 3), dtype=np.uint8)
    assert yolo_label(Scene(image, np.zeros((0, 4)), ())) == ""
    assert yolo_label(Scene(image, np.array([[10.0, 10, 50, 50]]), ("clock",))) == ""


def test_a_label_is_centre_and_size_as_shares_of_the_image() -> None:
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    scene = Scene(image, np.array([[20.0, 10, 60, 30], [0, 0, 9, 9]]), ("speed-limit", "ball"))
    # centre (40, 20) and size 40 x 20 of 200 x 100
    assert yolo_label(scene) == "0 0.200000 0.200000 0.200000 0.200000\n"


def test_the_yaml_is_relative_and_names_the_class(tmp_path: Path) -> None:
    dataset = write_demo_dataset(tmp_path, train=1, val=1, backgrounds=1)
    document = yaml.safe_load(dataset.data_yaml.read_text())
    assert document == {"train": "images/train", "val": "images/val", "names": {0: "speed-limit"}}
    assert (tmp_path / document["train"]).samefile(dataset.train_images)
    assert (tmp_path / document["val"]).samefile(dataset.val_images)


def test_files_hold_the_scene_that_seed_split_and_number_draw(tmp_path: Path) -> None:
    dataset = write_demo_dataset(tmp_path, seed=4, train=2, val=1, backgrounds=1)
    scene = draw_sign_scene(np.random.default_rng([4, 0, 1]))
    stored = cv2.imread(str(dataset.train_images / "0001.jpg"))
    assert stored is not None
    assert stored.shape == scene.image.shape
    assert np.abs(stored.astype(int) - scene.image).mean() < 4  # JPEG at 92 costs about 2 grey levels on this noise
    lines = (tmp_path / "labels" / "train" / "0001.txt").read_text().splitlines()
    centre_x, centre_y, width, height = np.array([line.split()[1:] for line in lines], dtype=np.float64).T
    corners = np.stack(
        [centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2], axis=1
    )
    assert np.allclose(corners * [384, 288, 384, 288], scene.boxes_xyxy, atol=1e-3)


def test_same_seed_same_bytes_and_a_smaller_set_is_its_beginning(tmp_path: Path) -> None:
    write_demo_dataset(tmp_path / "a", train=3, val=2, backgrounds=3)
    write_demo_dataset(tmp_path / "b", train=3, val=2, backgrounds=3)
    write_demo_dataset(tmp_path / "small", train=2, val=1, backgrounds=1)
    write_demo_dataset(tmp_path / "other", seed=1, train=3, val=2, backgrounds=3)
    first, other = content(tmp_path / "a"), content(tmp_path / "other")
    assert content(tmp_path / "b") == first
    assert content(tmp_path / "small").items() <= first.items()
    assert [name for name in first if first[name] == other[name]] == ["data.yaml"]
    images = [data for name, data in first.items() if name.endswith(".jpg")]
    assert len(set(images)) == 8  # no split repeats an image of another


def test_drawing_again_changes_nothing_and_leaves_other_files_alone(tmp_path: Path) -> None:
    write_demo_dataset(tmp_path, train=1, val=1, backgrounds=1)
    (tmp_path / "notes.txt").write_text("mine")
    before = content(tmp_path)
    write_demo_dataset(tmp_path, train=1, val=1, backgrounds=1)
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"train": 0}, "train of at least 1, found 0"),
        ({"val": -1}, "val of at least 1, found -1"),
        ({"backgrounds": -1}, "backgrounds of at least 0, found -1"),
        ({"seed": -1}, "seed of at least 0, found -1"),
    ],
)
def test_impossible_counts_are_refused_before_anything_is_written(
    tmp_path: Path, counts: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        write_demo_dataset(tmp_path / "demo", **counts)
    assert not (tmp_path / "demo").exists()
