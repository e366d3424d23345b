"""A checkpoint of Ultralytics with all work on the pixels done by the device that runs it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch

from negmine.detectors.base import DescribedDetector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.letterbox import Placement, on_image, whole_strides
from negmine.detectors.ultralytics.checkpoint import imgsz_of
from negmine.detectors.ultralytics.detector import UltralyticsDetector, with_area
from negmine.detectors.ultralytics.gpu_letterbox import letterboxed, model_input
from negmine.detectors.ultralytics.gpu_memory import Uploaded, Uploader, batch_for
from negmine.detectors.ultralytics.gpu_nms import best_of_final, best_of_raw
from negmine.detectors.ultralytics.half_precision import halve
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import BoxError, DetectorError
from negmine.paths import printable
from negmine.structures import Detections, Image

_RUNS = 2  # batches that `predict` likes to be handed: the second is copied to the device while that computes the first
_MOST_BYTES = 1 << 30  # of the images of a batch, before they are resized


@dataclass(frozen=True, slots=True)
class _Batch:
    """Images that run together.

    Attributes:
        indices: of the images among those that `predict` was given; images of one shape follow each other.
        places: of each image in its picture.
    """

    indices: Sequence[int]
    places: Sequence[Placement]


class OnDeviceDetector(DescribedDetector):
    """Finds what Ultralytics' own predictor finds, and keeps a GPU busy: letterbox and suppression run there too.

    Images whose pictures are of one size run together, whatever sizes they have themselves. A batch that is not full is
    filled up with grey, so that a picture always runs in a batch of the same size: on a GPU the size decides how sums
    are ordered, and with that the last digits. Neither what the other images are nor how many there are changes what it
    finds in an image. The last digits may change with the size of the batch, as after running out of memory or on
    another GPU; with the place in it, as in the attention of a model on a CPU; and where torch's own kernels do not
    give the same twice.
    """

    def __init__(self, original: UltralyticsDetector, config: DetectorConfig, *, half: bool) -> None:
        """Take over what the original is.

        Args:
            original: the checkpoint, opened with `config` in single precision; it is left as it is.
            config: what was asked for.
            half: compute in half precision.
        """
        predictor = original.predictor
        self._imgsz = whole_strides(imgsz_of(config, original.trained_imgsz))
        self._args, self._class_ids, self._end2end = predictor.args, original.class_ids, predictor.model.end2end
        self._trained_imgsz, self._class_names = original.trained_imgsz, original.class_names
        self._identity = original.identity
        if half:
            settings = {**self._identity.settings, "backend": "torch half"}
            self._identity = replace(self._identity, settings=settings)
        self._dtype = torch.float16 if half else torch.float32
        self._module = _prepared(original.module, half=half)
        self._device = predictor.device
        self._uploader = Uploader(self._device)
        self._at_once = 1
        self._set_batch(config.batch or batch_for(self._device, lambda: self.predict([self._largest()])))

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, in pixels; None where it does not say."""
        return self._trained_imgsz

    @property
    def at_once(self) -> int:
        """How many pictures the model is given at once."""
        return self._at_once

    def predict(self, images: Sequence[Image]) -> list[Detections]:
        """Detect in each image; with less at once where the device runs out of memory, from then on.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            DetectorError: where the device has no memory for a single picture.
        """
        found: dict[int, Detections] = {}
        with quiet_ultralytics(), torch.inference_mode():
            while len(found) < len(images):
                try:
                    self._detect(images, found)
                except torch.cuda.OutOfMemoryError as error:
                    self._take_less(error)
        return [found[index] for index in range(len(images))]

    def _detect(self, images: Sequence[Image], found: dict[int, Detections]) -> None:
        """Detect in what is not found yet, batch by batch.

        Until its output is asked for, the device works on a batch by itself: meanwhile the next one is sent.
        """
        batches = self._batches(images, [index for index in range(len(images)) if index not in found])
        sent = self._sent(batches[0], images)
        for number, batch in enumerate(batches):
            output = self._output(batch, sent)
            if number + 1 < len(batches):
                sent = self._sent(batches[number + 1], images)
            found.update(zip(batch.indices, self._detections(batch, output, images), strict=True))

    def _batches(self, images: Sequence[Image], indices: Sequence[int]) -> list[_Batch]:
        """Images whose pictures are of one size, as many as run at once and not too many bytes together."""
        batches: list[_Batch] = []
        in_order = sorted(indices, key=lambda index: images[index].shape)  # stable; one shape after the other
        places = {index: Placement.of(images[index].shape, self._imgsz) for index in in_order}
        for size_hw in dict.fromkeys(place.picture_hw for place in places.values()):
            some, size = list[int](), 0
            for index in (index for index, place in places.items() if place.picture_hw == size_hw):
                if some and (len(some) == self._at_once or size + images[index].nbytes > _MOST_BYTES):
                    batches.append(_Batch(some, [places[each] for each in some]))
                    some, size = [], 0
                some.append(index)
                size += images[index].nbytes
            batches.append(_Batch(some, [places[each] for each in some]))
        return batches

    def _sent(self, batch: _Batch, images: Sequence[Image]) -> Uploaded:
        return self._uploader.send([images[index] for index in batch.indices])

    def _output(self, batch: _Batch, sent: Uploaded) -> torch.Tensor:
        """The model's output for the images of a batch: raw, or final where it needs no suppression."""
        stacks = sent.stacks()
        first = accumulate([0, *map(len, stacks[:-1])])
        places = [batch.places[index] for index in first]
        pictures = letterboxed(stacks, places, self._at_once)
        output: torch.Tensor = self._module(model_input(pictures, self._dtype))[0]
        return output[: len(batch.indices)]

    def _detections(self, batch: _Batch, output: torch.Tensor, images: Sequence[Image]) -> list[Detections]:
        """Wait for the output, and turn it into boxes in pixels of the images."""
        if not torch.isfinite(output).all():
            raise BoxError(f"{printable(self._identity.name)} gave boxes or scores that are not finite")
        args = self._args
        if self._end2end:
            rows = best_of_final(output, args.conf, self._class_ids, args.max_det)
        else:
            rows = best_of_raw(output, args.conf, args.iou, self._class_ids, args.max_det)
        rows = rows.cpu()
        counts = torch.bincount(rows[:, 0].long(), minlength=len(batch.indices)).tolist()
        found = []
        for index, place, row in zip(batch.indices, batch.places, torch.split(rows, counts), strict=True):
            boxes = on_image(row[:, 1:5].numpy(), place.picture_hw, images[index].shape)
            found.append(with_area(Detections(boxes, row[:, 5].numpy(), row[:, 6].numpy())))
        return found

    def _largest(self) -> Image:
        return np.zeros((self._imgsz, self._imgsz, 3), dtype=np.uint8)

    def _set_batch(self, at_once: int) -> None:
        self._at_once, self._batch_size = at_once, _RUNS * at_once

    def _take_less(self, error: Exception) -> None:
        name = printable(self._identity.name)
        if self._at_once == 1:
            raise DetectorError(
                f"expected memory on {self._device} to run {name} on one image at imgsz {self._imgsz}, found too "
                "little; use a smaller --imgsz, or --device cpu"
            ) from error
        self._set_batch(self._at_once // 2)
        self.note(f"{self._device} ran out of memory: {name} runs on {self._at_once} images at once from then on")


def _prepared(module: torch.nn.Module, *, half: bool) -> torch.nn.Module:
    """A copy of a fused module, laid out as convolutions like it, with nothing kept from other runs."""
    ours = copy.deepcopy(module).eval()
    head: Any = ours.model[-1]  # type: ignore[index]
    head.shape = None  # else anchors of another precision would be taken again
    if half:
        halve(ours)
    return ours.to(memory_format=torch.channels_last)
