"""How fast is `negmine scan` beside what people do today: `yolo predict save_crop save_txt`. Whole processes, in turn.

    python benchmarks/scan.py --weights best.pt --images backgrounds/ --imgsz 640

Both sides read the same images, detect at the same thresholds, and write a crop for every detection; negmine also
matches, records where each crop came from, and flushes every file to disk. Prints the median of each side and the ratio
of each pair of runs; these are wall-clock seconds of whole processes, start-up included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_PREDICT = """
import sys
from ultralytics import YOLO
weights, images, imgsz, out = sys.argv[1:]
for _ in YOLO(weights).predict(
    f"{images}/**/*.*", imgsz=int(imgsz), conf=0.25, iou=0.7, save_crop=True, save_txt=True, stream=True, verbose=False,
    project=out, name="run", device="cpu",
):
    pass
"""


def seconds(command: Sequence[str]) -> float:
    """Wall-clock seconds of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def one_pair(weights: Path, images: Path, imgsz: int) -> tuple[float, float]:
    """Seconds of `yolo predict` and of `negmine scan`, one after the other, each into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        predict = [sys.executable, "-c", _PREDICT, str(weights), str(images), str(imgsz), f"{folder}/predict"]
        scan = [sys.executable, "-m", "negmine", "scan", str(images), "--weights", str(weights), "--imgsz", str(imgsz)]
        return seconds(predict), seconds([*scan, "--device", "cpu", "--bank", f"{folder}/bank"])


def demo_material(folder: Path) -> tuple[Path, Path]:
    """Weights and images of `negmine demo`, made where they are not there yet."""
    if not (folder / "detector.pt").exists():
        subprocess.run([sys.executable, "-m", "negmine", "demo", "--out", str(folder)], check=True, stdout=sys.stderr)
    return folder / "detector.pt", folder / "data" / "backgrounds"


def main() -> None:
    """Run the pairs and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="default: the demo's detector")
    parser.add_argument("--images", type=Path, help="default: the demo's backgrounds")
    parser.add_argument("--imgsz", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one pair, under a minute")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    weights, images = (
        (args.weights, args.images) if args.weights and args.images else demo_material(Path("negmine-demo"))
    )
    pairs = [one_pair(weights, images, args.imgsz) for _ in range(1 if args.quick else args.pairs)]
    predict, scan = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    count = sum(1 for path in images.rglob("*") if path.is_file())
    if args.json:
        print(json.dumps({"images": count, "pairs": pairs, "predict_s": predict, "scan_s": scan, "ratio": ratio}))
        return
    print(f"{count} images, imgsz {args.imgsz}, {len(pairs)} pairs; medians of whole processes")
    print(f"yolo predict save_crop save_txt  {predict:7.2f} s  {count / predict:6.1f} images/s")
    print(f"negmine scan                     {scan:7.2f} s  {count / scan:6.1f} images/s")
    print(f"ratio (of pairs, median)         {ratio:7.2f}")


if __name__ == "__main__":
    main()
