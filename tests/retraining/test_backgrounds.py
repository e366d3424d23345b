"""Backgrounds: which files are some, and which are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from toy import draw, make_world, open_toy, sha256, write_weights

from negmine.detectors.config import DetectorConfig
from negmine.errors import BankError, ConfigError, SourceError
from negmine.mining.scan import scan
from negmine.retraining.backgrounds import Backgrounds, read_backgrounds
from negmine.retraining.labelled import LabelledData, read_labelled


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    world = make_world(tmp_path_factory.mktemp("data"), backgrounds=0)
    return read_labelled(world.data, {0: "lamp"})


def read(sources: Sequence[Path], labelled: LabelledData, bank: Path | None = None) -> Backgrounds:
    return read_backgrounds(list(sources), bank, labelled)


def paths(found: Backgrounds) -> list[Path]:
    return sorted(image.path for image in found.images)


def drawn(folder: Path, count: int, first: int = 100) -> Path:
    for number in range(first, first + count):
        draw(folder / f"b{number}.png", seed=number)
    return folder


def test_copies_count_once_and_what_is_named_is_among_them(tmp_path: Path, labelled: LabelledData) -> None:
    folder, apart = drawn(tmp_path / "in", 4), drawn(tmp_path / "apart", 2, first=102)
    found = read_backgrounds([folder], None, labelled, held_out=[apart])
    assert len(found.images) == 4
    assert found.named == {sha256(path) for path in apart.iterdir()}


def test_what_is_in_the_labelled_data_is_left_out_and_named(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 20)
    for name, image in (("from-train", labelled.train[0]), ("from-val", labelled.val[0])):
        (folder / f"{name}.png").write_bytes(image.path.read_bytes())
    found = read([folder], labelled)
    assert sorted(path.stem for path in found.left_out) == ["from-train", "from-val"]
    assert not {"from-train", "from-val"} & {path.stem for path in paths(found)}
    (note,) = [note for note in found.notes if "in the labelled data" in note]
    assert note.startswith("2 backgrounds left out") and "from-train.png" in note


def test_a_background_that_looks_like_an_image_with_objects_is_named(tmp_path: Path, labelled: LabelledData) -> None:
    folder, positive = drawn(tmp_path / "in", 20), labelled.train[0]
    (folder / "same.png").write_bytes(positive.path.read_bytes() + b"other bytes, same picture")
    found = read([folder], labelled)
    (note,) = [note for note in found.notes if "near-duplicates of labelled images with objects" in note]
    assert "same.png" in note and not found.left_out


def test_files_without_an_image_are_left_out_and_counted(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 20)
    (folder / "torn.png").write_bytes(b"no picture")
    found = read([folder], labelled)
    assert any(note.startswith("1 of 21 backgrounds left out") and "torn.png" in note for note in found.notes)


def test_a_bank_stands_in_for_backgrounds_with_what_it_was_mined_from(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 20)
    config = DetectorConfig(str(write_weights(tmp_path / "w.json", [1])))
    scan(folder, open_toy(config), bank=tmp_path / "bank")
    scan(labelled.train[0].path, open_toy(config), bank=tmp_path / "bank", truth=labelled.truth)
    found = read([], labelled, tmp_path / "bank")
    assert paths(found) == sorted(folder.iterdir())


def test_a_bank_names_only_the_images_that_were_scanned(tmp_path: Path, labelled: LabelledData) -> None:
    """One of somebody else's could name any picture of the user; that it knows what is in it is less likely."""
    folder, private = drawn(tmp_path / "backgrounds", 3), drawn(tmp_path / "private", 1, first=900)
    scan(folder, open_toy(DetectorConfig(str(write_weights(tmp_path / "w.json", [1])))), bank=tmp_path / "bank")
    changed = sorted(folder.iterdir())[0]
    changed.unlink()
    changed.symlink_to(next(private.iterdir()))
    found = read([], labelled, tmp_path / "bank")
    assert paths(found) == sorted(folder.iterdir())[1:]
    assert found.left_out == {changed: "it has changed since it was scanned"}


def test_a_bank_whose_images_are_gone_is_no_source(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 2)
    scan(folder, open_toy(DetectorConfig(str(write_weights(tmp_path / "w.json", [1])))), bank=tmp_path / "bank")
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(SourceError, match=r"bank .* has none: the 2 that it was mined from are gone"):
        read([], labelled, tmp_path / "bank")


def test_neither_backgrounds_nor_a_bank(tmp_path: Path, labelled: LabelledData) -> None:
    with pytest.raises(ConfigError, match=r"--backgrounds, or a bank .* --bank"):
        read([], labelled)
    with pytest.raises(BankError, match="does not exist"):
        read([], labelled, tmp_path / "none")


def test_backgrounds_that_are_all_in_the_data_are_refused(labelled: LabelledData) -> None:
    with pytest.raises(SourceError, match=r"none of 2 can be used .*in the labelled data"):
        read([each.path for each in labelled.train[:2]], labelled)
