"""Run a YOLO model with a verifier inside, where there is neither torch nor negmine.

python examples/verify_with_onnxruntime.py best-verified.onnx street.jpg
"""

from __future__ import annotations

import ast
import sys

import cv2
import numpy as np
import onnxruntime


def main(model: str, *images: str) -> None:
    """Print what is found, in pixels of the image."""
    session = onnxruntime.InferenceSession(model)
    about = session.get_modelmeta().custom_metadata_map
    names, side = ast.literal_eval(about["names"]), max(ast.literal_eval(about["imgsz"]))
    for path in images:
        image = cv2.imread(path)
        if image is None:
            raise SystemExit(f"cannot read {path}")
        scale = side / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale)
        padded = np.full((side, side, 3), 114, dtype=np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        tensor = padded[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255  # [1, 3, side, side] RGB
        for *box, score, number in session.run(None, {"images": tensor})[0][0].tolist():
            if score > 0:
                print(f"{score:.2f} {names[int(number)]} {[each / scale for each in box]} {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
