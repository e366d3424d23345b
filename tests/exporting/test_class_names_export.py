"""Class names that formats may stumble over come back as they were, or are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from class_names import NAMES, data_set, names_for
from data_sets import SIZE_WH
from lxml import etree

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_dataset
from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.importing.recognise import read_entries
from negmine.labels.formats import OBJECT_FORMATS

IMPORTED = {
    "coco": "annotations.json",
    "roboflow": "train/_annotations.coco.json",
    "cvat": "annotations.xml",
    "label-studio": "tasks.json",
    "fiftyone": "samples.json",
}  # the file that `negmine import` takes


def names_in(out: Path, key: str) -> list[str]:
    """The class of each object, as the files of an export say it."""
    if key in IMPORTED:
        _, (entry,) = read_entries(out / IMPORTED[key])
        assert entry.read is not None
        return list(entry.read(SIZE_WH)[0].class_names)
    if key in ("voc", "yolo", "darknet"):
        dataset = open_dataset(out / "obj.data" if key == "darknet" else out)
        (image,) = dataset.splits[0].images
        truth = dataset.truth.read(image, SIZE_WH)
        assert truth is not None
        return list(truth.class_names)
    if key == "createml":
        (entry,) = json.loads((out / "train" / "_annotations.createml.json").read_text())
        return [each["label"] for each in entry["annotations"]]
    if key == "datumaro":
        document = json.loads((out / "annotations" / "train.json").read_text())
        labels = [each["name"] for each in document["categories"]["label"]["labels"]]
        return [labels[each["label_id"]] for each in document["items"][0]["annotations"]]
    if key == "parquet":
        (path,) = (out / "data").iterdir()
        table = pytest.importorskip("pyarrow.parquet").read_table(path)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        every = features["objects"]["category"]["feature"]["names"]
        return [every[number] for row in table.to_pylist() for number in row["objects"]["category"]]
    head = yaml.safe_load((out / "README.md").read_bytes().split(b"---\n")[1])
    objects = {each["name"]: each for each in head["configs"][0]["features"]}["objects"]["struct"]
    listed = objects[3]["list"]["dtype"]["class_label"]["names"]
    row = json.loads((out / "train" / "metadata.jsonl").read_text())
    return [listed[str(number)] for number in row["objects"]["category"]]


@pytest.mark.parametrize("key", OBJECT_FORMATS)
def test_every_name_comes_back_or_is_refused_in_one_line(tmp_path: Path, key: str) -> None:
    names = names_for(key)
    if key == "parquet":
        pytest.importorskip("pyarrow")
    out, config = tmp_path / "out", ExportConfig(format=key)
    export(None, out, merge=data_set(tmp_path / "data", names, key), config=config)
    assert names_in(out, key) == names
    for number, name in enumerate(each for each in NAMES if each not in names):
        data = data_set(tmp_path / str(number), [name], key)
        said = r"the class '.* cannot be written for .*; rename it with --class-map"
        with pytest.raises(ExportError, match=said) as error:
            export(None, tmp_path / "none", merge=data, config=config)
        assert str(error.value).isprintable() and not (tmp_path / "none").exists()


def test_the_interface_of_label_studio_has_the_labels_of_its_tasks(tmp_path: Path) -> None:
    names = names_for("label-studio")
    data = data_set(tmp_path / "data", names, "label-studio")
    export(None, tmp_path / "out", merge=data, config=ExportConfig(format="label-studio"))
    interface = etree.parse(tmp_path / "out" / "label-config.xml")
    assert [each.get("value") for each in interface.iter("Label")] == names


def test_a_name_with_blanks_around_is_renamed_as_the_message_says(tmp_path: Path) -> None:
    config = ExportConfig(format="voc", labels=LabelConfig(class_map={"van": "van"}))
    export(None, tmp_path / "out", merge=data_set(tmp_path / "data", [" van "], "voc"), config=config)
    assert names_in(tmp_path / "out", "voc") == ["van"]


@pytest.mark.parametrize("name", ["", "  "])
def test_a_class_without_a_name_stays_in_its_format_and_is_refused_in_another(tmp_path: Path, name: str) -> None:
    data = data_set(tmp_path / "data", ["car", name], "coco")
    export(None, tmp_path / "yolo", merge=data, config=ExportConfig(format="yolo"))
    assert names_in(tmp_path / "yolo", "yolo") == ["car", name]
    for key in ("voc", "coco"):
        with pytest.raises(ExportError, match=rf"data\.yaml: a class has no name, found '{name}', .*; name it there"):
            export(None, tmp_path / key, merge=data, config=ExportConfig(format=key))
