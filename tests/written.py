"""What the square detector finds, written down for others to read."""

from __future__ import annotations

import json
from pathlib import Path

from blobs import find_squares

from negmine.detectors.config import PredictionsConfig
from negmine.images import decode_image

NAMES = ("lamp", "sign")


def predict(folder: Path, out: Path, *, without: str = "nothing") -> PredictionsConfig:
    """COCO results of a folder, but not of the folder `without` in it, with a COCO file of the images beside them."""
    images, results = [], []
    for number, path in enumerate(sorted(folder.rglob("*.png"))):
        if without in path.parts:
            continue
        images.append({"id": number, "file_name": path.relative_to(folder).as_posix()})
        found = find_squares(decode_image(path.read_bytes()))
        for (x1, y1, x2, y2), score, label in zip(found.boxes_xyxy, found.scores, found.class_ids, strict=True):
            box = [x1, y1, x2 - x1, y2 - y1]
            results.append({"image_id": number, "category_id": 5 + int(label), "bbox": box, "score": float(score)})
    out.mkdir(exist_ok=True)
    categories = [{"id": 5 + i, "name": name} for i, name in enumerate(NAMES)]
    (out / "images.json").write_text(json.dumps({"images": images, "annotations": [], "categories": categories}))
    (out / "results.json").write_text(json.dumps(results))
    return PredictionsConfig(str(out / "results.json"), images=str(out / "images.json"))
