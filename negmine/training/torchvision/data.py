"""Training images in the form that torchvision's detectors take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from negmine.errors import ImageError, LabelError, TrainingError
from negmine.images import decode_image, read_image
from negmine.labels.yolo import label_path
from negmine.labels.yolo_layouts import open_layout
from negmine.paths import printable

Sample = tuple[Tensor, dict[str, Tensor]]
Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


class TrainingImages(Dataset[Sample | TrainingError]):
    """Images and their objects, flipped and with changed colours at random.

    Args:
        images: at `.../images/...`, with YOLO labels at `.../labels/...`.
        data_yaml: names the classes.
        class_names: of the labels `first_label`, `first_label` + 1, ...
        first_label: of the model.
        augment: change images at random, by torch's generator.

    An item is an image [3, H, W] from 0 to 1, and a target with `boxes` [N, 4] xyxy and `labels` [N], where N may be 0.
    An image that cannot be read gives the error as its item, since an error that a loading process raises would be
    shown with that process's traceback.
    """

    def __init__(
        self, images: Sequence[Path], data_yaml: Path, class_names: Sequence[str], first_label: int, *, augment: bool
    ) -> None:
        self._images = list(images)
        self._row_format = open_layout(data_yaml).row_format
        self._labels: Mapping[str, int] = {name: first_label + number for number, name in enumerate(class_names)}
        changes = [v2.RandomHorizontalFlip(0.5), v2.RandomPhotometricDistort(p=0.5)] if augment else []
        self._change = v2.Compose([*changes, v2.SanitizeBoundingBoxes(min_size=1)])

    def path(self, index: int) -> Path:
        """The path of an image."""
        return self._images[index]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample | TrainingError:
        path = self._images[index]
        try:
            image = decode_image(read_image(path))
            height, width = image.shape[:2]
            truth = self._row_format.truth(label_path(path), (width, height), tuple(self._labels))
        except (ImageError, LabelError, OSError) as error:
            return TrainingError(f"{printable(path)} cannot be trained on: {error}; remove it")
        pixels = tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))))
        target = {
            "boxes": tv_tensors.BoundingBoxes(
                torch.as_tensor(truth.boxes_xyxy, dtype=torch.float32).reshape(-1, 4),
                format="XYXY",
                canvas_size=(height, width),
            ),
            "labels": torch.tensor([self._labels[name] for name in truth.class_names], dtype=torch.int64),
        }
        pixels, target = self._change(pixels, target)
        tensor: Tensor = pixels.as_subclass(torch.Tensor).float() / 255
        return tensor, {"boxes": target["boxes"].as_subclass(torch.Tensor), "labels": target["labels"]}


def as_batch(samples: Sequence[Sample | TrainingError]) -> Batch | TrainingError:
    """Lists of images, whose sizes differ, and of targets; or the error of an image that cannot be read."""
    images, targets = [], []
    for sample in samples:
        if isinstance(sample, TrainingError):
            return sample
        images.append(sample[0])
        targets.append(sample[1])
    return images, targets


def opened(batches: Iterable[Batch | TrainingError]) -> Iterator[Batch]:
    """The batches.

    Raises:
        TrainingError: where one could not be read.
    """
    for batch in batches:
        if isinstance(batch, TrainingError):
            raise batch
        yield batch
