"""The plot: an image file, equal for equal input, with whatever names models have."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from negmine.errors import ConfigError
from negmine.evaluating.metrics.curve import DetectionCurve
from negmine.evaluating.plot import draw_curves, require_plot_path, write_plot

EMPTY = DetectionCurve.of(np.zeros(0), np.zeros(0), objects=3, images=2)
CURVE = DetectionCurve.of(np.array([0.9, 0.5]), np.array([0.7, 0.2]), objects=2, images=5)  # it ends at no miss


@pytest.mark.parametrize(
    ("names", "curves", "lamrs"),
    [
        (["nothing"], [EMPTY], [1.0]),
        (["no objects"], [DetectionCurve.of(np.zeros(0), np.array([0.5]), objects=0, images=0)], [None]),
        (["a", "b"], [CURVE, EMPTY], [0.5, 1.0]),
        (["$x_1^{", "_hidden", "\u732b\x1b[31m \u00e4"], [CURVE, CURVE, EMPTY], [0.5, 0.5, 1.0]),
    ],
)
def test_it_is_an_image_and_the_same_each_time(
    names: list[str], curves: list[DetectionCurve], lamrs: list[float | None]
) -> None:
    data = draw_curves(names, curves, lamrs)
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert image is not None and image.shape[0] > 500 and image.shape[1] > 700
    assert data == draw_curves(names, curves, lamrs)
    assert b"Software" not in data and b"tIME" not in data


def test_another_curve_is_another_plot() -> None:
    assert draw_curves(["a"], [CURVE], [0.5]) != draw_curves(["a"], [EMPTY], [0.5])


def test_it_leaves_the_plots_of_others_alone() -> None:
    from matplotlib import pyplot

    draw_curves(["a"], [CURVE], [0.5])
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(("name", "message"), [("a.pdf", "ends in .png"), ("no/a.png", "exists"), ("d.png", "exists")])
def test_a_path_that_cannot_be_written_is_refused_before(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "d.png").mkdir()
    with pytest.raises(ConfigError, match=message):
        require_plot_path(tmp_path / name)
    require_plot_path(tmp_path / "fine.PNG")


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "d.png").mkdir()
    with pytest.raises(ConfigError, match=r"d\.png cannot be written: Is a directory"):
        write_plot(tmp_path / "d.png", ["a"], [CURVE], [0.5])
