"""Run a YOLO model with a verifier behind it, as it would be deployed.

python examples/verify_detections.py best.pt verifier.safetensors street.jpg
"""

from __future__ import annotations

import sys

from ultralytics import YOLO

import negmine


def main(weights: str, verifier: str, *images: str) -> None:
    """Print what is found; the scores are the verifier's."""
    model = YOLO(weights)
    negmine.attach_verifier(model, verifier)
    for result in model.predict(list(images), conf=0.25, verbose=False):
        for box in result.boxes:
            print(f"{box.conf.item():.2f} {result.names[int(box.cls)]} {box.xyxy[0].tolist()} {result.path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
