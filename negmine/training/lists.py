"""A training set as files: lists of images, and a data.yaml that names them and the classes."""

from __future__ import annotations

from pathlib import Path

import yaml

from negmine.errors import TrainingError
from negmine.paths import printable
from negmine.training.base import TrainingSet


def write_lists(data: TrainingSet, out: Path) -> Path:
    """Write a data.yaml with lists of files beside it; absolute, since Ultralytics looks for others elsewhere.

    Raises:
        TrainingError: for a path that a list cannot hold.
    """
    validated = data.val or data.positives  # Ultralytics insists on some
    for name, paths in (("train", (*data.positives, *data.negatives)), ("val", validated)):
        lines = [str(path.absolute()) for path in paths]
        broken = next((line for line in lines if len(line.splitlines()) != 1 or line != line.strip()), None)
        if broken is not None:
            raise TrainingError(f"{printable(broken)} cannot stand in a list of files; rename it")
        (out / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    document = {"path": str(out.absolute()), "train": "train.txt", "val": "val.txt", "names": list(data.class_names)}
    data_yaml = out / "data.yaml"
    data_yaml.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return data_yaml.absolute()
