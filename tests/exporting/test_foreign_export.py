"""An export's folder that somebody else made, or that two exports want: nothing outside of it is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from kill_cases import files_left
from needs import NAMED_PIPES

from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.exporting.folder import _LOCK, MANIFEST
from negmine.files import sha256_of

YOLO = ExportConfig(format="yolo")


@pytest.fixture
def out(small_bank: Path, tmp_path: Path) -> Path:
    """An export."""
    export(small_bank, tmp_path / "out", config=YOLO)
    return tmp_path / "out"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file of the user's."""
    path = tmp_path / "precious" / "thesis.txt"
    path.parent.mkdir()
    path.write_text("years of work")
    return path


def add_to_manifest(out: Path, name: str, data: bytes) -> None:
    """Claim that a file is the export's."""
    document = json.loads((out / MANIFEST).read_text())
    document["files"][name] = [sha256_of(data)]
    (out / MANIFEST).write_text(json.dumps(document))


@pytest.mark.parametrize("name", ["../precious/thesis.txt", "{precious}", "images/../../precious/thesis.txt", "..", ""])
def test_a_manifest_that_names_files_elsewhere_is_refused(
    small_bank: Path, out: Path, precious: Path, name: str
) -> None:
    add_to_manifest(out, name.format(precious=precious), precious.read_bytes())
    before = files_left(out)
    with pytest.raises(ExportError, match="is not the manifest of an export"):
        export(small_bank, out, config=YOLO)
    assert precious.exists() and files_left(out) == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        '{"format": "yolo"}',
        '{"format": "yolo", "method": "copy", "files": []}',
        '{"format": "yolo", "method": "copy", "files": {"a": 3}}',
        '{"format": ["yolo"], "method": "copy", "files": {}}',
        '{"format": "x\\u001b[2J\\ny", "method": "copy", "files": {}}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_damaged_manifest_is_one_line(small_bank: Path, out: Path, text: str) -> None:
    (out / MANIFEST).write_text(text, encoding="latin-1")
    before = files_left(out)
    with pytest.raises(ExportError) as error:
        export(small_bank, out, config=YOLO)
    assert str(error.value).isprintable() and files_left(out) == before


@pytest.mark.parametrize("name", [MANIFEST, "images", "labels/train", "data.yaml"])
def test_a_link_leads_out_of_no_export(small_bank: Path, out: Path, precious: Path, name: str) -> None:
    shutil.rmtree(out / name) if (out / name).is_dir() else (out / name).unlink()
    (out / name).symlink_to(precious if "." in name else precious.parent)
    try:
        export(small_bank, out, config=YOLO)
    except ExportError as error:
        assert str(error).isprintable()
    assert files_left(precious.parent) == {"thesis.txt": b"years of work"}


@pytest.mark.parametrize("claimed", ["images", "images/train"])
def test_a_link_to_a_folder_that_the_manifest_claims_is_refused(
    small_bank: Path, out: Path, precious: Path, claimed: str
) -> None:
    shutil.rmtree(out / claimed)
    (out / claimed).symlink_to(precious.parent)
    add_to_manifest(out, claimed, b"")
    with pytest.raises(ExportError):
        export(small_bank, out, config=YOLO)
    assert files_left(precious.parent) == {"thesis.txt": b"years of work"}


@NAMED_PIPES
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [MANIFEST, "data.yaml", _LOCK.file, _LOCK.holder])
def test_a_pipe_keeps_nobody_waiting(small_bank: Path, out: Path, name: str) -> None:
    (out / name).unlink(missing_ok=True)
    os.mkfifo(out / name)
    if name == _LOCK.holder:
        export(small_bank, out, config=YOLO)
        assert not (out / name).exists()
        return
    with pytest.raises(
        ExportError, match=r"it is a pipe, not a file|expected a plain file|is not the file that was exported"
    ) as error:
        export(small_bank, out, config=YOLO)
    assert "\n" not in str(error.value)


def test_two_exports_into_one_folder_the_second_names_the_first(small_bank: Path, out: Path, tmp_path: Path) -> None:
    before = files_left(out)
    (tmp_path / "new").mkdir()
    for folder in (out, tmp_path / "new"):
        with _LOCK.hold(folder, purpose="negmine export"):
            with pytest.raises(ExportError, match=rf"is in use by process {os.getpid()} \(negmine export\); wait"):
                export(small_bank, folder, config=YOLO)
    assert files_left(out) == before and not files_left(tmp_path / "new")


def test_the_lock_of_an_export_that_was_killed_is_taken_over_and_none_is_left(small_bank: Path, out: Path) -> None:
    before = files_left(out)
    for name in _LOCK.files:
        (out / name).touch()
    export(small_bank, out, config=YOLO)
    assert files_left(out) == before


def test_links_in_a_circle_are_one_line(small_bank: Path, tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    for out in (tmp_path / "round", tmp_path / "round" / "out"):
        with pytest.raises(ExportError, match="name a folder that can be written with --out") as error:
            export(small_bank, out, config=YOLO)
        assert "\n" not in str(error.value)
