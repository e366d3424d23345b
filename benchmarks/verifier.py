"""What a verifier adds: false positives at equal recall with and without it, and what it costs.

    python benchmarks/verifier.py --weights start.pt --data data.yaml --backgrounds mined/ --held-out held-out.txt \\
        --imgsz 320 --out runs/verifier

The backgrounds are scanned into a bank, a verifier is trained on that and on the split `train` of DATA, and both sides
are measured on the split `val` and on the held-out backgrounds, which trained nothing. Time is that of `predict` on
held-out backgrounds of one size, one image after the other, the sides in turn; the median of the rounds. What is there
in OUT already is not made again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import negmine
from negmine.detectors.base import Detector
from negmine.errors import ImageError
from negmine.evaluating.evaluate import evaluate
from negmine.images import decode_image
from negmine.sources.expand import expand_sources
from negmine.structures import Image

RECALLS = ("0.6", "0.7", "0.8", "0.9")
_TIMED = 40  # images


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
    result = evaluate(list(sides.values()), args.data, split="val", backgrounds=args.held_out, config=config)
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


def milliseconds(sides: Mapping[str, negmine.DetectorConfig], images: Sequence[Image], rounds: int) -> dict[str, float]:
    """Median milliseconds an image, of each side."""
    detectors: dict[str, Detector] = {
        name: negmine.open_detector(replace(config, batch=1)) for name, config in sides.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):  # the first warms up
        for name, detector in detectors.items():
            for image in images:
                began = time.perf_counter()
                detector.predict([image])
                if number:
                    taken[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in taken.items()}


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
    parser.add_argument("--data", type=Path, required=True, help="a data.yaml with train and val")
    parser.add_argument("--backgrounds", action="append", required=True, metavar="SOURCE")
    parser.add_argument("--held-out", action="append", required=True, metavar="SOURCE")
    parser.add_argument("--imgsz", type=int)
    parser.add_argument("--conf", type=float, default=0.25)
    parser.add_argument("--scan-conf", type=float, default=0.25, help="the bank holds false positives from this score")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3, help="of the timing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sides = sides_of(args, train(args))
    found = figures(args, sides)
    for name, value in milliseconds(sides, timed_images(args.held_out), args.rounds).items():
        found[name]["ms/image"] = value
    print(json.dumps(found) if args.json else table(found))


if __name__ == "__main__":
    main()
