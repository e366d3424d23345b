"""Merging again, into folders of all kinds, and from data sets that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from blobs import draw
from data_sets import PLAIN, SIZE_WH, stems, write_voc, write_yolo
from test_export import tree

from negmine.datasets.config import LabelConfig
from negmine.datasets.open import open_dataset
from negmine.errors import ConfigError, ExportError, NegmineError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export

FORMATS = ["voc", "yolo"]
VOC, YOLO = (ExportConfig(format=name) for name in FORMATS)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("method", ["copy", "hardlink", "symlink"])
def test_a_second_run_changes_nothing(small_bank: Path, tmp_path: Path, format_name: str, method: str) -> None:
    data, config = write_voc(tmp_path / "data"), ExportConfig(format=format_name, method=method)  # type: ignore[arg-type]
    first = export(small_bank, tmp_path / "out", merge=data, config=config)
    before = tree(tmp_path / "out")
    again = export(small_bank, tmp_path / "out", merge=data, config=config)
    assert (again.written, again.removed, again.unchanged) == (0, 0, first.written)
    assert tree(tmp_path / "out") == before
    stored = (tmp_path / "data" / "JPEGImages" / "a.png").stat().st_ino
    (exported,) = (tmp_path / "out").rglob("a.png")
    assert (exported.stat().st_ino == stored) == (method != "copy") and exported.is_symlink() == (method == "symlink")


@pytest.mark.parametrize("method", ["copy", "hardlink", "symlink"])
def test_an_image_that_changed_is_brought_up_to_date(small_bank: Path, tmp_path: Path, method: str) -> None:
    data, config = write_yolo(tmp_path / "data"), ExportConfig(format="yolo", method=method)  # type: ignore[arg-type]
    export(small_bank, tmp_path / "out", merge=data, config=config)
    image = tmp_path / "data" / "images" / "train" / "a.png"
    image.write_bytes(draw(tmp_path / "other.png", size_wh=SIZE_WH, seed=77).read_bytes())
    (tmp_path / "data" / "labels" / "train" / "b.txt").write_text("")
    assert export(small_bank, tmp_path / "out", merge=data, config=config).removed == 0
    assert (tmp_path / "out" / "images" / "train" / "a.png").read_bytes() == image.read_bytes()
    assert (tmp_path / "out" / "labels" / "train" / "b.txt").read_bytes() == b""


def test_what_a_trainer_caches_is_no_strangers_file_and_goes_with_what_it_was_made_of(
    small_bank: Path, tmp_path: Path
) -> None:
    data, out = write_yolo(tmp_path / "data"), tmp_path / "out"
    export(small_bank, out, merge=data, config=YOLO)
    caches = [out / "labels" / "train.cache", out / "images" / "train" / "a.npy"]
    for path in caches:
        path.write_bytes(b"cache")
    assert export(small_bank, out, merge=data, config=YOLO).written == 0
    assert all(path.exists() for path in caches)
    (tmp_path / "data" / "labels" / "train" / "a.txt").write_text("")
    assert export(small_bank, out, merge=data, config=YOLO).written == 1
    assert not any(path.exists() for path in caches)
    (out / "images" / "train" / "mine.npy").write_bytes(b"mine")
    with pytest.raises(ExportError, match=r"mine\.npy"):
        export(small_bank, out, merge=data, config=YOLO)


def test_another_data_set_takes_the_place_of_the_first(small_bank: Path, tmp_path: Path) -> None:
    export(small_bank, tmp_path / "out", merge=write_yolo(tmp_path / "data"), config=YOLO)
    other = write_yolo(tmp_path / "other", {"train": {"z.png": [("car", 1, 1, 9, 9)]}, "val": {"y.png": []}})
    export(small_bank, tmp_path / "out", merge=other, config=YOLO)
    assert len(stems(open_dataset(tmp_path / "out", split="train"), "train")) == 3
    assert [path.name for path in (tmp_path / "out" / "images" / "val").iterdir()] == ["y.png"]
    with pytest.raises(ExportError, match="export of format yolo"):
        export(small_bank, tmp_path / "out", merge=other, config=VOC)
    assert export(small_bank, tmp_path / "out", config=YOLO).merged is None
    assert not list((tmp_path / "out").rglob("z.*"))


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda at: at / "nowhere", {}, "does not exist"),
        (lambda at: write_yolo(at / "data", {"train": {"c.png": []}}), {}, "expected images with objects to train on"),
        (lambda at: write_yolo(at / "data", {"val": PLAIN["val"]}), {}, "no split train, only val"),
        (write_yolo, {"split": "test"}, "has no split 'test', only train, val"),
        (write_yolo, {"split": "val"}, "leave --split val out"),
        (lambda at: write_voc(at / "data", {"all": PLAIN["train"]}), {"split": "x"}, "only one without a name"),
    ],
)
def test_bad_data_is_refused_before_anything_is_written(
    small_bank: Path, tmp_path: Path, make: Callable[[Path], Path], options: dict[str, str], message: str
) -> None:
    data = make(tmp_path)
    with pytest.raises(NegmineError, match=message) as caught:
        export(small_bank, tmp_path / "out", merge=data, split=options.get("split"), config=YOLO)
    assert str(caught.value).isprintable()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["data/merged", "data/JPEGImages/merged"])
def test_an_export_into_the_data_set_is_refused(small_bank: Path, tmp_path: Path, out: str) -> None:
    data = write_voc(tmp_path / "data")
    before = tree(data)
    with pytest.raises(ExportError, match="lie in one another"):
        export(small_bank, tmp_path / out, merge=data)
    assert tree(data) == before


def test_an_export_beside_the_images_of_a_yaml_is_fine_and_into_them_is_not(small_bank: Path, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data")
    export(small_bank, tmp_path / "data" / "merged", merge=data, config=YOLO)
    with pytest.raises(ExportError, match="lie in one another"):
        export(small_bank, tmp_path / "data" / "images" / "train" / "merged", merge=data, config=YOLO)


def test_settings_of_a_merge_need_one(small_bank: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--merge"):
        export(small_bank, tmp_path / "out", split="train")
    with pytest.raises(ConfigError, match="--merge"):
        export(small_bank, tmp_path / "out", config=ExportConfig(labels=LabelConfig(missing_is_empty=True)))
