"""Augmenting a bank: the numbers that were asked for, evenly, once, and the same whatever happens on the way."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from banks import MakeBank, contents, judge
from blobs import draw, voc_xml

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.draw import Draw
from negmine.augmenting.draws import classic_grid
from negmine.augmenting.result import AugmentProgress, AugmentResult
from negmine.bank.bank import Bank
from negmine.bank.records import Negative, Variant
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, ConfigError, TruthError
from negmine.exporting.export import export
from negmine.images import decode_image, encode_jpeg
from negmine.mining.config import CropConfig, OutputSize
from negmine.trainable import trainable

WHOLE = CropConfig(crop="image", size=OutputSize("none"))  # the image itself is the negative


def run(bank: Path, **settings: object) -> AugmentResult:
    return augment(bank, config=AugmentConfig(**settings))  # type: ignore[arg-type]


def read(bank: Path) -> tuple[list[Negative], list[Variant]]:
    with Bank(bank) as opened:
        return list(opened.negatives()), list(opened.variants())


def spread(bank: Path) -> list[int]:
    """How many variants each negative has, the hardest first."""
    negatives, variants = read(bank)
    counts = Counter(variant.negative_id for variant in variants)
    return [counts[negative.id] for negative in negatives]


def test_no_negatives_is_an_error_and_makes_no_bank(tmp_path: Path, make_bank: MakeBank) -> None:
    with pytest.raises(BankError, match="does not exist"):
        run(tmp_path / "nowhere", count=1)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(BankError, match="has no negatives to make variants of"):
        run(make_bank({"a.png": []}, "empty"), count=1)
    bank = make_bank(1, "reviewed")
    judge(bank, 1, "rejected")
    with pytest.raises(BankError, match="1 in it, none that a reviewer left"):
        run(bank, count=1)


def test_a_count_is_spread_evenly_and_the_rest_goes_to_the_hardest(make_bank: MakeBank) -> None:
    bank = make_bank(4)
    result = run(bank, count=10)
    assert (result.variants, result.before, sum(result.made.values()), result.missing) == (10, 0, 10, 0)
    assert spread(bank) == [3, 3, 2, 2]
    assert verify(bank).ok and verify(bank).variants == 10


def test_growing_keeps_every_variant_and_the_same_again_makes_none(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    run(bank, count=5)
    before = contents(bank)
    assert sum(run(bank, count=5).made.values()) == 0 and contents(bank) == before
    assert sum(run(bank, count=2).made.values()) == 0 and contents(bank) == before  # nothing is taken away
    result = run(bank, count=12)
    assert (result.before, result.variants) == (5, 12) and spread(bank) == [4, 4, 4]
    after = contents(bank)
    assert before.keys() <= after.keys()
    assert set(before["variants"]) <= set(after["variants"])  # type: ignore[call-overload]


def test_grown_in_steps_is_the_same_pictures_as_at_once(make_bank: MakeBank) -> None:
    steps, once = make_bank(3, "steps"), make_bank(3, "once")
    for per_negative in (1, 4, 9):
        run(steps, per_negative=per_negative)
    run(once, per_negative=9)
    assert {v.sha256 for v in read(steps)[1]} == {v.sha256 for v in read(once)[1]}


def test_every_row_says_how_to_make_its_file_again(make_bank: MakeBank) -> None:
    bank = make_bank(2)
    run(bank, per_negative=12, quality=80)
    negatives, variants = read(bank)
    by_id = {negative.id: negative for negative in negatives}
    for variant in variants:
        original = decode_image(by_id[variant.negative_id].path.read_bytes())
        made = Draw(variant.operation, variant.parameters).apply(original)
        assert variant.path.read_bytes() == encode_jpeg(made, quality=80)
        assert variant.size_wh == (original.shape[1], original.shape[0])
        assert not np.array_equal(made, original)
    assert {v.operation for v in variants} > {"gaussian_blur", "sharpen"}


def test_only_the_operations_that_were_asked_for(make_bank: MakeBank) -> None:
    bank = make_bank(2)
    result = run(bank, per_negative=5, ops=("contrast",))
    assert result.made == {"linear_contrast": 10}
    assert {variant.operation for variant in read(bank)[1]} == {"linear_contrast"}


@pytest.mark.parametrize(
    "settings", [{"per_negative": 21}, {"per_negative": 4, "recipe": "field"}, {"recipe": "classic", "hardest": 1}]
)
@pytest.mark.slow_after(2)
def test_any_number_of_workers_makes_the_same_bank(make_bank: MakeBank, settings: dict[str, object]) -> None:
    banks = [make_bank(3, f"bank{workers}") for workers in (1, 2, 5)]
    for workers, bank in zip((1, 2, 5), banks, strict=True):
        run(bank, workers=workers, **settings)
    ours = [_without_paths(bank) for bank in banks]
    assert ours[0] == ours[1] == ours[2]


def _without_paths(bank: Path) -> dict[str, object]:
    """What a bank holds but for its sources, which have other names here."""
    found = contents(bank)
    return {name: found[name] for name in found if name not in ("sources", "items", "runs")}


def test_seeds_differ(make_bank: MakeBank) -> None:
    first, second = make_bank(1, "first"), make_bank(1, "second")
    run(first, count=8, ops=("blur", "contrast"))
    run(second, count=8, ops=("blur", "contrast"), seed=1)
    assert not {v.sha256 for v in read(first)[1]} & {v.sha256 for v in read(second)[1]}


def test_the_classic_recipe_is_the_whole_grid_less_what_changes_nothing(make_bank: MakeBank) -> None:
    bank = make_bank(2)
    result = run(bank, recipe="classic", hardest=1)
    hardest, variants = read(bank)[0][0], read(bank)[1]
    assert {variant.negative_id for variant in variants} == {hardest.id}
    assert sum(result.made.values()) + result.unchanged + result.repeats == 600 and len(variants) == sum(
        result.made.values()
    )
    original = decode_image(hardest.path.read_bytes())
    pictures = {encode_jpeg(draw.apply(original)) for draw in classic_grid()} - {encode_jpeg(original)}
    assert {variant.path.read_bytes() for variant in variants} == pictures
    assert result.unchanged >= 21  # sigma 0, and alpha 0 with every lightness
    again = run(bank, recipe="classic", hardest=1)
    assert (again.unchanged, again.repeats, sum(again.made.values())) == (0, 0, 0)  # what gave nothing is remembered


def test_what_changes_nothing_counts_as_the_original(make_bank: MakeBank, tmp_path: Path) -> None:
    """A flat picture: blurred, smoothed or sharpened at lightness 1 it is the same. Contrast alone changes it."""
    make_bank({"flat.png": np.full((64, 64, 3), (100, 0, 255), dtype=np.uint8)}, crop=WHOLE)
    result = run(tmp_path / "bank", count=3, ops=("blur", "smooth"))
    assert (sum(result.made.values()), result.missing) == (0, 3) and result.unchanged > 6
    known = contents(tmp_path / "bank")
    assert run(tmp_path / "bank", count=3, ops=("blur", "smooth")).unchanged == 0  # nothing is tried twice
    assert contents(tmp_path / "bank") == known
    assert sum(run(tmp_path / "bank", count=3, ops=("blur", "contrast")).made.values()) == 3
    assert verify(tmp_path / "bank").ok


def test_operations_that_run_out_say_so(make_bank: MakeBank) -> None:
    result = run(make_bank(1), per_negative=20, ops=("smooth",))
    assert (sum(result.made.values()), result.missing) == (6, 14)  # four averages and two medians


def test_a_damaged_negative_is_skipped_and_named(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    hardest = read(bank)[0][0].path
    data = hardest.read_bytes()
    hardest.write_bytes(data[:-9])
    result = run(bank, per_negative=40)  # more than one unit
    assert [(each.path, "its file has changed" in each.reason) for each in result.skipped] == [(hardest, True)]
    assert spread(bank) == [0, 40, 40]
    hardest.unlink()
    assert "is gone" in run(bank, per_negative=1).skipped[0].reason
    hardest.write_bytes(data)
    run(bank, per_negative=40)
    assert spread(bank) == [40, 40, 40] and verify(bank).ok


def test_rejected_negatives_have_none_and_lose_theirs_in_exports(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(3)
    judge(bank, read(bank)[0][1].id, "target")
    assert run(bank, per_negative=2).left_out == 1
    assert spread(bank) == [2, 0, 2]
    assert export(bank, tmp_path / "out").variants == 4
    judge(bank, read(bank)[0][0].id, "rejected")
    exported = export(bank, tmp_path / "out")
    assert (exported.negatives, exported.variants) == (1, 2) and exported.removed == 2 * 3
    assert len(list((tmp_path / "out" / "JPEGImages").iterdir())) == 3


def test_progress_goes_up_to_its_total(make_bank: MakeBank) -> None:
    said: list[AugmentProgress] = []
    augment(make_bank(3), config=AugmentConfig(per_negative=30), on_progress=said.append)
    assert [now.done for now in said] == sorted(now.done for now in said)
    assert said[0] == AugmentProgress(0, 90) and said[-1] == AugmentProgress(90, 90) and len(said) > 4


def test_progress_of_a_recipe_counts_what_is_left_of_its_grid(make_bank: MakeBank) -> None:
    bank, said = make_bank(1), list[AugmentProgress]()
    run(bank, per_negative=5)
    config = AugmentConfig(recipe="classic")
    augment(bank, config=config, on_progress=said.append)
    assert said[0] == AugmentProgress(0, 600) and said[-1] == AugmentProgress(600, 600)
    augment(bank, config=config, on_progress=said.append)
    assert said[-1].done == said[-1].total < 600


@pytest.fixture
def positives(tmp_path: Path) -> Path:
    """A VOC data set of ten images with an object, and two without."""
    for i in range(12):
        draw(tmp_path / "data" / "images" / f"{i}.png", seed=100 + i)
        boxes = [("cat", 5, 5, 20, 20)] if i < 10 else []
        voc_xml(tmp_path / "data" / "annots" / f"{i}.xml", f"{i}.png", boxes)
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("ratio", "wanted", "variants"),
    [("1:1", 10, 5), ("1:2", 20, 15), ("2:1", 5, 0), ("1:1.5", 15, 10), ("3:1", 4, 0)],
)
def test_a_ratio_counts_all_negative_images(
    make_bank: MakeBank, positives: Path, ratio: str, wanted: int, variants: int
) -> None:
    bank = make_bank(3)
    result = run(bank, ratio=ratio, positives=(positives,))
    assert result.wanted == wanted and result.mix is not None
    assert (result.mix.positives, result.mix.empty, result.mix.banked, result.mix.variants) == (10, 2, 3, 0)
    assert result.variants == variants and len(read(bank)[1]) == variants
    assert sum(run(bank, ratio=ratio, positives=(positives,)).made.values()) == 0
    document = json.loads(json.dumps(result.to_dict()))
    assert document["counted"]["wanted"] == wanted


def test_a_ratio_that_multiplies_too_much_is_refused_and_says_what_to_do(make_bank: MakeBank, positives: Path) -> None:
    bank = make_bank(1)
    before = contents(bank)
    with pytest.raises(ConfigError, match=r"up to 107 variants .* over the 50 .*scan more .*at least 2 more"):
        run(bank, ratio="1:11", positives=(positives,))  # 110 negatives less 2 empty ones, less 1: 107; (50 + 1) x 3
    assert contents(bank) == before
    assert run(bank, ratio="1:11", positives=(positives,), max_per_negative=107).variants == 107


def test_the_hardest_alone_may_be_too_few(make_bank: MakeBank, positives: Path) -> None:
    with pytest.raises(ConfigError, match=r"take more than the 1 of --hardest \(there are 10\)"):
        run(make_bank(10), ratio="1:20", positives=(positives,), hardest=1)


def test_only_what_a_ratio_adds_is_held_against_the_limit(make_bank: MakeBank, positives: Path) -> None:
    bank = make_bank(3)
    run(bank, per_negative=60, hardest=1)
    result = run(bank, ratio="1:7", positives=(positives,), max_per_negative=5)  # 70 less 2 empty, 3 and 60: 5
    assert sum(result.made.values()) == 5 and spread(bank) == [60, 3, 2]


def test_a_ratio_says_what_a_damaged_negative_lacks(make_bank: MakeBank, positives: Path) -> None:
    bank = make_bank(2)
    read(bank)[0][1].path.unlink()
    result = run(bank, ratio="1:1", positives=(positives,))  # 10 less 2 empty and 2 negatives: 3 of each
    assert (sum(result.made.values()), result.missing, len(result.skipped)) == (3, 3, 1)


@pytest.fixture
def flat_twins(make_bank: MakeBank) -> Path:
    """Two flat negatives, one shade apart: what contrast makes of one may be the other, or its variant."""
    shades = {f"{shade}.png": np.full((64, 64, 3), (shade, 0, shade), dtype=np.uint8) for shade in (200, 201)}
    return make_bank(shades, "twins", crop=WHOLE)


def test_no_variant_is_another_negative_or_anothers_variant(flat_twins: Path, tmp_path: Path) -> None:
    run(flat_twins, per_negative=60, ops=("contrast",))
    negatives, variants = read(flat_twins)
    files = [each.sha256 for each in (*negatives, *variants)]
    assert len(negatives) == 2 and len(set(files)) == len(files) > 20
    rows = [repr(row) for row in contents(flat_twins)["repeats"]]  # type: ignore[attr-defined]
    again = run(flat_twins, per_negative=60, ops=("contrast",))
    assert not again.made  # what another has is tried again, since that one may go; what gave nothing is not
    assert again.unchanged == 0 and rows == [repr(r) for r in contents(flat_twins)["repeats"]]  # type: ignore[attr-defined]


def test_a_variant_that_a_later_negative_equals_is_not_exported(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(2)
    run(bank, per_negative=1, ops=("blur",))
    negatives, variants = read(bank)
    (later,) = (v for v in variants if v.negative_id == negatives[0].id)
    with BankWriter(bank, purpose="a test") as writer, writer.transaction():
        # As a scan would leave it that cuts out a picture which is by chance the variant.
        name = f"negatives/{later.sha256[:2]}/{later.sha256}.jpg"
        (bank / name).parent.mkdir(exist_ok=True)
        (bank / name).write_bytes(later.path.read_bytes())
        change = "UPDATE negatives SET sha256 = ?, file = ? WHERE id = ?"
        writer._connection.execute(change, (later.sha256, name, negatives[1].id))
    with Bank(bank) as opened:
        usable, variants_left = trainable(opened)
    assert len(usable) == 2 and later.sha256 not in {v.sha256 for v in variants_left}
    assert export(bank, tmp_path / "out").variants == 1


def test_positives_without_an_object_are_refused(make_bank: MakeBank, tmp_path: Path) -> None:
    draw(tmp_path / "none" / "a.png")
    voc_xml(tmp_path / "none" / "a.xml", "a.png", [])
    with pytest.raises(TruthError):
        run(make_bank(1), ratio="1:1", positives=(tmp_path / "none",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "just one of --count, --per-negative, --ratio, --recipe classic, found none"),
        ({"count": 1, "per_negative": 1}, "found --count and --per-negative"),
        ({"count": 0}, "--count to be 1 or more, .*found 0"),
        ({"per_negative": -3}, "--per-negative to be 1 or more, .*found -3"),
        ({"count": 10**20}, "up to 1000000000"),
        ({"count": 1, "split": "train"}, "--split is of --data"),
        ({"count": 1, "hardest": 0}, "--hardest"),
        ({"count": 1, "max_per_negative": 0}, "--max-per-negative"),
        ({"count": 1, "workers": 0}, "--workers"),
        ({"count": 1, "quality": 101}, "quality from 1 to 100"),
        ({"count": 1, "ops": ("blur", "twirl")}, "among blur, sharpen, contrast, smooth, light, .*found 'twirl'"),
        ({"count": 1, "ops": ()}, "found none"),
        ({"recipe": "modern"}, "recipe classic or field, found 'modern'"),
        ({"recipe": "field"}, "--recipe classic, found none beside --recipe field"),
        ({"recipe": "classic", "count": 1}, "found --count and --recipe classic"),
        ({"recipe": "field", "count": 1, "ops": ("jpeg",)}, "a recipe has operations of its own"),
        ({"recipe": "classic", "ops": ("blur",)}, "a recipe has operations of its own"),
        ({"ratio": "1:1"}, "--ratio and --data belong together"),
        ({"count": 1, "positives": (Path("data"),)}, "belong together"),
        ({"ratio": "1:0", "positives": (Path("data"),)}, "1:0"),
        ({"ratio": "one to two", "positives": (Path("data"),)}, "one to two"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AugmentConfig(**settings)  # type: ignore[arg-type]
