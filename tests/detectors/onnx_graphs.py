"""Tiny ONNX files whose outputs are known, opened as detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from negmine.detectors.config import DetectorConfig
from negmine.detectors.onnx.detector import OnnxDetector
from negmine.detectors.open import open_detector
from negmine.structures import Detections

Array = npt.NDArray[np.float32]


def graph(
    path: Path, outputs: dict[str, Any], *, shape: tuple[object, ...] = (1, 3, 64, 64), **metadata: str | None
) -> Path:
    """Save a model whose outputs are constants; a text `y,x` among them is the image's pixel there, [1, 3, 1]."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, declared = [], [], []
    for name, value in outputs.items():
        parts = value if isinstance(value, list) else [value]
        for index, part in enumerate(parts):
            if isinstance(part, str):
                y, x = map(int, part.split(","))
                limits = {"begin": [y, x], "end": [y + 1, x + 1], "axes": [2, 3], "shape": [1, 3, 1]}
                constants += [
                    numpy_helper.from_array(np.array(limit, np.int64), f"{name}{index}{key}")
                    for key, limit in limits.items()
                ]
                inputs = ["images", *(f"{name}{index}{key}" for key in ("begin", "end", "axes"))]
                nodes.append(helper.make_node("Slice", inputs, [f"{name}{index}pixel"]))
                nodes.append(
                    helper.make_node("Reshape", [f"{name}{index}pixel", f"{name}{index}shape"], [f"{name}{index}"])
                )
            else:
                constants.append(numpy_helper.from_array(np.asarray(part), f"{name}{index}"))
        nodes.append(
            helper.make_node(
                "Concat", [f"{name}{i}" for i in range(len(parts))], [name], axis=1 if len(parts) > 1 else 0
            )
        )
        kind = (
            TensorProto.INT64
            if not isinstance(value, list) and np.asarray(value).dtype == np.int64
            else TensorProto.FLOAT
        )
        declared.append(helper.make_tensor_value_info(name, kind, None))
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    built = helper.make_model(
        helper.make_graph(nodes, "tiny", [image], declared, constants),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
    )  # fmt: skip
    helper.set_model_props(built, {name: value for name, value in metadata.items() if value is not None})
    path.write_bytes(built.SerializeToString())
    return path


def opened(path: Path, layout: Any, **settings: Any) -> OnnxDetector:
    detector = open_detector(DetectorConfig(str(path), onnx_layout=layout, **{"device": "cpu"} | settings))
    assert isinstance(detector, OnnxDetector)
    return detector


def rows(found: Detections) -> list[tuple[list[float], float, int]]:
    return [
        ([round(float(v), 3) for v in box], round(float(score), 3), int(number))
        for box, score, number in zip(found.boxes_xyxy, found.scores, found.class_ids, strict=True)
    ]


def raw(*columns: tuple[float, ...], classes: int = 2) -> Array:
    """[1, 4 + C, 12]: columns cx, cy, w, h and scores, the rest zeros."""
    out = np.zeros((1, 4 + classes, 12), np.float32)
    out[0, :, : len(columns)] = np.array(columns, np.float32).T
    return out
