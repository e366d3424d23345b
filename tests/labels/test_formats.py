"""The list of label formats: what each says it can carry is what comes back from what it writes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from label_files import put

from negmine.datasets.open import open_dataset, open_truth
from negmine.errors import ExportError, TruthError
from negmine.labels import formats
from negmine.labels.base import Feature, LabelFormat, LabelSet
from negmine.labels.formats import WRITTEN_FORMATS, FormatRow, key_of, label_format, label_formats, label_writer
from negmine.labels.plan import ExportImage, StoredFile
from negmine.labels.voc import VocLabels
from negmine.structures import GroundTruth

SIZE_WH = (80, 60)
KEYS = [each.key for each in label_formats()]
READ_AND_WRITTEN = [*KEYS, "roboflow", "darknet"]


def written(folder: Path, key: str, truth: GroundTruth) -> Path:
    """A data set of one image, `a`, in train."""
    stored = StoredFile(put(folder / "in" / "a.jpg", b"bytes"), hashlib.sha256(b"bytes").hexdigest())
    image = ExportImage("a", stored, SIZE_WH, truth=truth)
    for name, content in label_writer(key).plan([image], class_names=["cat", "dog"], folder="out").items():
        data = content.path.read_bytes() if isinstance(content, StoredFile) else content
        assert isinstance(data, bytes)
        put(folder / "out" / name, data)
    return folder / "out"


def read_back(folder: Path) -> GroundTruth:
    """Its objects."""
    dataset = open_dataset(folder)
    image, *_ = dataset.splits[0].images
    truth = dataset.truth.read(image, SIZE_WH)
    assert truth is not None
    return truth


@pytest.mark.parametrize("key", READ_AND_WRITTEN)
def test_an_image_without_objects_is_empty(tmp_path: Path, key: str) -> None:
    assert len(read_back(written(tmp_path, key, GroundTruth.empty()))) == 0


@pytest.mark.parametrize("key", WRITTEN_FORMATS)
def test_a_key_names_its_format(key: str) -> None:
    assert label_writer(key).key == key and label_writer(key) is label_writer(key)


def test_what_people_call_a_format_leads_to_its_key() -> None:
    assert all(key_of(each.title) == each.key for each in label_formats())
    assert key_of("Darknet") is None and key_of("") is None  # only written; none


def test_a_format_that_is_only_written_opens_nothing() -> None:
    with pytest.raises(KeyError):
        label_format("darknet")


@pytest.mark.parametrize("key", READ_AND_WRITTEN)
def test_a_format_keeps_the_marks_that_it_says_it_carries(tmp_path: Path, key: str) -> None:
    boxes, names = [[0, 0, 10, 10], [10, 10, 30, 40], [20, 0, 60, 60]], ["cat", "dog", "cat"]
    truth = GroundTruth.of(boxes, names, difficult=[False, True, False], crowd=[False, False, True])
    back, features = read_back(written(tmp_path, key, truth)), label_writer(key).features
    assert back.class_names == tuple(names if label_writer(key).keeps_crowds else names[:2])
    assert bool(back.difficult[1]) == (Feature.DIFFICULT in features)
    assert bool(back.crowd.any()) == (Feature.CROWD in features)


@pytest.mark.parametrize("key", KEYS)
def test_what_is_written_is_recognised_as_the_format(tmp_path: Path, key: str) -> None:
    folder = written(tmp_path, key, GroundTruth.of([[0, 0, 10, 10]], ["cat"]))
    assert open_truth(folder).format_name == label_format(key).title


class FolderFormat(LabelFormat):
    """Pascal VOC in a folder that has a marker."""

    key, title, data_set, features = "marked", "Marked VOC", "a folder with a marker", frozenset[Feature]()
    is_folder = True

    def find(self, folder: Path) -> list[Path]:
        return list(folder.glob("marker"))

    def open(self, path: Path) -> LabelSet:
        return VocLabels(path)


FORMAT = FolderFormat()


def test_a_format_that_is_only_read_says_so() -> None:
    with pytest.raises(ExportError, match="cannot write it yet"):
        FORMAT.plan([], class_names=["cat"], folder="out")


def test_a_line_in_the_list_is_enough_to_add_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, "voc", GroundTruth.of([[0, 0, 10, 10]], ["cat"]))
    put(folder / "marker")
    monkeypatch.setattr(formats, "_FORMATS", {"marked": FormatRow(__name__, "", is_read=True)})
    assert open_truth(folder).class_names == ("cat",)
    with pytest.raises(TruthError, match="expected a folder with a marker, or a folder that holds"):
        open_truth(put(tmp_path / "a.txt"))
