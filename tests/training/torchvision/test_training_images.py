"""Pictures as the detectors of torchvision take them: their colours, and objects that stay where they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from negmine.training.torchvision.data import TrainingImages, as_batch

NAMES = ("lamp", "clock")
Object = tuple[int, int, int, int, int]  # class, x1, y1, x2, y2
SIZE = (80, 40)  # width and height


def picture(folder: Path, objects: Sequence[Object], *, bgr: Sequence[tuple[int, int, int]] = ()) -> Path:
    """A dark picture whose objects are white, or of the colours given, and its labels."""
    width, height = SIZE
    image = np.full((height, width, 3), 10, dtype=np.uint8)
    for (_, x1, y1, x2, y2), colour in zip(objects, bgr or [(255, 255, 255)] * len(objects), strict=True):
        image[y1:y2, x1:x2] = colour
    path = folder / "images" / "train" / "0.png"
    label = folder / "labels" / "train" / "0.txt"
    for each in (path, label):
        each.parent.mkdir(parents=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    rows = [
        (number, (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        for number, x1, y1, x2, y2 in objects
    ]
    label.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    (folder / "data.yaml").write_text(f"train: images/train\nval: images/train\nnames: [{', '.join(NAMES)}]\n")
    return path


def load(path: Path, *, augment: bool = False, seed: int = 0, first_label: int = 1) -> tuple[Tensor, Tensor, list[int]]:
    """Image, boxes and labels."""
    images = TrainingImages([path], path.parents[2] / "data.yaml", NAMES, first_label, augment=augment)
    torch.manual_seed(seed)
    image, target = images[0]
    return image, target["boxes"], target["labels"].tolist()


@pytest.mark.parametrize("augment", [False, True])
def test_a_picture_without_objects(augment: bool, tmp_path: Path) -> None:
    image, boxes, labels = load(picture(tmp_path, []), augment=augment)
    assert image.shape == (3, 40, 80)
    assert boxes.shape == (0, 4) and boxes.dtype == torch.float32
    assert labels == []


def test_colours_are_red_green_blue_from_0_to_1(tmp_path: Path) -> None:
    image, _, _ = load(picture(tmp_path, [(0, 8, 4, 24, 20)], bgr=[(51, 102, 255)]))
    assert image.dtype == torch.float32
    assert image[:, 10, 10].tolist() == pytest.approx([255 / 255, 102 / 255, 51 / 255])
    assert image[:, 30, 60].tolist() == pytest.approx([10 / 255] * 3)


@pytest.mark.parametrize("first_label", [0, 1])
def test_every_object_has_its_own_box_and_label(first_label: int, tmp_path: Path) -> None:
    objects = [(1, 8, 4, 24, 20), (0, 40, 10, 70, 36), (1, 2, 24, 30, 38)]
    _, boxes, labels = load(picture(tmp_path, objects), first_label=first_label)
    torch.testing.assert_close(boxes, torch.tensor([each[1:] for each in objects]).float())
    assert labels == [first_label + 1, first_label, first_label + 1]


def test_an_object_of_no_size_goes_with_its_label(tmp_path: Path) -> None:
    path = picture(tmp_path, [(0, 8, 4, 24, 20), (1, 40, 10, 70, 36)])
    label = tmp_path / "labels" / "train" / "0.txt"
    label.write_text("0 0.1 0.1 0.001 0.001\n" + label.read_text())
    _, boxes, labels = load(path)
    torch.testing.assert_close(boxes, torch.tensor([[8.0, 4.0, 24.0, 20.0], [40.0, 10.0, 70.0, 36.0]]))
    assert labels == [1, 2]


def _bright(image: Tensor) -> list[int]:
    """The box of what is bright, whatever its colour."""
    grey = image.mean(0)
    rows, columns = torch.where(grey > (grey.min() + grey.max()) / 2)
    return [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]


def test_a_box_stays_on_its_object_where_the_picture_is_mirrored(tmp_path: Path) -> None:
    path = picture(tmp_path, [(1, 8, 4, 24, 20)])
    places = []
    for seed in range(12):
        image, boxes, labels = load(path, augment=True, seed=seed)
        assert _bright(image) == boxes[0].round().int().tolist()
        assert labels == [2]
        places.append(_bright(image))
    plain, mirrored = [8, 4, 24, 20], [80 - 24, 4, 80 - 8, 20]
    assert places.count(plain) >= 2 and places.count(mirrored) >= 2
    assert places.count(plain) + places.count(mirrored) == 12


def test_only_augmentation_changes_colours_and_the_same_seed_changes_them_alike(tmp_path: Path) -> None:
    path = picture(tmp_path, [(0, 8, 4, 24, 20)], bgr=[(51, 102, 255)])
    plain, one, again, other = (
        load(path, augment=augment, seed=seed)[0] for augment, seed in ((False, 0), (True, 1), (True, 1), (True, 2))
    )
    assert torch.equal(load(path, seed=1)[0], plain)
    assert torch.equal(one, again)
    colours = [each.amax((1, 2)) for each in (plain, one, other)]  # whichever side the object is on
    assert not torch.allclose(colours[1], colours[0]) and not torch.allclose(colours[1], colours[2])


def test_a_batch_keeps_pictures_and_objects_together(tmp_path: Path) -> None:
    samples = [(torch.full((3, 4, 5), float(number)), {"labels": torch.full((number,), number)}) for number in range(3)]
    images, targets = as_batch(samples)
    assert [float(image.mean()) for image in images] == [0, 1, 2]
    assert [target["labels"].tolist() for target in targets] == [[], [1], [2, 2]]
