"""Draws a data set of one description in any of the three formats, as people's tools write them; and reads one back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from blobs import draw

from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.structures import GroundTruth

SIZE_WH = (200, 120)
CLASSES = ("van", "car")  # in no alphabetical order, so that VOC's differs
Box = tuple[str, float, float, float, float]  # class, then xyxy, 0-based, right and bottom exclusive
Labels = Sequence[Box] | None  # None: no label
Splits = Mapping[str, Mapping[str, Labels]]  # split to image name to labels

PLAIN: Splits = {
    "train": {"a.png": [("car", 10, 20, 60, 70)], "b.png": [("van", 0, 0, 200, 120), ("car", 5, 6, 7, 8)], "c.png": []},
    "val": {"d.png": [("van", 30, 30, 90, 100)]},
}


def pictures(folder: Path, images: Mapping[str, Labels], seed: int) -> None:
    """Draw the images, each with pixels of its own."""
    for number, name in enumerate(images):
        draw(folder / name, size_wh=SIZE_WH, seed=seed + number)


def write_yolo(root: Path, splits: Splits = PLAIN) -> Path:
    """A data.yaml with its images and labels."""
    for number, (split, images) in enumerate(splits.items()):
        pictures(root / "images" / split, images, 1000 * (number + 1))
        for name, labels in images.items():
            if labels is not None:
                path = root / "labels" / split / f"{Path(name).stem}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(map(_row, labels)))
    lines = [f"{split}: images/{split}\n" for split in splits]
    (root / "data.yaml").write_text("".join(lines) + f"names: {list(CLASSES)}\n")
    return root / "data.yaml"


def _row(box: Box) -> str:
    name, x1, y1, x2, y2 = box
    width, height = SIZE_WH
    shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    return f"{CLASSES.index(name)} {' '.join(f'{share:.9f}' for share in shares)}\n"


def write_voc(root: Path, splits: Splits = PLAIN, *, difficult: bool = False) -> Path:
    """A Pascal VOC root, with lists unless its one split is called all."""
    for number, (split, images) in enumerate(splits.items()):
        pictures(root / "JPEGImages", images, 1000 * (number + 1))
        for name, labels in images.items():
            if labels is not None:
                _xml(root / "Annotations" / f"{Path(name).stem}.xml", name, labels, difficult)
        if split != "all":
            listed = root / "ImageSets" / "Main" / f"{split}.txt"
            listed.parent.mkdir(parents=True, exist_ok=True)
            listed.write_text("".join(f"{Path(name).stem}\n" for name in images))
    return root


def _xml(path: Path, image: str, labels: Sequence[Box], difficult: bool) -> None:
    objects = "".join(
        f"<object><name>{name}</name><difficult>{int(difficult)}</difficult><bndbox><xmin>{x1 + 1}</xmin>"
        f"<ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in labels
    )
    size = f"<size><width>{SIZE_WH[0]}</width><height>{SIZE_WH[1]}</height></size>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation><filename>{image}</filename>{size}{objects}</annotation>")


def write_coco(root: Path, splits: Splits = PLAIN, *, crowd: bool = False) -> Path:
    """A COCO JSON of the first split."""
    split, images = next(iter(splits.items()))
    return _coco_json(root, split, images, 1000, crowd)


def write_coco_splits(root: Path, splits: Splits = PLAIN, *, crowd: bool = False) -> Path:
    """A folder with a COCO JSON of each split, `annotations/instances_train.json` and so on."""
    for number, (split, images) in enumerate(splits.items()):
        _coco_json(root, split, images, 1000 * (number + 1), crowd)
    return root


def _coco_json(root: Path, split: str, images: Mapping[str, Labels], seed: int, crowd: bool) -> Path:
    pictures(root / "images" / split, images, seed)
    numbers = {name: number for number, name in enumerate(images, 1)}
    document = {
        "images": [
            {"id": numbers[name], "file_name": name, "width": SIZE_WH[0], "height": SIZE_WH[1]}
            for name, labels in images.items()
            if labels is not None
        ],
        "categories": [{"id": 7 * (i + 1), "name": name} for i, name in enumerate(CLASSES)],
        "annotations": [
            {
                "id": 100 * numbers[image] + i,
                "image_id": numbers[image],
                "category_id": 7 * (CLASSES.index(name) + 1),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": int(crowd),
            }
            for image, labels in images.items()
            for i, (name, x1, y1, x2, y2) in enumerate(labels or ())
        ],
    }
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    path = root / "annotations" / f"instances_{split}.json"
    path.write_text(json.dumps(document))
    return path


def files(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, and every folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def image_of(dataset: Dataset, stem: str) -> Path:
    """The one image of this stem."""
    (found,) = {path for split in dataset.splits for path in split.images if path.stem == stem}
    return found


def truth_of(dataset: Dataset, stem: str) -> GroundTruth:
    """Its objects."""
    found = dataset.truth.read(image_of(dataset, stem), SIZE_WH)
    assert found is not None
    return found


def stems(dataset: Dataset, split: str) -> set[str]:
    """The images of a split."""
    (found,) = (each for each in dataset.splits if each.name == split)
    return {path.stem for path in found.images}


def train_of(data: Path) -> tuple[int, int]:
    """How many images with objects and how many without a data set has to train on."""
    dataset = open_dataset(data)
    images = labelled_images([open_dataset(data, split=dataset.train_split)])
    assert not any(image.is_unlabelled or image.broken for image in images)
    return sum(image.is_positive for image in images), sum(image.is_empty for image in images)
