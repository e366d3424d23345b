"""Small data sets whose mix is known by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

Labels = Mapping[str, Sequence[int] | None]  # image name to the classes of its objects; None: no label file
MakeYolo = Callable[..., Path]


def paint(path: Path, *, seed: int) -> None:
    """Save an image of soft colours, which looks like no other seed's and, encoded anew, still like itself."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", cv2.resize(coarse, (200, 120), interpolation=cv2.INTER_CUBIC))[1].tobytes())


@pytest.fixture
def make_yolo(tmp_path: Path) -> MakeYolo:
    """A YOLO data set of drawn images, all different: `make_yolo({"train": {"a": [0, 0], "b": [], "c": None}})`."""

    def make(splits: Mapping[str, Labels], *, name: str = "data", classes: Sequence[str] = ("cat", "dog")) -> Path:
        root = tmp_path / name
        for split, labels in splits.items():
            for number, (stem, objects) in enumerate(labels.items()):
                seed = sum(map(ord, name + split)) * 1000 + number
                paint(root / "images" / split / f"{stem}.png", seed=seed)
                if objects is not None:
                    label = root / "labels" / split / f"{stem}.txt"
                    label.parent.mkdir(parents=True, exist_ok=True)
                    label.write_text("".join(f"{each} 0.5 0.5 0.2 0.2\n" for each in objects))
        lines = [*(f"{split}: images/{split}" for split in splits), f"names: [{', '.join(classes)}]"]
        (root / "data.yaml").write_text("\n".join(lines) + "\n")
        return root / "data.yaml"

    return make
