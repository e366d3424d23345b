"""What may be asked of a detector."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from negmine.detectors.config import DetectorConfig, PredictionsConfig
from negmine.errors import ConfigError


def test_what_a_framework_has_a_default_of_is_left_to_it() -> None:
    config = DetectorConfig("w.pt")
    assert (config.conf, config.iou, config.imgsz, config.batch) == (0.25, None, None, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conf": -0.01}, "conf from 0 to 1, found -0.01"),
        ({"conf": 1.01}, "conf from 0 to 1"),
        ({"iou": math.nan}, "iou from 0 to 1, found nan"),
        ({"imgsz": 31}, "32 pixels or more, found 31"),
        ({"batch": 0}, "batch of 1 or more, found 0"),
        ({"device": " "}, "auto, cpu or 0"),
        ({"classes": ("cat", "cat")}, "every class once"),
        ({"onnx_layout": "v7"}, "onnx_layout of yolox, ultralytics, yolov5, ssd, found 'v7'"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_what_was_expected(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DetectorConfig("w.pt", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"), [({"conf": -0.01}, "conf from 0 to 1"), ({"classes": ("cat", "cat")}, "every class once")]
)
def test_so_is_one_of_predictions(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PredictionsConfig("results.json", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_the_ends_of_the_ranges_are_allowed(edge: float) -> None:
    assert DetectorConfig("w.pt", conf=edge, iou=edge, imgsz=32, batch=1).conf == edge


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, negmine.detectors.config, negmine.detectors.open;"
        "print([m for m in ('torch', 'cv2', 'ultralytics', 'numpy.linalg.lapack_lite') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
