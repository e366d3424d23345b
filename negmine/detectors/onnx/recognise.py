"""Which layout the outputs of an ONNX graph have: told by their shapes, by their values on images, and by metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negmine.detectors.config import DetectorConfig, OnnxLayout
from negmine.detectors.onnx.decoding import Outputs
from negmine.detectors.onnx.graph import Graph
from negmine.detectors.onnx.layouts import LAYOUTS, ULTRALYTICS, GraphLayout
from negmine.detectors.onnx.session import VERIFIER, first_line, metadata_inside, open_session
from negmine.detectors.samples import Samples
from negmine.detectors.telemetry import import_quietly
from negmine.errors import WeightsError
from negmine.paths import printable
from negmine.structures import Image

_IMAGES = 4  # of the user's, that a layout is tried on
_NOISE = 255  # the seed of the image that it is tried on where there are none


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a graph gave for a few images, prepared as a layout says.

    Attributes:
        input_wh: size of the input, pixels.
        outputs: for each image.
    """

    input_wh: tuple[int, int]
    outputs: Sequence[Outputs]

    def classes(self, layout: GraphLayout) -> int | None:
        """The number of classes by shape; 0 if unknown, None where the shapes are of another layout."""
        counts = {layout.classes(outputs, self.input_wh) for outputs in self.outputs}
        return counts.pop() if len(counts) == 1 else None

    def doubt(self, layout: GraphLayout) -> str | None:
        """The first value that cannot be of a layout with these shapes, in words."""
        doubts = (layout.doubt(outputs, self.input_wh) for outputs in self.outputs)
        return next((doubt for doubt in doubts if doubt is not None), None)

    def fitting(self) -> list[OnnxLayout]:
        """The layouts that shapes and values fit, by name."""
        return [
            name
            for name, layouts in LAYOUTS.items()
            if any(self.classes(layout) is not None and self.doubt(layout) is None for layout in layouts)
        ]

    @property
    def is_by_rows(self) -> bool:
        """Whether a detection is a row, and not a column as Ultralytics writes masks and keypoints too."""
        shape = self.outputs[0][0].shape
        return len(shape) != 2 or shape[0] > shape[1]

    @property
    def shapes(self) -> str:
        """The shapes of the outputs, without their batch axis, for a message."""
        return ", ".join(str(list(output.shape)) for output in self.outputs[0])


def try_out(graph: Graph, layout: GraphLayout, config: DetectorConfig, samples: Samples | None) -> Trial:
    """Run a graph on a black image, and on a few of the user's, or on noise where there are none.

    Raises:
        ConfigError: where the graph takes another size only, or one of over 2048 pixels that nobody asked for.
        WeightsError: where it cannot be run.
    """
    input_wh = graph.size(layout, config)
    black = np.zeros((input_wh[1], input_wh[0], 3), dtype=np.uint8)
    images: list[Image] = [black, *(samples(_IMAGES) if samples is not None else [_noise(input_wh)])]
    try:
        return Trial(input_wh, [outputs for image in images for outputs in graph.run([image], layout, input_wh)])
    except WeightsError:
        raise
    except Exception as error:  # onnxruntime's errors have no common root
        raise WeightsError(f"{graph.where} cannot be run: {printable(first_line(error))}") from error


def told_layout(config: DetectorConfig, samples: Samples | None) -> OnnxLayout | None:
    """The layout of an ONNX file that the user gave none for; None where Ultralytics is to open it.

    Ultralytics writes the task into its exports, and negmine names the verifier in its own. YOLOv5 writes the names and
    the stride alone, as the first releases of Ultralytics did, so there the outputs decide.

    Raises:
        WeightsError: where the file names no classes, or its outputs may be of several layouts, or of none.
    """
    path = Path(config.weights)
    if not path.is_file() or not _can_run():
        return None
    session = open_session(path, config, "cpu")
    metadata = metadata_inside(session)
    if VERIFIER in metadata:
        return "ultralytics"
    if "task" in metadata:
        return None
    graph = Graph(path, session)
    trial = try_out(graph, ULTRALYTICS, config, samples)
    fitting = trial.fitting()
    if not graph.names:
        raise WeightsError(
            f"{graph.where} was not exported by Ultralytics (no class names inside); name its classes with "
            f"--class-names FILE, and say what it is with --onnx-layout {_either(fitting or list(LAYOUTS))}, or wrap "
            "its runtime in a FunctionDetector"
        )
    if fitting == ["ultralytics"] or not (fitting or trial.is_by_rows):
        return None
    if len(fitting) == 1:
        return fitting[0]
    found = f"may be of the layout {_either(fitting)}" if fitting else "fit no layout"
    raise WeightsError(
        f"{graph.where}: the outputs {trial.shapes} {found}; say which it is with --onnx-layout, or export it again"
    )


def misfit(graph: Graph, layout: GraphLayout, trial: Trial) -> WeightsError:
    """The error for outputs that are not of the layout that the user named; it names those that fit."""
    width, height = trial.input_wh
    shaped = trial.classes(layout) is not None
    values = f", and in it {trial.doubt(layout)}" if shaped else ""
    return WeightsError(
        f"{graph.where} is not of the layout {layout.name}: expected {layout.expected}, found for an input of "
        f"{width}x{height} and without the batch axis {trial.shapes}{values}; choose another --onnx-layout"
        f"{_seems(trial.fitting())}"
    )


def _can_run() -> bool:
    try:
        import_quietly("onnxruntime")
    except ImportError:
        return False
    return True


def _noise(input_wh: tuple[int, int]) -> Image:
    return np.random.default_rng(_NOISE).integers(0, 256, (input_wh[1], input_wh[0], 3), dtype=np.uint8)


def _seems(fitting: Sequence[str]) -> str:
    return f": {_either(fitting)} fits" if fitting else ""


def _either(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
