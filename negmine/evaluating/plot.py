"""The plot of an evaluation: miss rate against false positives per image. No other module imports matplotlib."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from negmine.errors import ConfigError
from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.paths import printable
from negmine.structures import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_FPPI, _LEAST_MISS = 1e-3, 1e-2  # where the axes begin, unless a curve goes further
_MOST_FPPI = 10.0  # where the axis ends, however far a curve goes: no detector is used there
_LAST_OF_THE_FONT = "\u052f"  # few fonts have what comes after it


def require_plot_path(path: Path) -> None:
    """Check, before any work is done, that a plot can be written to a path.

    Raises:
        ConfigError: if the suffix is not .png, or the folder does not exist.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"expected a plot file that ends in .png, found {printable(path)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"the plot cannot be written to {printable(path)}; name a file in a folder that exists")


def write_plot(
    path: Path, names: Sequence[str], curves: Sequence[DetectionCurve], lamrs: Sequence[float | None]
) -> None:
    """Draw the curves into a PNG file.

    Raises:
        ConfigError: if it cannot be written.
    """
    data = draw_curves(names, curves, lamrs)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(
            f"the plot {printable(path)} cannot be written: {error.strerror}; name another file"
        ) from error


def draw_curves(names: Sequence[str], curves: Sequence[DetectionCurve], lamrs: Sequence[float | None]) -> bytes:
    """Draw one curve for each model, on logarithmic axes; equal input gives equal bytes.

    Args:
        names: of the models.
        curves: of each.
        lamrs: log-average miss rate of each, for the legend.

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, curve, lamr in zip(names, curves, lamrs, strict=True):
        _draw(axes, name, curve, lamr)
    axes.set_xlim(_floor(_LEAST_FPPI, [curve.fppi for curve in curves]), _MOST_FPPI)
    axes.set_ylim(_floor(_LEAST_MISS, [1 - curve.recall for curve in curves]), 1.05)
    axes.set_xlabel("false positives per image")
    axes.set_ylabel("miss rate (1 - recall)")
    axes.grid(visible=True, which="both", alpha=0.3)
    legend = axes.legend(loc="lower left", title="log-average miss rate, model")
    for text in legend.get_texts():
        text.set_parse_math(False)  # a dollar in a name is a dollar
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _draw(axes: Axes, name: str, curve: DetectionCurve, lamr: float | None) -> None:
    """Draw a staircase: counts hold from one threshold to the next. It begins at a miss rate of 1."""
    left = _LEAST_FPPI / 10
    fppi = np.concatenate([[left], np.maximum(curve.fppi, left)])
    miss = np.concatenate([[1.0], 1 - curve.recall])
    miss = np.maximum(miss, _LEAST_MISS / 10)  # a logarithmic axis has no 0
    label = f"{'-' if lamr is None else f'{lamr:.3f}'}  {_drawable(name)}"
    axes.plot(fppi, miss, drawstyle="steps-post", label=label)


def _floor(usual: float, values: Sequence[FloatArray]) -> float:
    """Where an axis begins."""
    least = [float(each[each > 0].min()) for each in values if (each > 0).any()]
    return max(min([usual, *least]), usual / 10)


def _drawable(name: str) -> str:
    """A name in letters that the font has."""
    escaped = (c if c <= _LAST_OF_THE_FONT else c.encode("unicode_escape").decode("ascii") for c in printable(name))
    return "".join(escaped)
