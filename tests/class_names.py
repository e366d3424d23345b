"""Class names that formats may stumble over, and a data set of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from data_sets import SIZE_WH, pictures

# Each with the formats that cannot say it.
NAMES = {
    **dict.fromkeys(['say "hi"', "it's", "a/b", "a\\b", "a\\nb", "<a>&b", "a: b", "a #b", "a,b"], ()),
    **dict.fromkeys(["=1", "- x", "%s"], ()),
    **dict.fromkeys(["yes", "null", "1e3", "~", "12", "2020-01-01", "{a}", "[a]", "van", "Van"], ()),
    **dict.fromkeys([" left", "right "], ("voc", "darknet", "cvat")),
    **dict.fromkeys(["a\nb", "a\tb", "a\x85b", "a\u2028b", "x" * 300], ("darknet", "cvat")),
    **dict.fromkeys(["\U0001f697 car", "e\u0301t\u00e9"], ("darknet",)),
    "a\x01b": ("voc", "darknet", "label-studio", "cvat"),
}


def names_for(key: str) -> list[str]:
    """Those that a format can say."""
    return [name for name, cannot in NAMES.items() if key not in cannot]


def data_set(root: Path, names: Sequence[str], key: str) -> Path:
    """An image with an object of each class, in another format than that of the export."""
    pictures(root / "images", {"a.png": []}, 1)
    if key == "yolo":
        image = {"id": 1, "file_name": "a.png", "width": SIZE_WH[0], "height": SIZE_WH[1]}
        annotations = [{"id": i, "image_id": 1, "category_id": i, "bbox": [1, 2, 30, 40]} for i in range(len(names))]
        categories = [{"id": i, "name": name} for i, name in enumerate(names)]
        path = root / "coco.json"
        path.write_text(json.dumps({"images": [image], "annotations": annotations, "categories": categories}))
        return path
    (root / "labels").mkdir()
    (root / "labels" / "a.txt").write_text("".join(f"{i} 0.5 0.5 0.25 0.25\n" for i in range(len(names))))
    (root / "data.yaml").write_text(yaml.safe_dump({"train": "images", "names": list(names)}))
    return root / "data.yaml"
