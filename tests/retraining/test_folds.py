"""What each training learns from, and what it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from toy import draw, make_world, sha256

from negmine.errors import ConfigError, SourceError, TruthError
from negmine.grouping import CameraShot, GroupBy
from negmine.held_out import HoldoutConfig
from negmine.images import decode_image
from negmine.images.perceptual_hash import perceptual_hash
from negmine.retraining.backgrounds import read_backgrounds
from negmine.retraining.folds import Division, divide, folds_where_few
from negmine.retraining.labelled import LabelledData, read_labelled


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    return read_labelled(make_world(tmp_path_factory.mktemp("data"), backgrounds=0).data, {0: "lamp"})


@pytest.fixture(scope="module")
def unsplit(tmp_path_factory: pytest.TempPathFactory) -> LabelledData:
    """20 images with a lamp in each, and no split to measure on."""
    return read_labelled(make_world(tmp_path_factory.mktemp("data"), val=False, backgrounds=0).data, {0: "lamp"})


def divided(
    sources: Sequence[Path],
    labelled: LabelledData,
    *,
    share: float = 0.4,
    seed: int = 0,
    named: Sequence[Path] = (),
    folds: int = 1,
) -> Division:
    backgrounds = read_backgrounds(list(sources), None, labelled, held_out=named)
    return divide(labelled, backgrounds, HoldoutConfig(share=share, seed=seed, sources=tuple(named)), folds=folds)


def drawn(folder: Path, count: int, first: int = 100) -> Path:
    for number in range(first, first + count):
        draw(folder / f"b{number}.png", seed=number)
    return folder


def held_out(division: Division) -> tuple[Path, ...]:
    return division.backgrounds.paths


def test_every_background_is_on_one_side(tmp_path: Path, labelled: LabelledData) -> None:
    found = divided([drawn(tmp_path / "in", 30)], labelled)
    assert sorted((*found.folds[0].mined, *held_out(found))) == sorted((tmp_path / "in").iterdir())
    assert {sha256(path) for path in held_out(found)} == found.backgrounds.contents
    assert 4 < len(held_out(found)) < 20
    mined, apart = len(found.folds[0].mined), len(held_out(found))
    sides = f"training on 12 images with objects and 0 without, measuring on 8; mining {mined} backgrounds, "
    assert found.notes[0] == f"{sides}holding out {apart}"
    assert "held out: false positives on so few are a rough estimate" in found.notes[1]


def test_names_places_and_copies_change_nothing(tmp_path: Path, labelled: LabelledData) -> None:
    found = divided([drawn(tmp_path / "in", 30)], labelled)
    for number, path in enumerate((tmp_path / "in").iterdir()):
        (tmp_path / "moved").mkdir(exist_ok=True)
        (tmp_path / "moved" / f"{number}.png").write_bytes(path.read_bytes())
        (tmp_path / "moved" / f"{number}-again.png").write_bytes(path.read_bytes())
    assert divided([tmp_path / "moved"], labelled).backgrounds.contents == found.backgrounds.contents


@pytest.fixture
def taught(tmp_path: Path) -> LabelledData:
    """A data set that has 10 empty training images, of the same pixels as the backgrounds b100 to b109."""
    world = make_world(tmp_path / "world", backgrounds=0)
    for number in range(100, 110):
        draw(world.data.parent / "images" / "train" / f"e{number}.bmp", seed=number)
        (world.data.parent / "labels" / "train" / f"e{number}.txt").write_text("")
    return read_labelled(world.data, {0: "lamp"})


def stems(paths: Sequence[Path]) -> set[str]:
    return {path.stem for path in paths}


LEARNED = {f"b{number}" for number in range(100, 110)}


def test_what_looks_like_an_empty_training_image_is_mined_and_never_held_out(
    tmp_path: Path, labelled: LabelledData, taught: LabelledData
) -> None:
    folder = drawn(tmp_path / "in", 30)
    before, found = divided([folder], labelled), divided([folder], taught)
    would_be = stems(held_out(before)) & LEARNED
    assert would_be and stems(held_out(found)) == stems(held_out(before)) - LEARNED
    assert stems(found.folds[0].mined) == stems(before.folds[0].mined) | would_be
    assert {sha256(path) for path in held_out(found)} == found.backgrounds.contents
    (note,) = [note for note in found.notes if "are trained on" in note]
    assert note.startswith(f"{len(would_be)} backgrounds mined, not held out")
    assert f"{min(would_be)}.png" in note
    assert not any("are trained on" in note for note in before.notes)


def test_nor_is_what_looks_like_a_training_image_with_objects(tmp_path: Path, labelled: LabelledData) -> None:
    folder = drawn(tmp_path / "in", 20)
    for number, positive in enumerate(labelled.train):
        (folder / f"same{number}.png").write_bytes(positive.path.read_bytes() + b"other bytes, same picture")
    found = divided([folder], labelled)
    assert not [path for path in held_out(found) if path.stem.startswith("same")] and held_out(found)
    assert any("backgrounds mined, not held out" in note for note in found.notes)


def test_what_is_named_to_be_held_out_is_left_out_if_it_looks_like_a_training_image(
    tmp_path: Path, taught: LabelledData
) -> None:
    folder, apart = drawn(tmp_path / "in", 10, first=200), drawn(tmp_path / "apart", 4, first=108)
    found = divided([folder], taught, named=(apart,))
    assert stems(held_out(found)) == {"b110", "b111"} and stems(found.folds[0].mined) == stems(list(folder.iterdir()))
    assert stems(list(found.left_out)) == {"b108", "b109"}
    (note,) = [note for note in found.notes if "are trained on" in note]
    assert note.startswith("2 backgrounds left out, not held out") and "b108.png" in note and "b109.png" in note
    assert not any("near-duplicates of what is held out" in note for note in found.notes)


def test_where_all_look_like_training_images_nothing_is_left_to_measure_on(
    tmp_path: Path, taught: LabelledData
) -> None:
    with pytest.raises(SourceError, match=r"to measure on by --holdout 0\.4 .*look like images that are trained on"):
        divided([drawn(tmp_path / "in", 10)], taught)


@pytest.mark.parametrize(("share", "side"), [(0.001, "to measure on"), (0.999, "to mine")])
def test_an_empty_side_is_refused(tmp_path: Path, labelled: LabelledData, share: float, side: str) -> None:
    with pytest.raises(SourceError, match=f"none of 3 backgrounds is left {side} by --holdout {share:g}"):
        divided([drawn(tmp_path / "in", 3)], labelled, share=share)


def test_without_a_split_to_measure_on_a_share_of_the_labelled_images_is_held_out(
    tmp_path: Path, unsplit: LabelledData
) -> None:
    folder = drawn(tmp_path / "in", 20)
    (fold,) = divided([folder], unsplit).folds
    assert len(fold.train) + len(fold.val) == 20 and fold.val
    assert {image.sha256 for image in fold.val} <= fold.known.held_out.contents
    assert any("no split to measure on: holding out" in note for note in divided([folder], unsplit).notes)
    (other,) = divided([folder], unsplit, seed=1).folds
    assert {image.sha256 for image in other.val} != {image.sha256 for image in fold.val}


def test_one_image_with_objects_is_too_few_to_hold_out_a_share(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", val=False, backgrounds=0)
    for path in sorted((world.data.parent / "images" / "train").iterdir())[1:]:
        path.unlink()
    data = read_labelled(world.data, {0: "lamp"})
    folder = drawn(tmp_path / "in", 20)
    for seed, side in ((0, "to train on"), (1, "to measure recall on")):
        with pytest.raises(TruthError, match=f"data.yaml: expected images with objects {side}, found none"):
            divided([folder], data, seed=seed)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_with_folds_every_image_is_measured_on_by_the_one_member_that_never_sees_it(
    tmp_path: Path, unsplit: LabelledData, folds: int
) -> None:
    folder = drawn(tmp_path / "in", 23)
    found = divided([folder], unsplit, folds=folds)
    assert sorted(image.path for fold in found.folds for image in fold.val) == sorted(i.path for i in unsplit.train)
    assert sorted(path for fold in found.folds for path in fold.backgrounds.paths) == sorted(folder.iterdir())
    for fold in found.folds:
        assert len(fold.train) + len(fold.val) == 20 and len(fold.mined) + len(fold.backgrounds.paths) == 23
        assert not {image.path for image in fold.train} & {image.path for image in fold.val}
        assert not set(fold.mined) & set(fold.backgrounds.paths)
        assert {image.sha256 for image in fold.val} | fold.backgrounds.contents == fold.known.held_out.contents
        assert set(fold.known.objects) == {image.sha256 for image in fold.train}
    sizes = [(len(fold.val), len(fold.backgrounds.paths)) for fold in found.folds]
    assert all(max(side) - min(side) <= 1 for side in zip(*sizes, strict=True))
    assert set(found.parts(unsplit)) == {f"fold-{number}" for number in range(1, folds + 1)}


def test_near_duplicates_are_in_one_fold_a_background_with_the_labelled_image_that_it_looks_like(
    tmp_path: Path, unsplit: LabelledData
) -> None:
    folder = drawn(tmp_path / "in", 12)
    for number in range(6):
        (folder / f"again{number}.png").write_bytes((folder / f"b{100 + number}.png").read_bytes() + b"other bytes")
        (folder / f"same{number}.png").write_bytes(unsplit.train[number].path.read_bytes() + b"other bytes")
    found = divided([folder], unsplit, folds=3)
    hashes = [
        {perceptual_hash(decode_image(path.read_bytes())) for path in fold.backgrounds.paths}
        | {image.phash for image in fold.val}
        for fold in found.folds
    ]
    assert all((a ^ b).bit_count() > 4 for one, other in combinations(hashes, 2) for a in one for b in other)
    assert len(held_out(found)) == 24


def test_a_split_of_the_data_is_measured_on_once_and_never_trained_on(tmp_path: Path, labelled: LabelledData) -> None:
    found = divided([drawn(tmp_path / "in", 20)], labelled, folds=3)
    assert sorted(image.path for fold in found.folds for image in fold.val) == sorted(i.path for i in labelled.val)
    for fold in found.folds:
        assert fold.train == labelled.train and 2 <= len(fold.val) <= 3
        assert {image.sha256 for image in labelled.val} <= fold.known.held_out.contents
    assert {name: len(images) for name, images in found.parts(labelled).items()} == {"train": 12, "val": 8}


def test_with_folds_too_nothing_that_looks_like_what_all_are_trained_on_is_measured_on(
    tmp_path: Path, taught: LabelledData
) -> None:
    found = divided([drawn(tmp_path / "in", 30)], taught, folds=3)
    assert stems(held_out(found)) == {f"b{number}" for number in range(110, 130)}
    assert all(stems(fold.mined) >= LEARNED for fold in found.folds)


def test_that_folds_replace_a_soup_and_what_the_figures_are_of_is_said(tmp_path: Path, unsplit: LabelledData) -> None:
    notes = divided([drawn(tmp_path / "in", 9)], unsplit, folds=3).notes
    assert "its 20 images and 9 backgrounds are divided into 3 folds" in notes[0] and "in place of a soup" in notes[0]
    assert "their average, which is the result, has learned from every fold and is measured on none" in notes[1]
    assert any(note.startswith("member 3: training on 1") for note in notes)


@pytest.mark.parametrize(
    ("folds", "backgrounds", "said"),
    [
        (9, 8, r"found --folds 9 and 8 groups among the backgrounds; ask for 8 at most, or give more of them"),
        (21, 30, r"found --folds 21 and 20 groups among the labelled images with objects; ask for 20 at most"),
        (2, 1, r"found --folds 2 and 1 group among the backgrounds; leave --folds out, or give more of them"),
    ],
)
def test_more_folds_than_groups_are_refused(
    tmp_path: Path, unsplit: LabelledData, folds: int, backgrounds: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        divided([drawn(tmp_path / "in", backgrounds)], unsplit, folds=folds)


def test_backgrounds_of_the_groups_of_images_that_are_trained_on_are_mined(
    tmp_path: Path, labelled: LabelledData
) -> None:
    stem = labelled.train[0].path.stem
    draw(tmp_path / "in" / f"{stem}-b.png", seed=300)
    backgrounds = read_backgrounds([drawn(tmp_path / "in", 20)], None, labelled)
    by = GroupBy(rf"/({stem})(?:-b)?\.png")
    notes: list[str] = []
    for seed in range(5):  # a share of nearly all would hold it out
        found = divide(labelled, backgrounds, HoldoutConfig(share=0.9, seed=seed, group_by=by), folds=1)
        assert tmp_path / "in" / f"{stem}-b.png" in found.folds[0].mined
        notes += found.notes
    assert any("or are of the groups of such images" in note for note in notes)


def test_no_member_mines_a_group_that_it_is_measured_on(tmp_path: Path, labelled: LabelledData) -> None:
    stems = [image.path.stem for image in labelled.val]
    for number, stem in enumerate(stems):
        draw(tmp_path / "in" / f"{stem}-b.png", seed=300 + number)
    by = GroupBy(rf"/({'|'.join(stems)})(?:-b)?\.png")
    backgrounds = read_backgrounds([drawn(tmp_path / "in", 20)], None, labelled)
    division = divide(labelled, backgrounds, HoldoutConfig(share=0.4, group_by=by), folds=3)
    assert sum(len(fold.val) for fold in division.folds) == len(stems)
    for fold in division.folds:
        assert by.keys(image.path for image in fold.val).isdisjoint(by.keys(fold.mined))


def shots_in(folder: Path) -> dict[str, CameraShot]:
    """Every background of a folder as a frame of one of three cameras, in turn."""
    stems = sorted(path.stem for path in folder.iterdir())
    return {stem: CameraShot(f"rtsp://camera/{i % 3}", f"frame {i}") for i, stem in enumerate(stems)}


@pytest.mark.parametrize("folds", [1, 2])
def test_frames_of_one_camera_are_all_mined_or_all_measured_on(
    tmp_path: Path, labelled: LabelledData, folds: int
) -> None:
    backgrounds = read_backgrounds([drawn(tmp_path / "in", 24)], None, labelled)
    by = GroupBy(shots=shots_in(tmp_path / "in"))
    for seed in range(3):
        division = divide(labelled, backgrounds, HoldoutConfig(share=0.4, seed=seed, group_by=by), folds=folds)
        for fold in division.folds:
            measured, mined = by.keys(fold.backgrounds.paths), by.keys(fold.mined)
            assert measured and mined and measured.isdisjoint(mined) and fold.known.group_by is by
        groups = {division.groups[sha256] for sha256 in division.backgrounds.contents}
        assert len(groups) == len(by.keys(division.backgrounds.paths))


def few(sources: Sequence[Path], labelled: LabelledData, named: Sequence[Path] = ()) -> int:
    return folds_where_few(labelled, read_backgrounds(list(sources), None, labelled, held_out=named), GroupBy())


@pytest.mark.parametrize(("limit", "folds"), [(20, 1), (21, 3)])
def test_many_labelled_images_are_not_divided(
    limit: int, folds: int, unsplit: LabelledData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("negmine.retraining.folds.FEW_LABELLED", limit)
    assert few([drawn(tmp_path / "in", 9)], unsplit) == folds  # of 20 images with objects


def test_few_labelled_images_are_divided_into_three(
    tmp_path: Path, labelled: LabelledData, unsplit: LabelledData
) -> None:
    many, two, one = (drawn(tmp_path / str(count), count, first=100 * count) for count in (8, 2, 1))
    assert [few([each], unsplit) for each in (many, two, one)] == [3, 2, 1]
    assert [few([each], labelled) for each in (many, two, one)] == [3, 2, 1]
    assert few([many], unsplit, named=[two]) == 1


def test_five_labelled_images_and_eight_backgrounds_are_enough_for_three(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", val=False, backgrounds=0)
    for path in sorted((world.data.parent / "images" / "train").iterdir())[5:]:
        path.unlink()
    data = read_labelled(world.data, {0: "lamp"})
    found = divided([drawn(tmp_path / "in", 8)], data, folds=few([tmp_path / "in"], data))
    assert sorted((len(fold.train), len(fold.mined)) for fold in found.folds) == [(3, 5), (3, 5), (4, 6)]
