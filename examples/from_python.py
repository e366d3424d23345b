"""Scan backgrounds with a YOLO model, list the hardest negatives, expand and export them.

python examples/from_python.py best.pt backgrounds/ work/ data.yaml
"""

from __future__ import annotations

import sys
from pathlib import Path

import negmine


def main(weights: str, backgrounds: str, work: str, data: str) -> None:
    """Scan, list, augment, check, export."""
    bank = Path(work) / "bank"
    detector = negmine.open_detector(negmine.DetectorConfig(weights, conf=0.25))
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
    made = negmine.augment(bank, config=negmine.AugmentConfig(ratio="1:1", positives=(Path(data),)))
    mix = negmine.ratio(data, bank=bank)
    print(f"{made.variants} variants; {float(mix.ratio):.2f} negatives per positive, inside the target: {mix.ok}")
    exported = negmine.export(bank, Path(work) / "negatives-voc")
    print(f"{exported.negatives} negatives in {exported.out}")


if __name__ == "__main__":
    main(*sys.argv[1:5])
