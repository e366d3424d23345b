"""Variants as in the field: drawn and remembered like others, and pasted from and into what may be trained on alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from banks import MakeBank, contents, judge

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.draw import FIELD_OPERATIONS, OPERATIONS, Draw, _taken_by
from negmine.augmenting.draws import OPERATIONS_OF
from negmine.augmenting.field_draws import FIELD_OPS, field_drawn
from negmine.augmenting.result import AugmentResult
from negmine.bank.bank import Bank
from negmine.bank.merging import merge_banks
from negmine.bank.records import Negative, Variant
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.exporting.config import ExportConfig, SelectionConfig, SplitConfig
from negmine.exporting.export import export
from negmine.images import decode_image, encode_jpeg
from negmine.structures import Image
from negmine.trainable import trainable

SHA = "ab" * 32


def run(bank: Path, per_negative: int, **settings: object) -> AugmentResult:
    given: Mapping[str, object] = {"recipe": "field"} | settings
    return augment(bank, config=AugmentConfig(per_negative=per_negative, **given))  # type: ignore[arg-type]


def read(bank: Path) -> tuple[dict[int, Negative], list[Variant]]:
    with Bank(bank) as opened:
        return {each.id: each for each in opened.negatives()}, list(opened.variants())


def image_of(negative: Negative) -> Image:
    return decode_image(negative.path.read_bytes())


def test_none_are_drawn_where_none_are_asked() -> None:
    assert list(field_drawn(0, SHA, limit=0)) == []


def test_a_variant_has_one_operation_or_two_in_the_order_in_which_they_happen() -> None:
    draws = [draw.operation.split("+") for draw in field_drawn(0, SHA, limit=300)]
    order = [*FIELD_OPERATIONS]
    assert {len(each) for each in draws} == {1, 2} and 0.2 < sum(len(each) == 2 for each in draws) / len(draws) < 0.5
    assert all([*map(order.index, each)] == sorted(map(order.index, each)) for each in draws)
    assert {name for each in draws for name in each} == {*FIELD_OPERATIONS} - {"paste"}  # of which nobody drew a place


def test_asking_for_more_takes_more_of_the_same_and_seeds_differ() -> None:
    short, long, other = (list(field_drawn(seed, SHA, limit=limit)) for seed, limit in ((3, 10), (3, 40), (4, 10)))
    assert short == long[: len(short)] and 5 < len(short) < len(long) and short != other


def test_draws_are_the_same_in_every_version() -> None:
    """Written down once: another result would change the variants of every bank that is augmented again."""
    assert list(field_drawn(1, SHA, limit=3)) == [  # the second was to be pasted
        Draw("relight", {"exposure": -0.8123, "gamma": 0.7901, "kelvin": 5444.7675}),
        Draw("jpeg_compression", {"jpeg_quality": 70}),
    ]


def test_operations_that_follow_each_other_share_no_parameter() -> None:
    names = [name for operation in FIELD_OPERATIONS for name in _taken_by(operation) - {"image"}]
    assert len(names) == len({*names})
    assert {*OPERATIONS} > {*FIELD_OPERATIONS}


def test_two_operations_are_one_after_the_other() -> None:
    image = np.random.default_rng(0).integers(0, 256, size=(30, 40, 3), dtype=np.uint8)
    first = Draw("haze", {"transmission": 0.6, "airlight": 0.7})
    second = Draw("jpeg_compression", {"jpeg_quality": 20})
    assert (first.then(second).apply(image) == second.apply(first.apply(image))).all()


def test_every_row_says_how_to_make_its_file_again(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    assert run(bank, 5).missing == 0
    negatives, variants = read(bank)
    by_sha256 = {each.sha256: each for each in negatives.values()}
    pasted = [each for each in variants if each.onto is not None]
    assert pasted and any(len(each.operations) == 2 for each in variants)
    for each in variants:
        draw = Draw(each.operation, each.parameters)
        made = draw.apply(image_of(negatives[each.negative_id]), lambda sha256: image_of(by_sha256[sha256]))
        assert each.path.read_bytes() == encode_jpeg(made) and each.size_wh == (made.shape[1], made.shape[0])
    assert verify(bank).ok


def test_a_false_positive_is_pasted_where_its_row_says(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    run(bank, 3, recipe=None, ops=("paste",))
    for each in read(bank)[1]:
        x1, y1, x2, y2 = map(int, each.pasted_xyxy or pytest.fail())
        assert 0 <= x1 < x2 <= each.size_wh[0] and 0 <= y1 < y2 <= each.size_wh[1] and min(x2 - x1, y2 - y1) >= 16
        middle = decode_image(each.path.read_bytes())[(y1 + y2) // 2, (x1 + x2) // 2]
        assert middle[2] > 200 > middle[1]  # the square that was found, which is red


def test_a_small_false_positive_keeps_its_size_and_a_tiny_one_is_not_pasted(make_bank: MakeBank) -> None:
    squares = {
        "small.png": [(60, 40, 76, 56, 50)],
        "tiny.png": [(60, 40, 75, 55, 40)],
        "large.png": [(9, 9, 99, 99, 30)],
    }
    bank = make_bank(squares)
    run(bank, 2, recipe=None, ops=("paste",))
    negatives, variants = read(bank)
    by_name = {each.source.stem: number for number, each in negatives.items()}
    assert by_name["tiny"] not in {each.negative_id for each in variants}
    small = [each.parameters for each in variants if each.negative_id == by_name["small"]]
    assert small and {(each["width"], each["height"]) for each in small} == {(16, 16)}


def test_a_single_negative_has_no_other_to_be_pasted_into(make_bank: MakeBank) -> None:
    result = run(make_bank(1), 3, recipe=None, ops=("paste",))
    assert (sum(result.made.values()), result.missing) == (0, 3)
    assert not any("paste" in name for name in run(make_bank(1, "other"), 4).made)


def test_nothing_is_pasted_into_what_may_not_be_trained_on(make_bank: MakeBank) -> None:
    bank = make_bank(4)
    judge(bank, 2, "target")
    judge(bank, 3, "rejected")
    run(bank, 8, recipe=None, ops=("paste",))
    negatives, variants = read(bank)
    assert {each.onto for each in variants} == {negatives[number].sha256 for number in (1, 4)}


def test_others_than_the_hardest_are_pasted_into(make_bank: MakeBank) -> None:
    bank = make_bank(4)
    run(bank, 8, recipe=None, ops=("paste",), hardest=1)
    _, variants = read(bank)
    assert {each.negative_id for each in variants} == {4} and len({each.onto for each in variants}) == 3


@pytest.mark.parametrize("number", [1, 3])
def test_what_was_pasted_leaves_with_either_negative_and_is_replaced(
    make_bank: MakeBank, tmp_path: Path, number: int
) -> None:
    bank = make_bank(3)
    run(bank, 4, recipe=None, ops=("paste",))
    negatives, variants = read(bank)
    judge(bank, number, "rejected")
    shown = {each.sha256 for each in variants if number in (each.negative_id, _number_of(each.onto, negatives))}
    with Bank(bank) as opened:
        left = {each.sha256 for each in trainable(opened)[1]}
    assert left == {each.sha256 for each in variants} - shown and shown and left
    assert export(bank, tmp_path / "out").variants == len(left)
    run(bank, 4, recipe=None, ops=("paste",))
    with Bank(bank) as opened:
        assert len(trainable(opened)[1]) == 8  # four of each of the two that are left


def _number_of(sha256: str | None, negatives: Mapping[int, Negative]) -> int:
    return next(number for number, each in negatives.items() if each.sha256 == sha256)


def test_what_was_pasted_into_a_negative_goes_with_its_file(make_bank: MakeBank) -> None:
    bank = make_bank(3)
    run(bank, 3, recipe=None, ops=("paste",))
    negatives, variants = read(bank)
    gone = [each for each in variants if 1 in (each.negative_id, each.onto and _number_of(each.onto, negatives))]
    assert {each.negative_id for each in gone} > {1}
    with BankWriter(bank, purpose="a test") as writer, writer.transaction():
        writer.drop([1])
    _, left = read(bank)
    assert {each.id for each in left} == {each.id for each in variants} - {each.id for each in gone}
    assert verify(bank).ok and not any(each.path.exists() for each in gone)


def test_a_negative_that_cannot_be_read_is_not_pasted_into_and_is_named(make_bank: MakeBank) -> None:
    bank = make_bank(4)
    negatives, _ = read(bank)
    negatives[1].path.unlink()
    result = run(bank, 6, recipe=None, ops=("paste",), hardest=2)
    assert [(each.path, each.reason) for each in result.skipped] == [(negatives[1].path, "its file is gone")]
    assert result.missing == 0 and negatives[1].sha256 not in {each.onto for each in read(bank)[1]}


def test_grown_in_steps_is_the_same_as_at_once_and_the_same_again_makes_none(
    make_bank: MakeBank, tmp_path: Path
) -> None:
    bank = make_bank(2)
    shutil.copytree(bank, tmp_path / "steps")
    for per_negative in (1, 4):
        run(tmp_path / "steps", per_negative)
    run(bank, 4)
    assert {each.sha256 for each in read(bank)[1]} == {each.sha256 for each in read(tmp_path / "steps")[1]}
    before = contents(bank)
    assert run(bank, 4).made == {} and contents(bank) == before


def test_no_split_gets_what_shows_a_negative_of_another(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(4)
    run(bank, 4, recipe=None, ops=("paste",))
    negatives, variants = read(bank)
    config = ExportConfig(format="yolo", splits=SplitConfig((0.5, 0.5)))
    result = export(bank, tmp_path / "out", config=config)
    split_of = {path.stem: path.parent.name for path in (tmp_path / "out").rglob("*.jpg")}
    by_hash = {
        each.sha256: split_of[name]
        for each in negatives.values()
        for name in split_of
        if name.endswith(each.sha256[:10])
    }
    shown = {name: each for each in variants for name in split_of if name.endswith(each.sha256[:10])}
    assert len(shown) == result.variants and 0 < len(shown) < len(variants)
    assert all(split_of[name] == by_hash[each.onto or ""] for name, each in shown.items())


def test_the_place_is_exported_as_what_was_found(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(2)
    run(bank, 1, recipe=None, ops=("paste",))
    export(bank, tmp_path / "out", config=ExportConfig(format="csv"))
    rows = (tmp_path / "out" / "negatives.csv").read_text(encoding="utf-8")
    for each in read(bank)[1]:
        assert "paste" in rows and f"{each.pasted_xyxy[0]:g}" in rows  # type: ignore[index]


def test_few_are_chosen_with_what_they_were_pasted_into(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(5)
    run(bank, 4, recipe=None, ops=("paste",))
    negatives, variants = read(bank)
    config = ExportConfig(selection=SelectionConfig(hardest=2))
    two = {5, 4}
    among = [each for each in variants if each.negative_id in two and _number_of(each.onto, negatives) in two]
    assert export(bank, tmp_path / "out", config=config).variants == len(among)


def test_operations_may_be_drawn_from_alone(make_bank: MakeBank) -> None:
    bank = make_bank(1)
    for number, name in enumerate(FIELD_OPS, 1):
        assert list(run(bank, number, recipe=None, ops=(name,)).made) == [*OPERATIONS_OF[name]]


def test_a_merged_bank_has_them_and_leaves_out_those_whose_other_negative_is_refused(
    make_bank: MakeBank, tmp_path: Path
) -> None:
    bank = make_bank(3)
    run(bank, 3, recipe=None, ops=("paste",))
    merge_banks(tmp_path / "both", [bank])
    variants = {each.sha256: each.parameters for each in read(bank)[1]}
    negatives, merged = read(tmp_path / "both")
    assert {each.sha256: each.parameters for each in merged} == variants
    number = next(number for number, each in negatives.items() if each.sha256 == merged[0].onto)
    judge(tmp_path / "both", number, "target")
    with Bank(tmp_path / "both") as opened:
        assert merged[0].sha256 not in {each.sha256 for each in trainable(opened)[1]}
