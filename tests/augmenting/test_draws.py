"""Draws: the grid that people know, and sequences that only ever grow."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from negmine.augmenting.config import MILD_OPS
from negmine.augmenting.draw import OPERATIONS, Draw
from negmine.augmenting.draws import OPERATIONS_OF, OPS, classic_grid, drawn

IMAGE = np.random.default_rng(0).integers(0, 256, size=(8, 8, 3), dtype=np.uint8)


def test_the_classic_grid_is_the_known_one() -> None:
    grid = classic_grid()
    blurs = [draw.parameters["sigma"] for draw in grid if draw.operation == "gaussian_blur"]
    sharpened = [draw.parameters for draw in grid if draw.operation == "sharpen"]
    assert len(grid) == 600 and len({repr(draw) for draw in grid}) == 600
    assert blurs == pytest.approx(np.arange(0, 2, 0.01)) and blurs[0] == 0.0 and blurs[-1] == 1.99
    assert len(sharpened) == 400
    for name, limits in (("alpha", (0, 0.5)), ("lightness", (0.5, 1.25))):
        values = sorted({each[name] for each in sharpened})
        assert values == pytest.approx(np.linspace(*limits, 20), abs=1e-6)


def test_no_draws_where_none_are_asked() -> None:
    assert list(drawn(0, ["blur"], "ab", limit=0)) == []


def test_asking_for_more_takes_more_of_the_same() -> None:
    long = list(drawn(3, list(OPS), "ab" * 32, limit=100))
    assert list(drawn(3, list(OPS), "ab" * 32, limit=10)) == long[:10]
    assert list(drawn(3, list(reversed(OPS)), "ab" * 32, limit=10)) == long[:10]


def test_seed_operations_and_negative_make_the_sequence() -> None:
    sequences = [
        list(drawn(seed, ops, sha, limit=20))
        for seed in (0, 1)
        for ops in (["blur", "sharpen"], ["blur"])
        for sha in ("ab", "cd")
    ]
    assert len({repr(sequence) for sequence in sequences}) == 8


@pytest.mark.parametrize("op", OPS)
def test_every_draw_can_be_applied_and_says_all_that_it_takes(op: str) -> None:
    draws = list(drawn(0, [op], "ab", limit=60))
    assert len({repr(draw) for draw in draws}) > 5, op
    for draw in draws:
        assert (draw.apply(IMAGE) == OPERATIONS[draw.operation](IMAGE, **draw.parameters)).all()


def test_all_operations_are_drawn() -> None:
    assert {draw.operation for draw in drawn(0, list(OPS), "ab", limit=100)} == {*OPERATIONS} - {"paste"}
    assert {each for operations in OPERATIONS_OF.values() for each in operations} == {*OPERATIONS}


KNOWN = [Draw("sharpen", {"alpha": 0.432, "lightness": 0.8559}), Draw("average_blur", {"kernel": 4})]


def test_draws_are_the_same_in_every_version_and_process() -> None:
    """Written down once: another result would change the variants of every bank that is augmented again."""
    first = list(islice(drawn(1, MILD_OPS, "ab" * 32, limit=9), 2))
    assert first == KNOWN
    script = "from negmine.augmenting.draws import MILD_OPS, drawn; print(list(drawn(1, MILD_OPS, 'ab' * 32, limit=2)))"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == repr(KNOWN)
