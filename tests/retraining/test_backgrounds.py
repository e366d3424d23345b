"""Backgrounds: what is mined, what is held out, and what is no background at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from toy import draw, make_world, open_toy, sha256, write_weights

from negmine.detectors.config import DetectorConfig
from negmine.errors import BankError, ConfigError, SourceError
from negmine.held_out import HoldoutConfig
from negmine.mining.scan import scan
from negmine.retraining.backgrounds import Backgrounds, read_backgrounds
from negmine.retraining.labelled import LabelledData, read_labelled


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    world = make_world(tmp_path_factory.mktemp("data"), backgrounds=0)
    return read_labelled(world.data, {0: "lamp"}, HoldoutConfig(share=0.2))


def read(sources: Sequence[Path], labelled: LabelledData, bank: Path | None = None, share: float = 0.4) -> Backgrounds:
    return read_backgrounds(list(sources), bank, labelled, HoldoutConfig(share=share))


def drawn(folder: Path, count: int, first: int = 100) -> Path:
    for number in range(first, first + count):
        draw(folder / f"b{number}.png", seed=number)
    return folder


def test_every_background_is_on_one_side(tmp_path: Path, labelled: LabelledData) -> None:
    found = read([drawn(tmp_path / "in", 30)], labelled)
    assert sorted((*found.mined, *found.held_out.paths)) == sorted((tmp_path / "in").iterdir())
    assert {sha256(path) for path in found.held_out.paths} == found.held_out.contents
    assert 4 < len(found.held_out.paths) < 20
    mined, held_out = len(found.mined), len(found.held_out.paths)
    assert found.notes[0] == f"mining {mined} backgrounds, holding out {held_out}"
    assert "held out: false positives on so few are a rough estimate" in found.notes[1]


def test_names_places_and_copies_change_nothing(tmp_path: Path, labelled: LabelledData) -> None:
    found = read([drawn(tmp_path / "in", 30)], labelled)
    for number, path in enumerate((tmp_path / "in").iterdir()):
        (tmp_path / "moved").mkdir(exist_ok=True)
        (tmp_path / "moved" / f"{number}.png").write_bytes(path.read_bytes())
        (tmp_path / "moved" / f"{number}-again.png").write_bytes(path.read_bytes())
    assert read([tmp_path / "moved"], labelled).held_out.contents == found.held_out.contents


def test_what_is_in_the_labelled_data_is_left_out_and_named(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 20)
    for name, image in (("from-train", labelled.train[0]), ("from-val", labelled.val[0])):
        (folder / f"{name}.png").write_bytes(image.path.read_bytes())
    found = read([folder], labelled)
    assert sorted(path.stem for path in found.left_out) == ["from-train", "from-val"]
    assert not {"from-train", "from-val"} & {path.stem for path in (*found.mined, *found.held_out.paths)}
    (note,) = [note for note in found.notes if "in the labelled data" in note]
    assert note.startswith("2 backgrounds left out") and "from-train.png" in note


def test_a_background_that_looks_like_an_image_with_objects_is_named(tmp_path: Path, labelled: LabelledData) -> None:
    folder, positive = drawn(tmp_path / "in", 20), labelled.train[0]
    (folder / "same.png").write_bytes(positive.path.read_bytes() + b"other bytes, same picture")
    found = read([folder], labelled)
    (note,) = [note for note in found.notes if "near-duplicates of labelled images with objects" in note]
    assert "same.png" in note and not found.left_out


@pytest.fixture
def taught(tmp_path: Path) -> LabelledData:
    """A data set that has 10 empty training images, of the same pixels as the backgrounds b100 to b109."""
    world = make_world(tmp_path / "world", backgrounds=0)
    for number in range(100, 110):
        draw(world.data.parent / "images" / "train" / f"e{number}.bmp", seed=number)
        (world.data.parent / "labels" / "train" / f"e{number}.txt").write_text("")
    return read_labelled(world.data, {0: "lamp"}, HoldoutConfig(share=0.2))


def stems(paths: Sequence[Path]) -> set[str]:
    return {path.stem for path in paths}


LEARNED = {f"b{number}" for number in range(100, 110)}


def test_what_looks_like_an_empty_training_image_is_mined_and_never_held_out(
    tmp_path: Path, labelled: LabelledData, taught: LabelledData
) -> None:
    folder = drawn(tmp_path / "in", 30)
    before, found = read([folder], labelled), read([folder], taught)
    would_be = stems(before.held_out.paths) & LEARNED
    assert would_be and stems(found.held_out.paths) == stems(before.held_out.paths) - LEARNED
    assert stems(found.mined) == stems(before.mined) | would_be
    assert {sha256(path) for path in found.held_out.paths} == found.held_out.contents
    (note,) = [note for note in found.notes if "are trained on" in note]
    assert note.startswith(f"{len(would_be)} backgrounds mined, not held out")
    assert f"{min(would_be)}.png" in note
    assert not any("are trained on" in note for note in before.notes)


def test_nor_is_what_looks_like_a_training_image_with_objects(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 20)
    for number, positive in enumerate(labelled.train):
        (folder / f"same{number}.png").write_bytes(positive.path.read_bytes() + b"other bytes, same picture")
    found = read([folder], labelled)
    assert not [path for path in found.held_out.paths if path.stem.startswith("same")] and found.held_out.paths
    assert any("near-duplicates of labelled images with objects" in note for note in found.notes)
    assert any("backgrounds mined, not held out" in note for note in found.notes)


def test_what_is_named_to_be_held_out_is_left_out_if_it_looks_like_a_training_image(
    tmp_path: Path, taught: LabelledData
) -> None:
    folder, apart = drawn(tmp_path / "in", 10, first=200), drawn(tmp_path / "apart", 4, first=108)
    found = read_backgrounds([folder], None, taught, HoldoutConfig(share=0.4, sources=(apart,)))
    assert stems(found.held_out.paths) == {"b110", "b111"} and stems(found.mined) == stems(list(folder.iterdir()))
    assert stems(list(found.left_out)) == {"b108", "b109"}
    (note,) = [note for note in found.notes if "are trained on" in note]
    assert note.startswith("2 backgrounds left out, not held out") and "b108.png" in note and "b109.png" in note
    assert not any("near-duplicates of what is held out" in note for note in found.notes)


def test_where_all_look_like_training_images_nothing_is_left_to_measure_on(
    tmp_path: Path, taught: LabelledData
) -> None:
    with pytest.raises(SourceError, match=r"to measure on by --holdout 0\.4 .*look like images that are trained on"):
        read([drawn(tmp_path / "in", 10)], taught)


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
    assert sorted((*found.mined, *found.held_out.paths)) == sorted(folder.iterdir())


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


@pytest.mark.parametrize(("share", "side"), [(0.001, "to measure on"), (0.999, "to mine")])
def test_an_empty_side_is_refused(tmp_path: Path, labelled: LabelledData, share: float, side: str) -> None:
    with pytest.raises(SourceError, match=f"none of 3 backgrounds is left {side} by --holdout {share:g}"):
        read([drawn(tmp_path / "in", 3)], labelled, share=share)


def test_backgrounds_that_are_all_in_the_data_are_refused(labelled: LabelledData) -> None:
    with pytest.raises(SourceError, match=r"none of 2 can be used .*in the labelled data"):
        read([each.path for each in labelled.train[:2]], labelled)
