"""Tiles: what they find, and what they cost beside SAHI.

    python benchmarks/tiles.py speed --weights yolo11n.pt --images gtsdb/images --sahi sahi-venv/bin/python
    python benchmarks/tiles.py accuracy --weights yolo11n.pt --data drone_visible --classes airplane,bird

`speed` runs negmine's `TiledDetector` and SAHI's `get_sliced_prediction` over the same images with the same tiles, in
processes of their own, in turn, on as many threads. SAHI merges by NMS at IoU 0.5 within each class, as negmine does,
so that both find the same; its default, GREEDYNMM, is a third side. Each reads every image from its file. Printed are
CPU time and clock per image (medians of the rounds, in seconds), the detections, how many of them negmine has too
(same class, IoU over 0.5: SAHI rounds its boxes to whole pixels), and the ratio of CPU times.

`accuracy` evaluates the same weights on whole images, in tiles, and at two scales.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Rows = list[list[float]]  # x1, y1, x2, y2, score, class
_CONF, _OVERLAP = 0.25, 0.2
_SIDES = ("negmine", "sahi", "sahi-default")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "accuracy", "worker"])
    parser.add_argument("--weights", required=True)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--classes", default="")
    parser.add_argument("--tile", type=int, default=320)
    parser.add_argument("--imgsz", type=int, default=640)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--sahi", default=sys.executable)
    parser.add_argument("--side", choices=_SIDES)
    arguments = parser.parse_args()
    {"speed": speed, "accuracy": accuracy, "worker": worker}[arguments.what](arguments)


def speed(arguments: argparse.Namespace) -> None:
    """Run the sides in turn, and print what each took."""
    workers = {side: _Worker(arguments, side) for side in _SIDES}
    results: dict[str, list[dict[str, Any]]] = {side: [] for side in _SIDES}
    for _ in range(arguments.rounds + 1):  # the first warms up
        for side, each in workers.items():
            results[side].append(each.run())
    for each in workers.values():
        each.end()
    cpu = {side: statistics.median(each["cpu"] for each in rounds[1:]) for side, rounds in results.items()}
    ours: list[Rows] = results["negmine"][-1]["found"]
    for side, rounds in results.items():
        clock = statistics.median(each["clock"] for each in rounds[1:])
        found = rounds[-1]["found"]
        print(
            f"{side:14} {cpu[side]:.3f} s CPU, {clock:.3f} s clock per image, {sum(map(len, found))} detections, "
            f"{_shared(ours, found)} of them as negmine's, CPU time / negmine's {cpu[side] / cpu['negmine']:.2f}"
        )


class _Worker:
    """A side in a process of its own, which runs over all images whenever it is told to."""

    def __init__(self, arguments: argparse.Namespace, side: str) -> None:
        python = sys.executable if side == "negmine" else arguments.sahi
        names = ("weights", "images", "tile", "imgsz", "count", "threads", "backend")
        options = [text for name in names for text in (f"--{name}", str(getattr(arguments, name)))]
        self._process = subprocess.Popen(
            [python, __file__, "worker", "--side", side, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def run(self) -> dict[str, Any]:
        """One round."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                document: dict[str, Any] = json.loads(line)
                return document
        raise SystemExit(f"a side ended with status {self._process.wait()}")

    def end(self) -> None:
        """Let it go."""
        self._process.communicate()


def worker(arguments: argparse.Namespace) -> None:
    """Run over the images for every line that comes in."""
    paths = sorted(arguments.images.iterdir())[:: max(len(list(arguments.images.iterdir())) // arguments.count, 1)]
    run = _negmine(arguments) if arguments.side == "negmine" else _sahi(arguments)
    for _ in sys.stdin:
        cpu, clock = time.process_time(), time.perf_counter()
        found = run(paths[: arguments.count])
        took = {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock}
        print(json.dumps({name: value / len(found) for name, value in took.items()} | {"found": found}), flush=True)


def _negmine(arguments: argparse.Namespace) -> Callable[[list[Path]], list[Rows]]:
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.open import open_detector
    from negmine.detectors.samples import samples_of
    from negmine.detectors.tiling.config import TileConfig
    from negmine.images import decode_image

    tiles = TileConfig((arguments.tile, arguments.tile), _OVERLAP)
    config = DetectorConfig(
        arguments.weights, conf=_CONF, imgsz=arguments.imgsz, device="cpu", backend=arguments.backend, tiles=tiles
    )
    detector = open_detector(config, samples_of(sorted(arguments.images.iterdir())))
    _set_threads(arguments.threads)

    def run(paths: list[Path]) -> list[Rows]:
        found = [detector.predict([decode_image(path.read_bytes())])[0] for path in paths]
        return [
            np.column_stack([each.boxes_xyxy, each.scores, each.class_ids]).tolist() if len(each) else []
            for each in found
        ]

    return run


def _sahi(arguments: argparse.Namespace) -> Callable[[list[Path]], list[Rows]]:
    from sahi import AutoDetectionModel  # type: ignore[import-not-found]
    from sahi.predict import get_sliced_prediction  # type: ignore[import-not-found]

    model = AutoDetectionModel.from_pretrained(
        model_type="ultralytics", model_path=arguments.weights, confidence_threshold=_CONF, device="cpu",
        image_size=arguments.imgsz, fuse=True,
    )  # fmt: skip
    merge = {} if arguments.side == "sahi-default" else {"postprocess_type": "NMS", "postprocess_match_metric": "IOU"}

    def run(paths: list[Path]) -> list[Rows]:
        found = []
        for path in paths:
            result = get_sliced_prediction(
                str(path), model, slice_height=arguments.tile, slice_width=arguments.tile,
                overlap_height_ratio=_OVERLAP, overlap_width_ratio=_OVERLAP, verbose=0, **merge,
            )  # fmt: skip
            _set_threads(arguments.threads)  # Ultralytics takes one thread less than there are cores
            rows = result.object_prediction_list
            found.append([[*each.bbox.to_xyxy(), each.score.value, each.category.id] for each in rows])
        return [[[float(value) for value in row] for row in rows] for rows in found]

    return run


def _set_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def _shared(ours: list[Rows], theirs: list[Rows]) -> int:
    """How many of their detections overlap one of ours, of the same class, by more than half."""
    from negmine.boxes import box_iou

    count = 0
    for our_rows, their_rows in zip(ours, theirs, strict=True):
        if our_rows and their_rows:
            a, b = np.array(their_rows), np.array(our_rows)
            same = a[:, None, 5] == b[None, :, 5]
            count += int(((box_iou(a[:, :4], b[:, :4]) > 0.5) & same).any(axis=1).sum())
    return count


def accuracy(arguments: argparse.Namespace) -> None:
    """Evaluate whole images, tiles and scales side by side."""
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.tiling.config import TileConfig
    from negmine.evaluating.config import EvalConfig
    from negmine.evaluating.evaluate import evaluate

    side = (arguments.tile, arguments.tile)
    sides = {
        "whole images": None,
        f"tiles of {arguments.tile}": TileConfig(side, _OVERLAP),
        "scales 1,2": TileConfig(scales=(1.0, 2.0)),
    }
    configs = [
        DetectorConfig(arguments.weights, imgsz=arguments.imgsz, device="cpu", backend=arguments.backend, tiles=tiles)
        for tiles in sides.values()
    ]
    classes = tuple(name for name in arguments.classes.split(",") if name)
    result = evaluate(
        configs, arguments.data, backgrounds=[arguments.backgrounds] if arguments.backgrounds else [],
        config=EvalConfig(classes=classes, auto_backend=True),
    )  # fmt: skip
    for name, each in zip(sides, result.models, strict=True):
        print(
            f"{name:14} {each.images} labelled images, {each.objects} objects, recall {each.recall:.3f}, FPPI "
            f"{each.fppi:.3f} over {each.fppi_over}, mAP50 {each.map50:.3f}, FPPI at recall {each.at_recall:.3f}: "
            f"{each.fppi_at_recall}"
        )


if __name__ == "__main__":
    main()
