"""ONNX: converting a checkpoint, and running it with onnxruntime on all cores."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from negmine.cores import usable_cores
from negmine.detectors.nms import Rows
from negmine.detectors.onnx.session import load_session
from negmine.detectors.ultralytics.interrupts import interrupt_later
from negmine.structures import Image

_OPSET = 17
_HANDED = 8  # pictures of one call, for each core: at its end cores run dry


def convert(module: Any) -> dict[str, bytes]:
    """Convert a fused module, for pictures of any size.

    Returns:
        The one part of the model, by its name.
    """
    import torch

    from negmine.detectors.ultralytics.traceable import Traceable, example, tracing

    with tracing(), interrupt_later(), tempfile.TemporaryDirectory(prefix="negmine-") as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            Traceable(module, "onnx"),
            (example(),),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["picture"],
            output_names=["output"],
            dynamic_axes={"picture": {1: "height", 2: "width"}, "output": {1: "rows", 2: "columns"}},
        )
        return {path.name: path.read_bytes()}


class OnnxRunner:
    """Runs pictures on all cores, one core a picture."""

    def __init__(self, parts: Mapping[str, bytes], *, cores: int | None = None) -> None:
        """Load a model.

        Args:
            parts: what `convert` made.
            cores: to run on; None for all that the process may use.
        """
        self._cores = cores or usable_cores()
        self._session = load_session(parts["model.onnx"])

    @property
    def at_once(self) -> int:
        """How many pictures it likes to be handed together."""
        return _HANDED * self._cores

    def run(self, pictures: Iterable[Image]) -> Iterator[Rows]:
        """Run each picture by itself; see `Runner`."""
        waiting: deque[Future[Rows]] = deque()
        with ThreadPoolExecutor(self._cores, thread_name_prefix="negmine-onnx") as pool:
            for picture in pictures:
                if len(waiting) > self._cores:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(self._run_one, picture))
            while waiting:
                yield waiting.popleft().result()

    def _run_one(self, picture: Image) -> Rows:
        output: Rows = self._session.run(None, {"picture": picture[None]})[0]
        return output
