"""Scan with any detector: all that negmine needs is a function from an image to boxes.

    python examples/scan_your_own_detector.py backgrounds/ my-bank

The detector here is OpenCV's blob finder, which takes every round dark spot for a ball.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

import negmine


def find_balls(image: np.ndarray) -> negmine.Detections:
    """Boxes around blobs; larger blobs score higher."""
    blobs = cv2.SimpleBlobDetector.create().detect(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    boxes = [(b.pt[0] - b.size, b.pt[1] - b.size, b.pt[0] + b.size, b.pt[1] + b.size) for b in blobs]
    scores = [min(b.size / 100, 1.0) for b in blobs]
    return negmine.Detections(np.array(boxes).reshape(-1, 4), np.array(scores), np.zeros(len(blobs), dtype=np.int64))


def main(source: str, bank: str) -> None:
    """Scan, and list what was found."""
    # The bank tells detectors apart by their key: change it whenever the function changes.
    detector = negmine.FunctionDetector(find_balls, {0: "ball"}, name="blobs", key="1")
    result = negmine.scan(source, detector, bank=bank, config=negmine.ScanConfig(max_per_image=3))
    print(f"{result.scanned} images, {result.added} negatives added, {result.total} in {result.bank}")
    with negmine.Bank(bank) as opened:
        for negative in opened.negatives():
            print(f"{negative.score:.2f} {negative.path} from {negative.source.name} {tuple(negative.rect)}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
