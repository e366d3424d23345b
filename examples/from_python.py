"""The main job from Python: scan backgrounds with a YOLO model, look at the hardest negatives, export them.

python examples/from_python.py best.pt backgrounds/ work/
"""

from __future__ import annotations

import sys
from pathlib import Path

import negmine


def main(weights: str, backgrounds: str, work: str) -> None:
    """Scan, list, export."""
    bank = Path(work) / "bank"
    detector = negmine.open_detector(negmine.DetectorConfig(weights, conf=0.25, imgsz=640))
    result = negmine.scan(
        backgrounds,
        detector,
        bank=bank,
        config=negmine.ScanConfig(crop=negmine.CropConfig("context", context=3.0)),
        on_progress=lambda now: print(f"\r{now.done}/{now.total}", end="", file=sys.stderr),
    )
    print(f"\n{result.with_false_positives} of {result.scanned} images with false positives")
    with negmine.Bank(bank) as opened:
        for negative, _ in zip(opened.negatives(), range(10), strict=False):
            print(f"{negative.score:.2f} {negative.class_name:20} {negative.source}")
    exported = negmine.export(bank, Path(work) / "negatives-voc")
    print(f"{exported.negatives} negatives in {exported.out}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
