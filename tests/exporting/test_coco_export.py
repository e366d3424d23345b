"""COCO exports: read back by negmine, and by readers that no one here wrote."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from data_sets import CLASSES, PLAIN, stems, truth_of, write_coco, write_voc, write_yolo

from negmine.datasets.config import LabelConfig
from negmine.datasets.labelled import labelled_images
from negmine.datasets.open import Dataset, open_dataset
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export

COCO = ExportConfig(format="coco")
JSON = "_annotations.coco.json"


def split(out: Path, name: str) -> Dataset:
    return open_dataset(out / name / JSON)


def test_negatives_alone_are_listed_without_annotations(small_bank: Path, tmp_path: Path) -> None:
    result = export(small_bank, tmp_path / "out", config=COCO)
    assert (result.negatives, result.written) == (2, 3)
    images = labelled_images([open_dataset(tmp_path / "out")])
    assert len(images) == 2 and all(image.is_empty for image in images)
    again = export(small_bank, tmp_path / "out", config=COCO)
    assert (again.written, again.unchanged) == (0, 3)


@pytest.mark.parametrize("write", [write_yolo, write_voc, write_coco])
def test_a_merge_of_any_format_comes_back_and_goes_in_again(
    small_bank: Path, tmp_path: Path, write: Callable[..., Path]
) -> None:
    export(small_bank, tmp_path / "out", merge=write(tmp_path / "data"), config=COCO)
    train = split(tmp_path / "out", "train")
    assert set(train.class_names) == set(CLASSES)
    assert {"a", "b", "c"} < stems(train, "train") and len(stems(train, "train")) == 5
    van, car = sorted(zip(truth_of(train, "b").class_names, truth_of(train, "b").boxes_xyxy.tolist(), strict=True))[
        ::-1
    ]
    assert (van[0], car[0]) == ("van", "car")
    np.testing.assert_allclose([van[1], car[1]], [[0, 0, 200, 120], [5, 6, 7, 8]], atol=1e-3)
    assert len(truth_of(train, "c")) == 0
    if write is not write_coco:  # which has one split
        assert truth_of(split(tmp_path / "out", "valid"), "d").class_names == ("van",)
    again = export(small_bank, tmp_path / "again", merge=tmp_path / "out" / "train" / JSON, config=COCO)
    assert again.merged is not None and (again.negatives, again.merged.train.empty) == (0, 3)
    there = split(tmp_path / "again", "train")
    for stem in ("a", "b", "c"):
        before, after = truth_of(train, stem), truth_of(there, stem)
        assert before.class_names == after.class_names and np.array_equal(before.boxes_xyxy, after.boxes_xyxy)
    assert all(image.is_empty for image in labelled_images([there]) if "-" in image.path.stem)


def test_crowds_stay_crowds(small_bank: Path, tmp_path: Path) -> None:
    export(small_bank, tmp_path / "out", merge=write_coco(tmp_path / "data", crowd=True), config=COCO)
    assert truth_of(split(tmp_path / "out", "train"), "b").crowd.all()


def test_images_without_a_label_that_are_taken_for_empty(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data", {"train": {**PLAIN["train"], "new.png": None}})
    config = ExportConfig(format="coco", labels=LabelConfig(missing_is_empty=True))
    export(small_bank, tmp_path / "out", merge=data, config=config)
    assert len(truth_of(split(tmp_path / "out", "train"), "new")) == 0


def test_pycocotools_reads_it(small_bank: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO as Reader

    export(small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=COCO)
    with contextlib.redirect_stdout(io.StringIO()):
        reader = Reader(str(tmp_path / "out" / "train" / JSON))
    assert sorted(reader.getImgIds()) == [1, 2, 3, 4, 5] and len(reader.getAnnIds()) == 3
    assert [each["name"] for each in reader.loadCats(reader.getCatIds())] == list(CLASSES)
    named = {each["file_name"]: reader.loadAnns(reader.getAnnIds(each["id"])) for each in reader.dataset["images"]}
    assert sorted(map(len, named.values())) == [0, 0, 0, 1, 2]
    assert named["a.png"][0]["bbox"] == pytest.approx([10, 20, 50, 50], abs=1e-3)
    assert all((tmp_path / "out" / "train" / name).is_file() for name in named)


def test_supervision_reads_it(small_bank: Path, tmp_path: Path) -> None:
    import supervision

    export(small_bank, tmp_path / "out", merge=write_voc(tmp_path / "data"), config=COCO)
    folder = tmp_path / "out" / "train"
    found = supervision.DetectionDataset.from_coco(str(folder), str(folder / JSON))
    counts = {Path(path).name: len(detections) for path, _, detections in found}
    assert len(counts) == 5 and (counts["a.png"], counts["b.png"], counts["c.png"]) == (1, 2, 0)


def test_datumaro_reads_it(small_bank: Path, tmp_path: Path) -> None:
    # In an environment of its own; see the test of VOC.
    python = Path(sys.prefix) / "readers" / "bin" / "python"
    if not python.exists():
        pytest.skip("Datumaro is not installed beside this environment; `make test` installs it")
    export(small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=COCO)
    script = (
        "import sys, datumaro\n"
        "items = list(datumaro.Dataset.import_from(sys.argv[1], 'roboflow_coco'))\n"
        "print(sorted((item.subset, len(item.annotations), len(item.media.data) > 0) for item in items))"
    )
    done = subprocess.run([python, "-c", script, tmp_path / "out"], capture_output=True, text=True, check=False)
    expected = [("train", count, True) for count in (0, 0, 0, 1, 2)] + [("valid", 1, True)]
    assert done.stdout.splitlines()[-1:] == [str(expected)], done.stderr
