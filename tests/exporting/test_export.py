"""Export: a VOC data set without objects that others read, and a folder in which nothing of anybody else is touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from banks import MakeBank, judge
from blobs import draw, square_detector
from lxml import etree

from negmine.bank.bank import Bank
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, ConfigError, ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.mining.config import CropConfig
from negmine.mining.scan import scan


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and its time."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): (p.read_bytes(), p.lstat().st_mtime_ns) for p in files}


@pytest.fixture
def bank(make_bank: MakeBank) -> Path:
    """Three negatives, from files with names that are hard to export."""
    names = ["plain.png", "two words\n.png", os.fsdecode(b"\xff\xe4.png")]
    return make_bank({name: [(60, 40, 80, 60, 50 + i)] for i, name in enumerate(names)}, crop=CropConfig())


def test_an_empty_bank_has_nothing_to_export(make_bank: MakeBank, tmp_path: Path) -> None:
    make_bank({"a.png": []})
    with pytest.raises(ExportError, match="has no negatives; scan backgrounds with"):
        export(tmp_path / "bank", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_layout_is_the_devkits(bank: Path, tmp_path: Path) -> None:
    result = export(bank, tmp_path / "out")
    assert (result.negatives, result.variants, result.written) == (3, 0, 7)
    names = (tmp_path / "out" / "ImageSets" / "Main" / "train.txt").read_text().split()
    assert len(names) == 3 and names == sorted(names)
    for name in names:
        root = etree.parse(tmp_path / "out" / "Annotations" / f"{name}.xml").getroot()
        assert [child.tag for child in root] == ["folder", "filename", "source", "size", "segmented"]
        assert root.findtext("filename") == f"{name}.jpg" and root.findtext("folder") == "out"
        assert [root.findtext(f"size/{tag}") for tag in ("width", "height", "depth")] == ["200", "120", "3"]
        assert all(element.text and element.text.strip() for element in root.iter() if not len(element))
        assert str(tmp_path).encode() not in etree.tostring(root)
    with Bank(bank) as opened:
        for negative in opened.negatives():
            (exported,) = (tmp_path / "out" / "JPEGImages").glob(f"*-{negative.sha256[:10]}.jpg")
            assert exported.read_bytes() == negative.path.read_bytes()


def test_names_are_plain_stable_and_say_where_they_come_from(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    stems = sorted(p.stem.rsplit("-", 1)[0] for p in (tmp_path / "out" / "JPEGImages").iterdir())
    assert stems == ["image", "plain", "two_words"]


def test_exporting_twice_changes_nothing(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    before = tree(tmp_path / "out")
    result = export(bank, tmp_path / "out")
    assert (result.written, result.unchanged, result.removed) == (0, 7, 0)
    assert tree(tmp_path / "out") == before


def test_a_later_export_adds_what_is_new_and_takes_out_what_was_rejected(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    draw(tmp_path / "bank-in" / "new.png", [(60, 40, 80, 60, 90)], seed=9)
    scan(tmp_path / "bank-in", square_detector(), bank=bank)
    with Bank(bank) as opened:
        hardest, second, *_ = list(opened.negatives())
        judge(opened.folder, hardest.id, "accepted")
        judge(opened.folder, second.id, "rejected")
    result = export(bank, tmp_path / "out")
    assert (result.negatives, result.left_out, result.written, result.removed) == (3, 1, 3, 2)
    annotations = {p.stem: etree.parse(p).getroot() for p in (tmp_path / "out" / "Annotations").iterdir()}
    verified = [name for name, root in annotations.items() if root.get("verified") == "yes"]
    assert verified == [f"new-{hardest.sha256[:10]}"]
    assert not any(second.sha256[:10] in name for name in tree(tmp_path / "out"))


def test_variants_are_exported_unless_not_wanted(bank: Path, tmp_path: Path) -> None:
    with BankWriter(bank, purpose="a test") as writer, writer.transaction():
        negative = next(writer.negatives())
        staged = writer.stage(negative.path.read_bytes() + b"\0")
        writer.add_variant(negative.id, staged, negative.size_wh, "blur", {"sigma": 1})
    assert export(bank, tmp_path / "with").variants == 1
    assert len(list((tmp_path / "with" / "JPEGImages").glob("*-blur-*.jpg"))) == 1
    assert export(bank, tmp_path / "without", config=ExportConfig(variants=False)).variants == 0
    assert not list((tmp_path / "without" / "JPEGImages").glob("*-blur-*.jpg"))


@pytest.mark.parametrize("method", ["hardlink", "symlink"])
def test_links_share_the_banks_bytes(bank: Path, tmp_path: Path, method: str) -> None:
    config = ExportConfig(method=method)  # type: ignore[arg-type]
    export(bank, tmp_path / "out", config=config)
    for path in (tmp_path / "out" / "JPEGImages").iterdir():
        inodes = {p.stat().st_ino for p in bank.rglob("*.jpg")}
        assert path.stat().st_ino in inodes and path.is_symlink() == (method == "symlink")
        assert not path.is_symlink() or not path.readlink().is_absolute()
    assert export(bank, tmp_path / "out", config=config).written == 0


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Path]:
    """A folder with somebody's work in it, which must be the same afterwards."""
    (tmp_path / "out" / "Annotations").mkdir(parents=True)
    (tmp_path / "out" / "Annotations" / "mine.xml").write_text("<annotation/>")
    before = tree(tmp_path / "out")
    yield tmp_path / "out"
    assert tree(tmp_path / "out") == before


def test_a_folder_that_holds_something_else_is_refused(bank: Path, strangers: Path) -> None:
    with pytest.raises(ExportError, match=r"Annotations/mine\.xml"):
        export(bank, strangers)


def test_what_someone_added_to_an_export_is_refused_and_stays(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    before = tree(tmp_path / "out")
    with pytest.raises(ExportError, match=r"notes\.txt"):
        export(bank, tmp_path / "out")
    assert tree(tmp_path / "out") == before


def test_what_someone_changed_in_an_export_is_refused_and_stays(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    changed = next((tmp_path / "out" / "Annotations").iterdir())
    changed.write_text("<annotation><object/></annotation>")
    before = tree(tmp_path / "out")
    with pytest.raises(ExportError, match="was changed since it was exported"):
        export(bank, tmp_path / "out")
    assert tree(tmp_path / "out") == before


def test_an_export_that_was_cut_short_is_finished(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    whole = {name: data for name, (data, _) in tree(tmp_path / "out").items()}
    for name in sorted(whole)[:3]:
        (tmp_path / "out" / name).unlink()
    (tmp_path / "out" / f"{min(whole)}.negmine-part").write_bytes(b"half")
    assert export(bank, tmp_path / "out").written == 3
    assert {name: data for name, (data, _) in tree(tmp_path / "out").items()} == whole


def test_a_damaged_bank_is_not_exported(bank: Path, tmp_path: Path) -> None:
    with Bank(bank) as opened:
        damaged = next(opened.negatives()).path
    damaged.write_bytes(b"damaged")
    with pytest.raises(BankError, match="negmine verify"):
        export(bank, tmp_path / "out")


def test_out_is_a_file(bank: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="is a file"):
        export(bank, tmp_path / "out")


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match="voc"):
        ExportConfig(format="tfrecord")


def test_a_copy_after_links_is_a_copy(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out", config=ExportConfig(method="symlink"))
    assert export(bank, tmp_path / "out", config=ExportConfig(method="copy")).written == 3
    assert not any(path.is_symlink() for path in (tmp_path / "out" / "JPEGImages").iterdir())
    assert export(bank, tmp_path / "out").written == 0


def test_when_everything_is_rejected_an_earlier_export_is_emptied(bank: Path, tmp_path: Path) -> None:
    export(bank, tmp_path / "out")
    with Bank(bank) as opened:
        for negative in list(opened.negatives()):
            judge(opened.folder, negative.id, "rejected")
    result = export(bank, tmp_path / "out")
    assert (result.negatives, result.removed) == (0, 6)
    assert not (tmp_path / "out" / "JPEGImages").exists()
    with pytest.raises(ExportError, match="no negatives to export"):
        export(bank, tmp_path / "new")
