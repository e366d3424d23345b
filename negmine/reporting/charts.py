"""Charts as lines and ticks on a canvas of fixed size; the template of the page draws them as SVG.

Hand-made, so that they take the colours of the page, dark or light, have real text in them, and are the same bytes on
every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from negmine.reporting.curves import BandPoint

WIDTH, HEIGHT = 400, 290
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 12, 48  # margins


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        title: what is on it.
        low, high: its ends.
        logarithmic: whether equal steps are equal factors.
        ticks: values that are marked.
    """

    title: str
    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """Where a value is, from 0 at the low end to 1; what lies outside is at the end."""
        scale: Callable[[float], float] = math.log10 if self.logarithmic else float
        inside = min(max(value, self.low), self.high)
        return (scale(inside) - scale(self.low)) / (scale(self.high) - scale(self.low))


@dataclass(frozen=True, slots=True)
class Line:
    """A curve with its band, as points of SVG."""

    name: str
    points: str
    band: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of curves.

    Attributes:
        title: of the chart.
        description: what it shows, for those who do not see it.
        x, y: axes.
        x_ticks, y_ticks: place in pixels and text of each.
        lines: the curves.
    """

    title: str
    description: str
    x: Axis
    y: Axis
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram of scores.

    Attributes:
        title: of the chart.
        description: what it shows, for those who do not see it.
        bars: left end, height, both of 100, and a text, of each.
        most: the number that the highest bar stands for.
    """

    title: str
    description: str
    bars: tuple[tuple[float, float, str], ...]
    most: int


def linear(title: str, low: float, high: float) -> Axis:
    """An axis of equal steps."""
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return Axis(title, low, high, False, tuple(number * step for number in range(first, int(high / step + 1e-9) + 1)))


def logarithmic(title: str, values: Sequence[float]) -> Axis:
    """An axis from the power of ten under the values to the one over them; what is 0 lies at its low end."""
    known = [value for value in values if 0 < value < math.inf]
    low = max(math.floor(math.log10(min(known, default=0.01))), -4)
    high = max(math.ceil(math.log10(max(known, default=1.0))), low + 1)
    return Axis(title, 10.0**low, 10.0**high, True, tuple(10.0**power for power in range(low, high + 1)))


def chart(
    title: str, description: str, axes: tuple[Axis, Axis], curves: Sequence[tuple[str, Sequence[BandPoint], bool]]
) -> Chart:
    """A chart.

    Args:
        title: of it.
        description: of it, in words.
        axes: horizontal and vertical.
        curves: name and points of each, and whether the value of a point is on the horizontal axis.
    """
    x, y = axes
    return Chart(
        title,
        description,
        x,
        y,
        tuple((_number(_across(x, tick)), _label(tick)) for tick in x.ticks),
        tuple((_number(_down(y, tick)), _label(tick)) for tick in y.ticks),
        tuple(_line(name, points, axes, sideways=sideways) for name, points, sideways in curves),
    )


def histogram(title: str, counts: Sequence[int]) -> Histogram:
    """A histogram of scores from 0 to 1, in bins of equal width."""
    most, total, width = max(counts, default=0), sum(counts), 100 / max(len(counts), 1)
    bars = []
    for index, count in enumerate(counts):
        span = f"{index / len(counts):.2f} to {(index + 1) / len(counts):.2f}"
        bars.append((_number(index * width), _number(100 * count / max(most, 1)), f"{span}: {count}"))
    high = sum(counts[len(counts) * 4 // 5 :])
    description = f"{total} false positives by score; {high} of them score 0.8 or more"
    return Histogram(title, description, tuple(bars), most)


def _line(name: str, points: Sequence[BandPoint], axes: tuple[Axis, Axis], *, sideways: bool) -> Line:
    known = [point for point in points if math.isfinite(point.value)]

    def place(at: float, value: float) -> str:
        x, y = (value, at) if sideways else (at, value)
        return f"{_number(_across(axes[0], x))},{_number(_down(axes[1], y))}"

    middle = [place(point.at, point.value) for point in known]
    edge = [place(point.at, point.low) for point in known] + [place(point.at, point.high) for point in known[::-1]]
    return Line(name, " ".join(middle), " ".join(edge))


def _across(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _down(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _number(value: float) -> float:
    return round(value, 1)


def _label(value: float) -> str:
    return f"{round(value, 6):g}"


def _step(width: float) -> float:
    """A round number of which about five make the width."""
    raw = max(width, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= raw * 0.999)
