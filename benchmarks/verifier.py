"""What a verifier adds: false positives at equal recall with and without it, and what it costs.

    python benchmarks/verifier.py --weights start.pt --data data.yaml --backgrounds mined/ --held-out held-out.txt \\
        --imgsz 320 --out runs/verifier

The backgrounds are scanned into a bank, a verifier is trained on that and on the split `train` of DATA, and both sides
are measured on the split `val` of DATA, or of `--test`, and on the held-out backgrounds, which trained nothing.

Time is from a decoded image to boxes, on held-out backgrounds of one size, one image at a time on `--threads`: by torch
through negmine, and by onnxruntime with the letterbox before it (and the NMS after it, where it is not in the graph).
All sides see an image before the next one is seen; medians of all images and rounds. Beside the time on the clock is
the time of the processor, which other programs on the machine change little. What is there in OUT is not made again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

import negmine
from negmine.detectors.base import Detector
from negmine.detectors.letterbox import letterbox
from negmine.detectors.nms import nms_raw, top_scores
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.onnxruntime import to_onnx
from negmine.errors import ImageError
from negmine.evaluating.evaluate import evaluate
from negmine.images import decode_image
from negmine.sources.expand import expand_sources
from negmine.structures import Image

RECALLS = ("0.6", "0.7", "0.8", "0.9")
_TIMED = 10  # images

Run = Callable[[Image], None]
Cost = tuple[float, ...]  # milliseconds on the clock, and of the processor
Row = dict[str, Any]


def train(args: argparse.Namespace) -> Path:
    """The verifier's file, made where it is not there yet."""
    out: Path = args.out / "verifier.safetensors"
    if not out.exists():
        detector = negmine.DetectorConfig(str(args.weights), conf=args.scan_conf, imgsz=args.imgsz, device=args.device)
        crops = negmine.ScanConfig(crop=negmine.CropConfig(crop="image"))
        negmine.scan(args.backgrounds, detector, bank=args.out / "bank", config=crops)
        config = negmine.VerifierConfig(conf=args.conf, imgsz=args.imgsz, device=args.device, seed=args.seed)
        result = negmine.train_verifier(
            args.weights, args.data, args.out / "bank", out=out, held_out=args.held_out, config=config
        )
        (args.out / "training.json").write_text(json.dumps(result.to_dict(), indent=1))
    return out


def sides_of(args: argparse.Namespace, verifier: Path) -> dict[str, negmine.DetectorConfig]:
    """How each side is opened."""
    alone = negmine.DetectorConfig(
        str(args.weights), conf=args.conf, imgsz=args.imgsz, device=args.device, backend="torch"
    )
    return {"detector": alone, "with verifier": replace(alone, verifier=str(verifier))}


def figures(args: argparse.Namespace, sides: Mapping[str, negmine.DetectorConfig]) -> dict[str, dict[str, object]]:
    """What `negmine eval` says of each side."""
    config = negmine.EvalConfig(conf=args.conf)
    result = evaluate(
        list(sides.values()), args.test or args.data, split="val", backgrounds=args.held_out, config=config
    )
    return {
        name: {
            **{f"FPPI at {recall}": model.fppi_at[recall] for recall in RECALLS},
            "recall": model.recall,
            "FPPI": model.fppi,
            "mAP50": model.map50,
            "mAP50-95": model.map50_95,
        }
        for name, model in zip(sides, result.models, strict=True)
    }


def timed_images(sources: Sequence[str]) -> list[Image]:
    """The first images of the most frequent size: a new size takes time of its own."""
    found = []
    for ref in expand_sources(list(sources)):
        try:
            found.append(decode_image(ref.path.read_bytes()))
        except ImageError:
            continue
    shape, _ = Counter(image.shape for image in found).most_common(1)[0]
    return [image for image in found if image.shape == shape][:_TIMED]


def torch_sides(sides: Mapping[str, negmine.DetectorConfig]) -> dict[str, Run]:
    """Both sides through negmine, on the CPU."""
    detectors = {name: negmine.open_detector(replace(each, batch=1, device="cpu")) for name, each in sides.items()}
    return {f"torch, {name}": partial(_predict, each) for name, each in detectors.items()}


def onnx_sides(args: argparse.Namespace, verifier: Path, threads: int) -> dict[str, Run]:
    """Both sides by onnxruntime: the raw output and NumPy's NMS, and the graph that has everything in it."""
    config = negmine.DetectorConfig(str(args.weights), conf=args.conf, imgsz=args.imgsz, device="cpu")
    detector = UltralyticsDetector(config)
    (raw,) = to_onnx(detector.module).values()
    exported = negmine.export_verifier(args.weights, verifier, out=args.out / "verified.onnx", conf=args.conf).out
    alone, verified = _session(raw, threads), _session(exported.read_bytes(), threads)

    def run_alone(image: Image) -> None:
        output = alone.run(None, {"image": letterbox(image, detector.imgsz)[None]})[0][0]
        if detector.checkpoint.end2end:
            top_scores(output, args.conf, None, 300)
        else:
            nms_raw(output, args.conf, 0.7, None, 300)

    def run_verified(image: Image) -> None:
        padded = letterbox(image, detector.imgsz)[None, :, :, ::-1].transpose(0, 3, 1, 2)
        verified.run(None, {"images": np.ascontiguousarray(padded, dtype=np.float32) / np.float32(255)})

    return {"onnx, detector": run_alone, "onnx, with verifier": run_verified}


def milliseconds(runs: Mapping[str, Run], images: Sequence[Image], rounds: int, threads: int) -> dict[str, Cost]:
    """Median milliseconds an image, of each side: on the clock, and of the processor."""
    taken: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(rounds + 1):  # the first warms up
        for image in images if number else images[:2]:
            for name, run in runs.items():
                torch.set_num_threads(threads)  # Ultralytics sets it as it opens a model
                began, began_cpu = time.perf_counter(), time.process_time()
                run(image)
                if number:
                    taken[name].append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - began_cpu)))
    return {name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in taken.items()}


def costs(args: argparse.Namespace, sides: Mapping[str, negmine.DetectorConfig], verifier: Path) -> list[Row]:
    """What each side takes on each number of threads, and its ratio to the detector alone."""
    images, rows = timed_images(args.held_out), []
    for threads in args.threads:
        runs = {**torch_sides(sides), **onnx_sides(args, verifier, threads)}
        found = milliseconds(runs, images, args.rounds, threads)
        for name, (clock, processor) in found.items():
            alone, alone_cpu = found[f"{name.split(',')[0]}, detector"]
            rows.append(
                {"threads": threads, "side": name, "ms": clock, "CPU ms": processor,
                 "ratio": clock / alone, "CPU ratio": processor / alone_cpu}
            )  # fmt: skip
    return rows


def _predict(detector: Detector, image: Image) -> None:
    detector.predict([image])


def _session(data: bytes, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def print_costs(rows: Sequence[Row]) -> None:
    """A line for each side and number of threads."""
    print(f"{'threads':8}{'':24}{'ms':>9}{'ratio':>7}{'CPU ms':>9}{'ratio':>7}")
    for row in rows:
        numbers = f"{row['ms']:9.1f}{row['ratio']:7.2f}{row['CPU ms']:9.1f}{row['CPU ratio']:7.2f}"
        print(f"{row['threads']:<8}{row['side']:24}{numbers}")


def table(found: Mapping[str, Mapping[str, object]]) -> str:
    """Both sides, a row each."""
    columns = list(next(iter(found.values())))
    lines = [f"{'':15}" + "".join(f"{name:>13}" for name in columns)]
    for side, row in found.items():
        cells = (f"{value:.3f}" if isinstance(value, float) else "never" for value in row.values())
        lines.append(f"{side:15}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, measure, and print both sides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="a data.yaml with train, and val unless --test has it")
    parser.add_argument("--test", type=Path, help="another data.yaml, whose val is measured on")
    parser.add_argument("--backgrounds", action="append", required=True, metavar="SOURCE")
    parser.add_argument("--held-out", action="append", required=True, metavar="SOURCE")
    parser.add_argument("--imgsz", type=int)
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--scan-conf", type=float, default=0.25, help="the bank holds false positives from this score")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2], help="of the timing; none to leave it out")
    parser.add_argument("--rounds", type=int, default=3, help="of the timing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sides = sides_of(args, train(args))
    found, cost = figures(args, sides), costs(args, sides, args.out / "verifier.safetensors")
    if args.json:
        print(json.dumps({"figures": found, "cost": cost}))
        return
    print(table(found))
    print_costs(cost)


if __name__ == "__main__":
    main()
