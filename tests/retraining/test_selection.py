"""Which negatives of a bank a round is trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from banks import judge
from toy import NATIVE, draw, open_toy, sha256, write_weights

from negmine.bank.bank import Bank
from negmine.bank.records import Negative
from negmine.detectors.config import DetectorConfig
from negmine.grouping import CameraShot, GroupBy
from negmine.held_out import HeldOut
from negmine.images import decode_image
from negmine.images.perceptual_hash import perceptual_hash
from negmine.mining.config import CropConfig, ScanConfig
from negmine.mining.scan import scan
from negmine.retraining.selection import Candidates, candidates, choose, expand
from negmine.structures import FloatArray
from negmine.trainable import BankHashes, KnownImages, Refusal, TrainingRule

NOTHING = KnownImages()
ANYTHING = TrainingRule(NOTHING)


def held_out(*contents: str, hashes: tuple[int, ...] = ()) -> KnownImages:
    """Some images are measured on."""
    return KnownImages(HeldOut(frozenset(contents), frozenset(hashes)))


def fill(folder: Path, *kinds: int, crop: CropConfig = NATIVE, name: str = "w") -> str:
    """Scan the pictures of a folder with weights that fire on some kinds; the detector's hash."""
    detector = open_toy(DetectorConfig(str(write_weights(folder / f"{name}.json", kinds))))
    scan(folder / "in", detector, bank=folder / "bank", config=ScanConfig(crop=crop))
    return detector.identity.sha256


def three(folder: Path) -> list[Path]:
    """Three pictures with a thing of the kinds 1, 2, 3 in each, which get harder to tell."""
    return [draw(folder / "in" / f"{k}.png", [(20, 20, 60, 60, k, 30 + 10 * k)], seed=k) for k in (1, 2, 3)]


def list_of(
    folder: Path, weights: str, known: KnownImages = NOTHING, hashes: dict[str, int] | None = None
) -> Candidates:
    with Bank(folder / "bank") as bank:
        return candidates(bank, weights, TrainingRule(known, BankHashes.read(bank, hashes or {})))


def sources(negatives: tuple[Negative, ...] | list[Negative]) -> list[str]:
    return [negative.source.stem for negative in negatives]


def test_a_bank_without_negatives_has_no_candidates(tmp_path: Path) -> None:
    three(tmp_path)
    found = list_of(tmp_path, fill(tmp_path))
    assert (found.negatives, found.fresh, found.refused) == ((), 0, {})


def test_the_hardest_come_first(tmp_path: Path) -> None:
    three(tmp_path)
    found = list_of(tmp_path, fill(tmp_path, 1, 2, 3))
    assert sources(found.negatives) == ["3", "2", "1"] and found.fresh == 3


def test_what_the_current_weights_get_wrong_comes_before_what_is_settled(tmp_path: Path) -> None:
    three(tmp_path)
    fill(tmp_path, 1, 2, 3)
    found = list_of(tmp_path, fill(tmp_path, 1, name="later"))
    assert sources(found.negatives) == ["1", "3", "2"] and found.fresh == 1


@pytest.mark.parametrize("state", ["rejected", "target"])
def test_what_a_reviewer_rejected_is_no_candidate(tmp_path: Path, state: str) -> None:
    three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    with Bank(tmp_path / "bank") as bank:
        judge(bank.folder, next(bank.negatives()).id, state)  # type: ignore[arg-type]
    assert sources(list_of(tmp_path, weights).negatives) == ["2", "1"]


def test_nothing_that_is_cut_from_what_is_measured_on(tmp_path: Path) -> None:
    first, *_ = three(tmp_path)
    found = list_of(tmp_path, fill(tmp_path, 1, 2, 3), held_out(sha256(first)))
    assert (sources(found.negatives), found.refused) == (["3", "2"], {Refusal.HELD_OUT: 1})


def test_nor_from_a_near_duplicate_of_it(tmp_path: Path) -> None:
    near, *_ = three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    measured = held_out("0" * 64, hashes=(phash_of(near) ^ 0b1011,))
    assert sources(list_of(tmp_path, weights, measured).negatives) == ["3", "2"]
    near.unlink()  # what was read before is known
    known = {sha256(tmp_path / "in" / f"{k}.png"): 0 for k in (2, 3)}
    assert sources(list_of(tmp_path, weights, measured, known).negatives) == ["3", "2"]


def test_nor_what_two_pictures_share_if_one_of_them_is_measured_on(tmp_path: Path) -> None:
    first = draw(tmp_path / "in" / "a.png", [(20, 20, 60, 60, 1, 80)], seed=1)
    second = draw(tmp_path / "in" / "b.png", [(20, 20, 60, 60, 1, 80), (140, 100, 150, 110, 9, 80)], seed=1)
    crop = CropConfig("context", 1.0, NATIVE.size)
    weights = fill(tmp_path, 1, crop=crop)
    assert len(list_of(tmp_path, weights).negatives) == 1  # the same bytes
    for measured in (first, second):
        found = list_of(tmp_path, weights, held_out(sha256(measured)))
        assert (found.negatives, found.refused) == ((), {Refusal.HELD_OUT: 1})


def test_nor_a_negative_that_is_itself_measured_on(tmp_path: Path) -> None:
    three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    with Bank(tmp_path / "bank") as bank:
        hardest = next(bank.negatives())
    by_bytes = held_out(hardest.sha256)
    by_look = held_out(hashes=(phash_of(hardest.path),))
    for measured in (by_bytes, by_look):
        assert sources(list_of(tmp_path, weights, measured).negatives) == ["2", "1"]


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def phash_of(path: Path) -> int:
    return perceptual_hash(decode_image(path.read_bytes()))


@pytest.mark.parametrize(
    ("objects", "dropped"),
    [
        (boxes(), False),
        (boxes((0, 0, 20, 20)), False),  # ends where the crop begins
        (boxes((0, 0, 9, 9), (59.5, 59.5, 90, 90)), True),
    ],
)
def test_nor_a_part_of_a_training_image_with_an_object_in_it(
    tmp_path: Path, objects: FloatArray, dropped: bool
) -> None:
    first, *_ = three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3, crop=CropConfig("context", 1.0, NATIVE.size))  # 20 to 60, as drawn
    positives = frozenset([phash_of(first)]) if len(objects) else frozenset[int]()
    found = list_of(tmp_path, weights, KnownImages(objects={sha256(first): objects}, positives=positives))
    assert sources(found.negatives) == (["3", "2"] if dropped else ["3", "2", "1"])
    assert found.refused == ({Refusal.TARGET: 1} if dropped else {})


def test_nor_any_part_of_a_near_duplicate_of_a_training_image_with_objects(tmp_path: Path) -> None:
    near, *_ = three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3, crop=CropConfig("context", 1.0, NATIVE.size))
    positives = frozenset([phash_of(near) ^ 0b1011])
    other = {"0" * 64: boxes((150, 110, 155, 115))}
    found = list_of(tmp_path, weights, KnownImages(objects=other, positives=positives))
    assert (sources(found.negatives), found.refused) == (["3", "2"], {Refusal.NEAR_POSITIVE: 1})
    own = {sha256(near): boxes()}  # its own label says that nothing is in it
    found = list_of(tmp_path, weights, KnownImages(objects=other | own, positives=positives))
    assert (sources(found.negatives), found.refused) == (["3", "2", "1"], {})


def test_nor_a_negative_that_is_itself_a_training_image_with_objects_or_looks_like_one(tmp_path: Path) -> None:
    three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    with Bank(tmp_path / "bank") as bank:
        hardest = next(bank.negatives())
    by_bytes = KnownImages(objects={hardest.sha256: boxes((1, 1, 2, 2))})
    by_look = KnownImages(positives=frozenset([phash_of(hardest.path)]))
    for known, refusal in ((by_bytes, Refusal.TARGET), (by_look, Refusal.NEAR_POSITIVE)):
        found = list_of(tmp_path, weights, known)
        assert (sources(found.negatives), found.refused) == (["2", "1"], {refusal: 1})


def test_nor_anything_of_a_labelled_image_that_is_not_used(tmp_path: Path) -> None:
    first, *_ = three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    found = list_of(tmp_path, weights, KnownImages(unclear=frozenset([sha256(first)])))
    assert (sources(found.negatives), found.refused) == (["3", "2"], {Refusal.UNCLEAR: 1})


def test_nor_what_two_pictures_share_if_one_of_them_has_an_object_there(tmp_path: Path) -> None:
    first = draw(tmp_path / "in" / "a.png", [(20, 20, 60, 60, 1, 80)], seed=1)
    second = draw(tmp_path / "in" / "b.png", [(20, 20, 60, 60, 1, 80), (140, 100, 150, 110, 9, 80)], seed=1)
    weights = fill(tmp_path, 1, crop=CropConfig("context", 1.0, NATIVE.size))
    for labelled in (first, second):
        there = KnownImages(objects={sha256(labelled): boxes((50, 50, 70, 70))})
        elsewhere = KnownImages(objects={sha256(labelled): boxes((100, 10, 120, 20))})
        assert list_of(tmp_path, weights, there).refused == {Refusal.TARGET: 1}
        assert len(list_of(tmp_path, weights, elsewhere).negatives) == 1


def test_a_source_that_is_gone_is_counted_and_its_negatives_left_out(tmp_path: Path) -> None:
    gone, changed, _ = three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    gone.unlink()
    draw(changed, seed=77)
    found = list_of(tmp_path, weights)
    assert (sources(found.negatives), found.refused) == (["3"], {Refusal.UNTRACEABLE: 2})


def test_near_duplicates_are_thinned_and_no_source_has_too_many(tmp_path: Path) -> None:
    spots = [
        (10 + 50 * i, 10 + 40 * j, 30 + 50 * i, 30 + 40 * j, 1, 90 - 10 * i - j) for i in range(3) for j in range(2)
    ]
    draw(tmp_path / "in" / "many.png", spots, seed=5)
    draw(tmp_path / "in" / "one.png", [(60, 60, 90, 90, 1, 50)], seed=6)
    found = list_of(tmp_path, fill(tmp_path, 1))
    with Bank(tmp_path / "bank") as bank:
        hashes = bank.perceptual_hashes()
    apart = {negative.id: 0xFFFF_FFFF_0000_0000 ^ (0x1F << 5 * n) for n, negative in enumerate(found.negatives)}
    taken = choose(found.negatives, apart, 9, near_bits=4, max_per_source=2)
    assert sources(taken) == ["many", "many", "one"]
    assert [each.score for each in taken[:2]] == [0.9, 0.89]
    assert len(choose(found.negatives, apart, 2, near_bits=4, max_per_source=9)) == 2
    assert choose(found.negatives, apart, 0, near_bits=4, max_per_source=9) == []
    same = dict.fromkeys(apart, 0xFFFF_FFFF_0000_0000)
    assert choose(found.negatives, same, 1, near_bits=4, max_per_source=9) == [found.negatives[0]]
    assert set(hashes) == set(apart)


def test_where_places_are_left_as_many_look_alikes_are_trained_on_as_there_are_others(tmp_path: Path) -> None:
    for number in range(6):
        draw(tmp_path / "in" / f"{number}.png", [(20, 20, 60, 60, 1, 90 - 10 * number)], seed=number)
    found = list_of(tmp_path, fill(tmp_path, 1))
    first, second, *others = found.negatives
    hashes = {each.id: 0xFFFF_FFFF_0000_0000 for each in found.negatives} | {others[1].id: 0x0000_FFFF_FFFF_0000}
    taken = choose(found.negatives, hashes, 9, near_bits=4, max_per_source=9)
    assert taken == [first, others[1], second, others[0]]
    assert choose(found.negatives, hashes, 3, near_bits=4, max_per_source=9) == taken[:3]


def test_variants_are_spread_evenly_and_are_those_of_before(tmp_path: Path) -> None:
    three(tmp_path)
    negatives = list_of(tmp_path, fill(tmp_path, 1, 2, 3)).negatives[:2]
    made = expand(tmp_path / "bank", negatives, 5, ANYTHING, most=4, seed=0)
    assert [negative.source.stem for negative, _ in made] == ["3", "3", "3", "2", "2"]
    assert len({variant.sha256 for _, variant in made}) == 5
    assert expand(tmp_path / "bank", negatives, 5, ANYTHING, most=4, seed=0) == made
    assert expand(tmp_path / "bank", negatives, 2, ANYTHING, most=4, seed=0) == [made[0], made[3]]
    assert len(expand(tmp_path / "bank", negatives, 99, ANYTHING, most=4, seed=0)) == 8
    with Bank(tmp_path / "bank") as bank:
        assert set(bank.variant_counts()) == {negative.id for negative in negatives}  # the others got none


def test_nothing_is_pasted_into_what_a_training_may_not_see(tmp_path: Path) -> None:
    """The bank has variants of another training, which were pasted into what this one is measured on."""
    three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    every = list_of(tmp_path, weights).negatives
    shown = [each for _, each in expand(tmp_path / "bank", every, 60, ANYTHING, most=20, seed=0, recipe="field")]
    apart = every[0]
    assert any(each.onto == apart.sha256 for each in shown)
    known = held_out(apart.source_sha256)
    free = list_of(tmp_path, weights, known).negatives
    assert apart not in free
    made = expand(tmp_path / "bank", free, 40, TrainingRule(known), most=20, seed=0, recipe="field")
    assert len(made) == 40 and any(each.onto for _, each in made)
    assert all(each.onto != apart.sha256 for _, each in made)


def test_variants_made_after_a_kill_are_the_same(tmp_path: Path) -> None:
    three(tmp_path)
    negatives = list_of(tmp_path, fill(tmp_path, 1, 2, 3)).negatives

    class Killed(BaseException): ...

    def kill(done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        expand(tmp_path / "bank", negatives, 30, ANYTHING, most=10, seed=0, workers=1, on_progress=kill)
    cut_short = [variant.sha256 for _, variant in expand(tmp_path / "bank", negatives, 30, ANYTHING, most=10, seed=0)]
    other = tmp_path / "other"
    three(other)
    whole = expand(other / "bank", list_of(other, fill(other, 1, 2, 3)).negatives, 30, ANYTHING, most=10, seed=0)
    assert cut_short == [variant.sha256 for _, variant in whole]
    assert replace(negatives[0], path=Path()) == replace(whole[0][0], path=Path(), source=negatives[0].source)


def test_what_was_cut_from_another_frame_of_a_held_out_camera_is_refused(tmp_path: Path) -> None:
    """The frames do not look alike, and only one of them is measured on."""
    first, second, third = three(tmp_path)
    weights = fill(tmp_path, 1, 2, 3)
    shots = {path.stem: CameraShot(camera, "") for path, camera in ((first, "a"), (second, "a"), (third, "b"))}
    of_first = HeldOut(frozenset([sha256(first)]), frozenset(), (first,))
    found = list_of(tmp_path, weights, KnownImages(of_first, GroupBy(shots=shots)))
    assert sources(found.negatives) == [third.stem] and found.refused == {Refusal.HELD_OUT: 2}
    assert list_of(tmp_path, weights, KnownImages(of_first)).refused == {Refusal.HELD_OUT: 1}
