"""A checkpoint of Ultralytics as one function of one image, which other runtimes can be given."""

from __future__ import annotations

import copy
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from negmine.detectors.ultralytics.detector import UltralyticsDetector

EXAMPLE_HW = (192, 160)  # pixels; what it is traced with
_STRIDE = 32


class Traceable(torch.nn.Module):
    """From a letterboxed image, [1, H, W, 3] uint8 BGR, to the raw output of a detector: boxes and scores.

    That is [1, 4 + C, N]; of an end-to-end model [1, N, 4 + C], from which the head's own `postprocess` is left to take
    the best: how many there are depends on the size of the input, which a traced function must not.
    """

    def __init__(self, module: torch.nn.Module, runtime: str) -> None:
        """Take a copy of a fused module.

        Args:
            module: as Ultralytics' predictor runs it.
            runtime: what will run it, by Ultralytics' name.
        """
        super().__init__()
        self.module = exportable(module, runtime)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Prepare the image as Ultralytics' predictor does, and run the module."""
        images = image.permute(0, 3, 1, 2).flip(1).float() / 255  # [1, 3, H, W] RGB, 0 to 1
        output: torch.Tensor = self.module(images)
        return output


def exportable(module: torch.nn.Module, runtime: str) -> torch.nn.Module:
    """A copy of a fused module that gives its raw output alone, for inputs of any size.

    Args:
        module: as Ultralytics' predictor runs it.
        runtime: what will run it, by Ultralytics' name.
    """
    copied = copy.deepcopy(module).float().cpu().eval()
    head: Any = copied.model[-1]  # type: ignore[index]
    head.export, head.dynamic, head.format = True, True, runtime
    head.postprocess = _unchanged
    return copied


def _unchanged(output: torch.Tensor) -> torch.Tensor:
    return output


def why_not(original: UltralyticsDetector) -> str | None:
    """Why a checkpoint cannot be converted; None where it can."""
    from ultralytics.nn.modules import Detect, RTDETRDecoder
    from ultralytics.nn.tasks import DetectionModel

    predictor = original.predictor
    module: Any = original.module
    if predictor.args.task != "detect":
        return f"it is a model for the task {predictor.args.task!r}"
    # open-vocabulary models and transformers prepare and decode in their own ways
    if type(module) is not DetectionModel or not isinstance(module.model[-1], Detect):
        return f"it is a {type(module).__name__}"
    if isinstance(module.model[-1], RTDETRDecoder):
        return "it is a transformer"
    if predictor.model.backend.channels != 3 or predictor.model.stride != _STRIDE:
        return "it does not take RGB images, or its stride is not 32"
    return None


def example() -> torch.Tensor:
    """An image to trace with."""
    return torch.zeros((1, *EXAMPLE_HW, 3), dtype=torch.uint8)


@contextmanager
def tracing() -> Iterator[None]:
    """Trace without gradients, without torch's warnings about tracing, and with Ctrl-C at the end only."""
    with torch.no_grad(), warnings.catch_warnings(), delayed_interrupt():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def delayed_interrupt() -> Iterator[None]:
    """Delay a Ctrl-C to the end of the block, for C++ that calls Python and does not survive an exception there."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    pressed: list[FrameType | None] = []
    signal.signal(signal.SIGINT, lambda _, frame: pressed.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            os.kill(os.getpid(), signal.SIGINT)
