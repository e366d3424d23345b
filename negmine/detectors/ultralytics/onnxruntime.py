"""ONNX: converting a checkpoint, and running it with onnxruntime on all cores."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from negmine.cores import usable_cores
from negmine.detectors.nms import Rows
from negmine.detectors.onnx.session import load_session
from negmine.engines.threads import ThreadEngine
from negmine.structures import Image

_OPSET = 17
_HANDED = 8  # images per call and core: cores run dry at the end of a call


def to_onnx(module: Any) -> dict[str, bytes]:
    """Convert a fused module, for images of any size.

    Returns:
        The one part of the model, by name.
    """
    import torch

    from negmine.detectors.ultralytics.tracing import Traceable, example, tracing

    with tracing(), tempfile.TemporaryDirectory(prefix="negmine-") as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            Traceable(module, "onnx"),
            (example(),),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["image"],
            output_names=["output"],
            dynamic_axes={"image": {1: "height", 2: "width"}, "output": {1: "rows", 2: "columns"}},
        )
        return {path.name: path.read_bytes()}


class OnnxRunner:
    """Runs images on all cores, one core per image."""

    def __init__(self, parts: Mapping[str, bytes], *, cores: int | None = None) -> None:
        """Load a model.

        Args:
            parts: what `to_onnx` made.
            cores: to run on; None for all that the process may use.
        """
        self._cores = cores or usable_cores()
        self._session = load_session(parts["model.onnx"])

    @property
    def at_once(self) -> int:
        """How many images `run` works best on."""
        return _HANDED * self._cores

    def run(self, inputs: Iterable[Image]) -> Iterator[Rows]:
        """Run each letterboxed image on its own; see `Runner`."""
        with ThreadEngine(self._cores, name="negmine-onnx") as engine:
            yield from engine.map(self._run_one, inputs, ahead=self._cores + 1)

    def _run_one(self, image: Image) -> Rows:
        output: Rows = self._session.run(None, {"image": image[None]})[0]
        return output
