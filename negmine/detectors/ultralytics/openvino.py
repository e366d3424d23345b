"""OpenVINO: converting a checkpoint, and running it on all cores. The only place that imports it."""

from __future__ import annotations

import functools
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from negmine.cores import usable_cores
from negmine.detectors.nms import Rows
from negmine.detectors.telemetry import import_quietly, no_reporting
from negmine.structures import Image

_MOST_STREAMS = 16  # each has memory of its own
_PER_STREAM = 2  # images in flight: one that runs, and one that waits for it
_HANDED, _HANDED_AT_LEAST = 4, 16  # images per call, for each stream, and in all: streams run dry at the end of a call
_SHAPES = 8  # models for one input size each that are kept at a time


def to_openvino(module: Any) -> dict[str, bytes]:
    """Convert a fused module, for images of any size.

    Returns:
        The parts of the model, by name.
    """
    import torch

    from negmine.detectors.ultralytics.tracing import Traceable, example, tracing

    openvino = import_quietly("openvino")
    with tracing(), no_reporting():
        traced = torch.jit.trace(Traceable(module, "openvino"), example(), strict=False, check_trace=False)  # type: ignore[no-untyped-call]
        model = openvino.convert_model(traced, input=[1, -1, -1, 3], example_input=example())
    return to_parts(model)


def to_parts(model: Any) -> dict[str, bytes]:
    """A model of OpenVINO as the bytes of its two files."""
    openvino = import_quietly("openvino")
    with tempfile.TemporaryDirectory(prefix="negmine-") as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return {file.name: file.read_bytes() for file in (path, path.with_suffix(".bin"))}


def read_model(parts: Mapping[str, bytes]) -> Any:
    """A model of OpenVINO from the bytes of its two files."""
    return _core().read_model(parts["model.xml"], parts["model.bin"])


class OpenVinoRunner:
    """Runs images on all cores, one core per image: that is faster than all cores on one image.

    Images are handed to requests in turn and waited for in order; `AsyncInferQueue` of OpenVINO would do the same
    with callbacks, and has been seen to hang (ultralytics/ultralytics#25923).
    """

    def __init__(self, parts: Mapping[str, bytes], *, fixed_shapes: bool = False, cores: int | None = None) -> None:
        """Load a model.

        Args:
            parts: what `to_openvino` made.
            fixed_shapes: build a model for each input size: 8-bit weights crash with others on some CPUs
                (openvinotoolkit/openvino#37577).
            cores: to run on; None for all that the process may use.
        """
        self._cores = cores or usable_cores()
        self._streams = min(self._cores, _MOST_STREAMS)
        self._model = read_model(parts)
        self._fixed_shapes = fixed_shapes
        self._requests: OrderedDict[tuple[int, ...], list[Any]] = OrderedDict()
        if not fixed_shapes:
            self._requests[()] = self._compiled(self._model)

    @property
    def at_once(self) -> int:
        """How many images `run` works best on."""
        return max(_HANDED * self._streams, _HANDED_AT_LEAST)

    def run(self, inputs: Iterable[Image]) -> Iterator[Rows]:
        """Run each letterboxed image on its own; see `Runner`."""
        waiting: OrderedDict[int, Any] = OrderedDict()  # requests that run, oldest first
        try:
            for number, image in enumerate(inputs):
                requests = self._requests_for(image.shape)
                request = requests[number % len(requests)]
                while len(waiting) >= len(requests) or id(request) in waiting:
                    yield _output(waiting.popitem(last=False)[1])
                request.start_async({0: image[None]})
                waiting[id(request)] = request
            while waiting:
                yield _output(waiting.popitem(last=False)[1])
        finally:
            for request in waiting.values():  # they would still be running at the next call
                request.wait()

    def _requests_for(self, shape: tuple[int, ...]) -> list[Any]:
        key = shape if self._fixed_shapes else ()
        if key not in self._requests:
            model = self._model.clone()
            model.reshape([1, *shape])
            self._requests[key] = self._compiled(model)
        self._requests.move_to_end(key)
        if len(self._requests) > _SHAPES:
            self._requests.popitem(last=False)
        return self._requests[key]

    def _compiled(self, model: Any) -> list[Any]:
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # not a lower one because the CPU has it
            "NUM_STREAMS": self._streams,
            "INFERENCE_NUM_THREADS": self._cores,
            "ENABLE_CPU_PINNING": False,  # decoding goes on beside it
        }
        compiled = _core().compile_model(model, "CPU", settings)
        return [compiled.create_infer_request() for _ in range(_PER_STREAM * self._streams)]


@functools.cache
def _core() -> Any:
    """The one of this process, kept to its end.

    Each has a CPU plugin that gives the thread a stack for signals. Where several are destroyed in another order than
    they were made, the thread is left with one that is gone, and the next signal, such as of a child that ends, is a
    segmentation fault (seen with OpenVINO 2026.4).
    """
    return import_quietly("openvino").Core()


def _output(request: Any) -> Rows:
    request.wait()
    output: Rows = np.asarray(request.get_output_tensor(0).data)
    return output
