"""A COCO file of somebody else's names no picture outside its data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blobs import draw

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_dataset
from negmine.errors import TruthError


def write_coco(path: Path, *names: str) -> Path:
    """A COCO file with a box in each image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": i, "file_name": name, "width": 200, "height": 120} for i, name in enumerate(names)]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 20, 20]} for i in range(len(names))]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "car"}]}
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    "place", ["a.json", "annotations/a.json", "train/_annotations.coco.json", "train.json", "images/a.json"]
)
@pytest.mark.parametrize(
    "name", ["{home}/private/me.png", "../private/me.png", "../../private/me.png", "x/../../private/me.png",
             "../../home/private/me.png", "private/me.png", "../home/private/me.png"],
)  # fmt: skip
def test_a_picture_beside_the_data_set_is_not_in_it(tmp_path: Path, place: str, name: str) -> None:
    home = tmp_path / "home"
    secret = draw(home / "private" / "me.png", seed=1)
    public = draw(home / "set" / Path(place).parent / "1.png", seed=2)
    path = write_coco(home / "set" / place, "1.png", name.format(home=home))
    if place.startswith("train/"):  # somebody keeps it beside other things
        path = write_coco(home / place, "1.png", name.format(home=home))
        public = draw(home / "train" / "1.png", seed=2)
    dataset = open_dataset(path)
    listed = {image.resolve() for split in dataset.splits for image in split.images}
    assert public.resolve() in listed and secret.resolve() not in listed
    given = open_dataset(path, config=LabelConfig(images=home))  # the user says so
    assert secret.resolve() in {image.resolve() for split in given.splits for image in split.images}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("annotations/a.json", "../images/1.png"),
        ("annotations/a.json", "../cam1/1.png"),
        ("annotations/a.json", "cam1/1.png"),
        ("annotations/a.json", "./cam1/1.png"),
        ("annotations/inner/a.json", "cam1/1.png"),
        ("a.json", "cam1/../cam2/1.png"),
        ("a.json", "../set/cam1/1.png"),
        ("train/_annotations.coco.json", "cam1/1.png"),
    ],
)
def test_names_that_stay_inside_are_found_however_they_are_written(tmp_path: Path, place: str, name: str) -> None:
    path = write_coco(tmp_path / "set" / place, name)
    homes = [path.parent, tmp_path / "set"] if "../" not in name else [path.parent]
    home = homes[-1] if place.startswith("annotations/a") else path.parent
    image = draw(home / name, seed=1)
    dataset = open_dataset(path)
    assert [p.resolve() for split in dataset.splits for p in split.images] == [image.resolve()]


def test_a_name_that_leads_out_finds_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "private" / "me.png", seed=1)
    with pytest.raises(TruthError, match="1 found no image"):
        open_dataset(write_coco(tmp_path / "set" / "a.json", "../private/me.png"))
