"""Making variants: negatives are read once, work is cut into bounded units and begun only a little ahead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from banks import MakeBank

from negmine.augmenting.draws import OPS, classic_grid, drawn
from negmine.augmenting.variants import UNIT, NegativeImage, VariantMaker, VariantTask, units
from negmine.bank.bank import Bank
from negmine.bank.records import Negative
from negmine.bank.writer import BankWriter
from negmine.errors import ImageError


def negatives(bank: Path) -> list[Negative]:
    with Bank(bank) as opened:
        return list(opened.negatives())


def task_of(negative: Negative, wanted: int | None, *, limit: int = 1000) -> VariantTask:
    return VariantTask(negative, wanted, drawn(0, list(OPS), negative.sha256, limit=limit), set())


def test_a_negative_is_read_once_until_it_is_release(make_bank: MakeBank) -> None:
    (negative,) = negatives(make_bank(1))
    original, data = NegativeImage(negative), negative.path.read_bytes()
    first = original.image()
    negative.path.unlink()
    assert original.image() is first
    original.release()
    with pytest.raises(ImageError, match="its file is gone"):
        original.image()
    negative.path.write_bytes(data)
    assert np.array_equal(original.image(), first)


def test_no_work_no_units() -> None:
    assert list(units([])) == []


@pytest.mark.parametrize("wanted", [0, 1, 5, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT])
def test_units_hold_all_draws_in_order_and_are_bounded(make_bank: MakeBank, wanted: int) -> None:
    bank = negatives(make_bank(5))
    cut = list(units(task_of(negative, wanted) for negative in bank))
    assert all(len(unit) <= UNIT and sum(len(chunk.draws) for chunk in unit) <= UNIT for unit in cut)
    chunks = [chunk for unit in cut for chunk in unit]
    for negative in bank:
        own = [chunk for chunk in chunks if chunk.task.negative == negative]
        assert [draw for chunk in own for draw in chunk.draws] == list(task_of(negative, wanted).first())
        assert [chunk.last for chunk in own] == [False] * (len(own) - 1) + [True]
    order = [chunk.task.negative.id for chunk in chunks]
    assert list(dict.fromkeys(order)) == [negative.id for negative in bank]
    assert len(cut) >= 5 * wanted // UNIT


def test_many_negatives_without_a_draw_left_are_many_units(make_bank: MakeBank) -> None:
    (negative,) = negatives(make_bank(1))
    cut = list(units(task_of(negative, 3, limit=0) for _ in range(3 * UNIT)))
    assert [len(unit) for unit in cut] == [UNIT] * 3


def test_only_a_little_is_begun_ahead_of_what_is_stored(make_bank: MakeBank) -> None:
    bank = make_bank(2)
    negative, begun = negatives(bank)[0], 0

    def many() -> Iterator[VariantTask]:
        nonlocal begun
        for _ in range(100):
            begun += 1
            yield VariantTask(negative, None, classic_grid()[: 2 * UNIT], set())

    with BankWriter(bank, purpose="a test") as writer:
        running = VariantMaker(writer, quality=95, workers=2).run(many())
        next(running)
        assert begun <= 5  # of two units each, and six units are ahead
        running.close()


def test_a_file_that_cannot_be_staged_leaves_nothing(make_bank: MakeBank) -> None:
    bank = make_bank(1)
    with BankWriter(bank, purpose="a test") as writer:
        with pytest.raises(TypeError):
            writer.stage("no bytes")  # type: ignore[arg-type]
        staged = writer.stage(b"bytes")
        assert [p.name for p in (bank / "tmp").iterdir()] == [staged.path.name]
    assert not (bank / "tmp").exists()
