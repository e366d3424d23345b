"""Parquet files hold the images and what the image folder says of them, and are written piece by piece."""

from __future__ import annotations

import errno
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from banks import judge
from data_sets import PLAIN, write_voc
from kill_cases import files_left

from negmine.bank.bank import Bank
from negmine.errors import BankError, ConfigError
from negmine.exporting.config import CopyMethod, ExportConfig, TargetExportConfig
from negmine.exporting.export import export
from negmine.exporting.staging import content_sha256
from negmine.exporting.targets import export_targets
from negmine.labels.formats import label_writer
from negmine.labels.plan import Content, ExportImage, StreamedFile

parquet = pytest.importorskip("pyarrow.parquet")

TRAIN, VALIDATION = (f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation"))
CONFIG = ExportConfig(format="parquet")


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def table_of(contents: Sequence[Content]) -> StreamedFile:
    """The file of images of so many bytes each, which nobody decodes."""
    images = [ExportImage(str(number), each, (8, 6)) for number, each in enumerate(contents)]
    file = label_writer("parquet").plan(images, class_names=["van"], folder="out")[TRAIN]
    assert isinstance(file, StreamedFile)
    return file


def as_given(content: Content) -> bytes:
    assert isinstance(content, bytes)
    return content


def test_no_images_are_a_file_without_rows() -> None:
    file = io.BytesIO()
    table_of([]).write(file, as_given)
    assert parquet.read_table(file).num_rows == 0


def test_rows_are_those_of_the_image_folder_with_the_bytes_of_the_images(small_bank: Path, tmp_path: Path) -> None:
    data, out, folder = write_voc(tmp_path / "data"), tmp_path / "out", tmp_path / "folder"
    export(small_bank, out, merge=data, config=CONFIG)
    export(small_bank, folder, merge=data, config=ExportConfig(format="imagefolder"))
    assert {each.relative_to(out).as_posix() for each in out.rglob("*.*")} == {
        "README.md", "negmine-export.json", TRAIN, VALIDATION,
    }  # fmt: skip
    for split, path in (("train", TRAIN), ("validation", VALIDATION)):
        lines = [json.loads(line) for line in (folder / split / "metadata.jsonl").read_text().splitlines()]
        for line, row in zip(lines, rows_of(out / path), strict=True):
            image, name = row.pop("image"), line.pop("file_name")
            assert image == {"bytes": (folder / split / name).read_bytes(), "path": name} and row == line
    assert sum(row["is_negative"] for row in rows_of(out / TRAIN)) == 2


def test_a_split_without_objects_is_written_since_types_are_stated(tmp_path: Path) -> None:
    data = write_voc(tmp_path / "data", {**PLAIN, "val": {"d.png": []}})
    export(None, tmp_path / "out", merge=data, config=CONFIG)
    schemas = [parquet.read_schema(tmp_path / "out" / path) for path in (TRAIN, VALIDATION)]
    assert schemas[0].equals(schemas[1], check_metadata=True)
    features = json.loads(schemas[1].metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["objects"]["category"]["feature"] == {"names": ["car", "van"], "_type": "ClassLabel"}


@pytest.mark.parametrize(
    ("sizes", "groups"), [([9] * 250, [100, 100, 50]), ([2000, 2000, 9], [1, 2]), ([9, 4000, 9], [1, 1, 1])]
)
def test_few_images_and_few_bytes_are_held_at_a_time(
    sizes: Sequence[int], groups: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("negmine.labels.writers.parquet._BYTES", 3000)
    file = io.BytesIO()
    table_of([bytes(size) for size in sizes]).write(file, as_given)
    metadata = parquet.ParquetFile(file).metadata
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == list(groups)


def test_the_same_bytes_again_and_only_what_changed_is_written(small_bank: Path, tmp_path: Path) -> None:
    data, out = write_voc(tmp_path / "data"), tmp_path / "out"
    first = export(small_bank, out, merge=data, config=ExportConfig(format="parquet", workers=1))
    export(small_bank, tmp_path / "others", merge=data, config=ExportConfig(format="parquet", workers=3))
    assert files_left(out) == files_left(tmp_path / "others")
    again = export(small_bank, out, merge=data, config=CONFIG)
    assert (first.written, again.written, again.unchanged) == (3, 0, 3)
    with Bank(small_bank) as bank:
        judge(small_bank, next(iter(bank.negatives())).id, "rejected")
    after = export(small_bank, out, merge=data, config=CONFIG)
    assert (after.written, after.unchanged) == (2, 1)  # ids are counted through all splits
    assert len(rows_of(out / TRAIN)) == 4


def test_a_damaged_negative_is_named_and_the_earlier_export_stays(small_bank: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(small_bank, out, config=CONFIG)
    before = files_left(out)
    with Bank(small_bank) as bank:
        path = next(iter(bank.negatives())).path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BankError, match=r"is damaged: .*`negmine verify` lists all damage"):
        export(small_bank, out, config=CONFIG)
    assert files_left(out) == before


def test_what_the_disk_says_is_passed_on() -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as error:
        table_of([b"image"]).write(Full(), as_given)
    assert error.value.errno == errno.ENOSPC


def test_the_hash_is_known_before_the_file_is_written() -> None:
    file, table = io.BytesIO(), table_of([b"first", b"second"])
    table.write(file, as_given)
    assert content_sha256(table) == content_sha256(file.getvalue())


@pytest.mark.parametrize("method", sorted({*get_args(CopyMethod)} - {"copy"}))
def test_images_inside_a_file_are_no_links(small_bank: Path, tmp_path: Path, method: CopyMethod) -> None:
    with pytest.raises(ConfigError, match=f"holds the images themselves.*; leave --{method} out"):
        export(small_bank, tmp_path / "out", config=ExportConfig(format="parquet", method=method))
    with pytest.raises(ConfigError, match=f"leave --{method} out"):
        export_targets(small_bank, tmp_path / "out", config=TargetExportConfig("parquet", method))


def test_without_pyarrow_it_is_one_line(small_bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = r"--format parquet needs the package pyarrow, which is not installed; pip install 'negmine\[parquet\]'"
    with pytest.raises(ConfigError, match=said):
        export(small_bank, tmp_path / "out", config=CONFIG)
    assert not (tmp_path / "out").exists()
