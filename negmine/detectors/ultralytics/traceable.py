"""A checkpoint of Ultralytics as one function of one picture, which other runtimes can be given."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from negmine.detectors.ultralytics.detector import UltralyticsDetector

EXAMPLE_HW = (192, 160)  # pixels; what it is traced with
_STRIDE = 32


class Traceable(torch.nn.Module):
    """From a letterboxed picture, [1, H, W, 3] uint8 BGR, to the raw output of a detector: boxes and scores.

    That is [1, 4 + C, N]; of a model that needs no suppression [1, N, 4 + C], from which the head's own `postprocess`
    is left to take the best: how many there are depends on the size of the picture, which a traced function must not.
    """

    def __init__(self, module: torch.nn.Module, runtime: str) -> None:
        """Take a copy of a fused module.

        Args:
            module: as Ultralytics' predictor runs it.
            runtime: what it is going to be run with, by Ultralytics' name.
        """
        super().__init__()
        self.module = copy.deepcopy(module).float().cpu().eval()
        head: Any = self.module.model[-1]  # type: ignore[index]
        head.export, head.dynamic, head.format = True, True, runtime
        head.postprocess = _unchanged

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Prepare the picture as Ultralytics' predictor does, and run the module."""
        images = picture.permute(0, 3, 1, 2).flip(1).float() / 255  # [1, 3, H, W] RGB, 0 to 1
        output: torch.Tensor = self.module(images)
        return output


def _unchanged(output: torch.Tensor) -> torch.Tensor:
    return output


def why_not(original: UltralyticsDetector) -> str | None:
    """Why a checkpoint is not converted; None where it can be."""
    from ultralytics.nn.modules import Detect, RTDETRDecoder
    from ultralytics.nn.tasks import DetectionModel

    predictor = original.predictor
    module: Any = original.module
    if predictor.args.task != "detect":
        return f"it is a model for the task {predictor.args.task!r}"
    # models that are asked with words, and transformers, prepare and decode in their own ways
    if type(module) is not DetectionModel or not isinstance(module.model[-1], Detect):
        return f"it is a {type(module).__name__}"
    if isinstance(module.model[-1], RTDETRDecoder):
        return "it is a transformer"
    if predictor.model.backend.channels != 3 or predictor.model.stride != _STRIDE:
        return "it takes other images than RGB, or has another stride than 32"
    return None


def example() -> torch.Tensor:
    """A picture to trace with."""
    return torch.zeros((1, *EXAMPLE_HW, 3), dtype=torch.uint8)


@contextmanager
def tracing() -> Iterator[None]:
    """Trace without gradients, and without what torch has to say of tracing as such."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
