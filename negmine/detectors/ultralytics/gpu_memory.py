"""What is special about the memory of a GPU: pinned copies to it, and how much of it a batch may take.

On any other device the same calls are plain ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
import torch

from negmine.structures import Image

_MOST_AT_ONCE = 32  # pictures; more do not make a GPU faster, and what is missing to a batch is computed for nothing
_COPYING = 4  # threads; one alone is slower than the bus
_SHARE = 0.5  # of the free memory, which others use too


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Images whose copy to the device is under way.

    Attributes:
        pixels: of all images, one after the other, [P] uint8.
        shapes: of the images.
        stream: that copies them; None where nothing is under way.
    """

    pixels: torch.Tensor
    shapes: Sequence[tuple[int, ...]]
    stream: torch.cuda.Stream | None

    def stacks(self) -> list[torch.Tensor]:
        """The images in their order, [S, H, W, 3], those together that follow each other and are of one shape.

        What the device is told from here on waits for their copy; the host does not.
        """
        if self.stream is not None:
            now = torch.cuda.current_stream(self.pixels.device)
            now.wait_stream(self.stream)
            self.pixels.record_stream(now)  # else its memory would be free for the next copy too early
        shapes = [(len(list(group)), *shape) for shape, group in groupby(self.shapes)]
        flat = torch.split(self.pixels, [math.prod(shape) for shape in shapes])
        return [pixels.view(shape) for pixels, shape in zip(flat, shapes, strict=True)]


class Uploader:
    """Copies images to a device while that computes something else.

    Args:
        device: where to.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._copying = ThreadPoolExecutor(_COPYING, thread_name_prefix="negmine-upload")
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def send(self, images: Sequence[Image]) -> Uploaded:
        """Begin to copy images, all in one go.

        Args:
            images: each [H, W, 3] uint8; they may be changed as soon as this returns.
        """
        size = sum(image.size for image in images)
        # torch keeps pinned memory for the next time, and from being used again before the copy is through
        pixels = torch.empty(size, dtype=torch.uint8, pin_memory=self._stream is not None)
        ends = list(accumulate(image.size for image in images))
        parts = np.split(pixels.numpy(), ends[:-1]) if images else []
        places = [part.reshape(image.shape) for part, image in zip(parts, images, strict=True)]
        list(self._copying.map(np.copyto, places, images))
        with torch.cuda.stream(self._stream):  # of None: as ever
            sent = pixels.to(self._device, non_blocking=True)
        return Uploaded(sent, [image.shape for image in images], self._stream)


def batch_for(device: torch.device, run: Callable[[], object]) -> int:
    """How many pictures a device is given at once: on a GPU what its memory holds, one elsewhere.

    Args:
        device: that runs the model.
        run: runs it on one picture of the largest size.
    """
    if device.type != "cuda":
        return 1
    run()  # the first time loads what is needed once
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    run()
    torch.cuda.synchronize(device)
    peak = torch.cuda.max_memory_allocated(device) - before
    torch.cuda.empty_cache()
    return fitting_batch(torch.cuda.mem_get_info(device)[0], peak)


def fitting_batch(free: int, peak: int) -> int:
    """The largest power of two that half of the memory holds, from 1 to 32.

    Args:
        free: bytes of memory.
        peak: bytes that one picture takes.
    """
    batch = _MOST_AT_ONCE
    while batch > 1 and batch * peak > free * _SHARE:
        batch //= 2
    return batch
