"""Exports in formats that negmine only writes, read back by the tools that they are for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from class_names import data_set, names_for
from data_sets import PLAIN, write_voc

from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export

PYTHON = Path(sys.prefix) / "readers" / "bin" / "python"
DATUMARO = {
    "coco": "coco_instances",
    "roboflow": "roboflow_coco",
    "darknet": "yolo",
    "datumaro": "datumaro",
    "createml": "roboflow_create_ml",
    "cvat": "cvat",
}
# Both splits have all classes, since Datumaro refuses Create ML's files where one lacks some.
SPLITS = {**PLAIN, "val": {"d.png": [("van", 30, 30, 90, 100), ("car", 5, 6, 70, 80)]}}
BOXES = {"train": [("a", 1), ("b", 2), ("c", 0)], "val": [("d", 2)]}

pytestmark = pytest.mark.slow


def needs(module: str) -> None:
    """Skip where a reader is not installed; it has an environment of its own, since some bring another OpenCV."""
    asked = f"import importlib.util as u; raise SystemExit(u.find_spec({module!r}) is None)"
    if not PYTHON.exists() or subprocess.run([PYTHON, "-c", asked], check=False).returncode:
        pytest.skip(f"{module} is not in {PYTHON.parents[1]}; `make test` installs datumaro and datasets there")


def read(script: str, *arguments: object) -> object:
    """What a script prints last, as JSON."""
    done = subprocess.run(
        [PYTHON, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set with the splits train and val."""
    return write_voc(tmp_path / "data", SPLITS)


def merged(bank: Path, data: Path, out: Path, key: str) -> Path:
    export(bank, out, merge=data, config=ExportConfig(format=key))
    return out


_DATUMARO = """
import json, sys, datumaro
found = {}
for each in sys.argv[2:]:
    folder, name = each.split("=")
    items = datumaro.Dataset.import_from(f"{sys.argv[1]}/{folder}", name)
    names = [label.name for label in items.categories()[datumaro.AnnotationType.label]]
    found[folder] = sorted(
        (i.subset, i.id, [[names[a.label], *a.get_bbox()] for a in i.annotations if a.type.name == "bbox"],
         i.media.data.shape[0] > 0)
        for i in items
    )
print(json.dumps(found))
"""


def test_datumaro_reads_them(small_bank: Path, data: Path, tmp_path: Path) -> None:
    # One process for all formats, since importing Datumaro takes seconds. A task of CVAT is of one split.
    needs("datumaro")
    for key in DATUMARO:
        merged(small_bank, data, tmp_path / "out" / key, key)
    names = {"cvat/train": "cvat"} | {key: name for key, name in DATUMARO.items() if key != "cvat"}
    found = read(_DATUMARO, tmp_path / "out", *(f"{folder}={name}" for folder, name in names.items()))
    assert isinstance(found, dict) and {*found} == {*names}
    for folder, items in found.items():
        by_id = {Path(name).name: boxes for _, name, boxes, _ in items}
        negatives = [name for name in by_id if "-" in name]
        assert len(negatives) == 2 and all(not by_id[name] for name in negatives), folder
        expected = dict(BOXES["train"] + (BOXES["val"] if folder != "cvat/train" else []))
        assert {name: len(by_id[name]) for name in by_id if "-" not in name} == expected, folder
        assert all(has_pixels for *_, has_pixels in items), folder
        label, *box = by_id["a"][0]
        corner = [35, 45] if folder == "createml" else [10, 20]  # Datumaro takes the centre for the corner
        assert label == "car" and box == pytest.approx([*corner, 50, 50], abs=0.01), folder


def test_datumaro_reads_names_of_every_kind(tmp_path: Path) -> None:
    needs("datumaro")
    readers = {key: name for key, name in DATUMARO.items() if key != "coco"}  # one split is in no folder of COCO's
    for key in readers:
        data = data_set(tmp_path / "data" / key, names_for(key), key)
        export(None, tmp_path / "out" / key, merge=data, config=ExportConfig(format=key))
    found = read(_DATUMARO, tmp_path / "out", *(f"{key}={name}" for key, name in readers.items()))
    for key in readers:
        ((_, _, boxes, _),) = found[key]  # type: ignore[index]
        assert sorted(name for name, *_ in boxes) == sorted(names_for(key)), key


_DATASETS = """
import json, sys, datasets
datasets.disable_progress_bars()
found = datasets.load_dataset(sys.argv[1], cache_dir=sys.argv[2])
names = found["train"].features["objects"]["category"].feature.names
rows = {name: [[r["objects"], r["is_negative"], r["image"].size] for r in split] for name, split in found.items()}
print(json.dumps([names, rows]))
"""


def test_hugging_face_datasets_reads_an_image_folder(small_bank: Path, data: Path, tmp_path: Path) -> None:
    needs("datasets")
    found = read(_DATASETS, merged(small_bank, data, tmp_path / "out", "imagefolder"), tmp_path / "cache")
    names, rows = found  # type: ignore[misc]
    assert names == ["car", "van"] and {*rows} == {"train", "validation"}
    train = rows["train"]
    assert sorted(len(objects["bbox"]) for objects, *_ in train) == [0, 0, 0, 1, 2]
    assert sum(is_negative for _, is_negative, *_ in train) == 2
    assert [objects["category"] for objects, *_ in rows["validation"]] == [[1, 0]]
    alone = tmp_path / "alone"
    export(small_bank, alone, config=ExportConfig(format="imagefolder"))
    names, rows = read(_DATASETS, alone, tmp_path / "cache")  # type: ignore[misc]
    assert names == ["lamp", "sign"] and [objects["bbox"] for objects, *_ in rows["train"]] == [[], []]


def test_hugging_face_datasets_reads_parquet_as_it_reads_an_image_folder(
    small_bank: Path, data: Path, tmp_path: Path
) -> None:
    needs("datasets")
    pytest.importorskip("pyarrow")
    folder = read(_DATASETS, merged(small_bank, data, tmp_path / "folder", "imagefolder"), tmp_path / "cache")
    shutil.rmtree(tmp_path / "folder")
    assert read(_DATASETS, merged(small_bank, data, tmp_path / "out", "parquet"), tmp_path / "cache") == folder


def test_hugging_face_datasets_reads_names_of_every_kind(tmp_path: Path) -> None:
    needs("datasets")
    data = data_set(tmp_path / "data", names_for("imagefolder"), "imagefolder")
    export(None, tmp_path / "out", merge=data, config=ExportConfig(format="imagefolder"))
    names, _ = read(_DATASETS, tmp_path / "out", tmp_path / "cache")  # type: ignore[misc]
    assert names == names_for("imagefolder")


# FiftyOne's importer alone: a whole data set would need MongoDB.
_FIFTYONE = """
import json, sys
from fiftyone.utils.data.importers import FiftyOneDatasetImporter
importer = FiftyOneDatasetImporter(sys.argv[1])
assert importer._is_legacy_format_data()
rows = []
with importer._to_legacy_importer() as samples:
    for s in samples:
        found = s.get_field("false_positives") if s.has_field("false_positives") else None
        rows.append([
            sorted(s.tags), [d.label for d in s.ground_truth.detections], open(s.filepath, "rb").read(3).hex(),
            [[d.label, d.confidence, d.bounding_box] for d in found.detections] if found else [],
            s.get_field("score") if s.has_field("score") else None,
        ])
print(json.dumps(rows))
"""


def test_fiftyone_reads_its_data_set(small_bank: Path, data: Path, tmp_path: Path) -> None:
    needs("fiftyone")
    rows = read(_FIFTYONE, merged(small_bank, data, tmp_path / "out", "fiftyone"))
    assert isinstance(rows, list) and len(rows) == 6 and all(start for _, _, start, *_ in rows)
    assert sorted(label for _, labels, *_ in rows for label in labels) == ["car", "car", "car", "van", "van"]
    negatives = [row for row in rows if "hard_negative" in row[0]]
    assert len(negatives) == 2 and all(tags == ["hard_negative", "train"] for tags, *_ in negatives)
    for _, labels, _, found, score in negatives:
        assert not labels and found[0][1] == score > 0 and all(0 <= side <= 1 for side in found[0][2])
