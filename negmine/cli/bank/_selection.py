"""Options of `negmine bank` that say which negatives are meant, and how they are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from negmine.bank.filters import SORTS, STATES, NegativeFilter, ReviewState
from negmine.cli._command import option, options
from negmine.errors import ConfigError

if TYPE_CHECKING:
    from negmine.bank.bank import Bank

_F = TypeVar("_F", bound=Callable[..., object])
_GROUP = "Which negatives"
_FEW = 10  # negatives that are named; --json names all

sort_option = option(
    _GROUP,
    "--sort",
    type=click.Choice(SORTS),
    default="score",
    show_default=True,
    help="Order. With unlabelled and cluster, what `negmine bank compare` has not seen comes last.",
)


def filter_options(command: _F) -> _F:
    """Which negatives are meant: the command gets a `NegativeFilter` as `which` in the place of these options."""

    @wraps(command)
    def with_filter(
        *args: object,
        classes: tuple[str, ...],
        states: tuple[ReviewState, ...],
        runs: tuple[int, ...],
        min_score: float | None,
        max_score: float | None,
        folder: str | None,
        cluster: int | None,
        place: int | None,
        only_held_back: bool,
        **others: object,
    ) -> object:
        below = None if folder is None else Path(folder)
        which = NegativeFilter(classes, states, runs, min_score, max_score, below, cluster, place)
        if only_held_back:
            from negmine.trainable import held_back

            if states:
                raise ConfigError("expected --held-back or --state, found both; what is held back is unreviewed")
            which = held_back(which)
        return command(*args, which=which, **others)

    return _declare(with_filter)  # type: ignore[return-value]


_declare = options(
    option(
        _GROUP,
        "--class",
        "classes",
        multiple=True,
        metavar="NAME",
        help="What they were taken for; repeatable.",
    ),
    option(_GROUP, "--state", "states", multiple=True, type=click.Choice(STATES), help="Verdict; repeatable."),
    option(
        _GROUP,
        "--run",
        "runs",
        multiple=True,
        type=int,
        metavar="N",
        help="Run that found them, by its number in `negmine bank stats`; repeatable.",
    ),
    option(_GROUP, "--min-score", type=float, metavar="S", help="Lowest score of their hardest false positive."),
    option(_GROUP, "--max-score", type=float, metavar="S", help="Highest score of their hardest false positive."),
    option(_GROUP, "--folder", metavar="DIR", help="Folder that their source image is in, at any depth."),
    option(_GROUP, "--cluster", type=int, metavar="N", help="Number of their cluster."),
    option(
        _GROUP,
        "--held-back",
        "only_held_back",
        is_flag=True,
        help="Likely targets without a label, and flickers, which nobody has judged: not trained on.",
    ),
    option(_GROUP, "--place", type=int, metavar="N", help="Number of their place in a fixed camera."),
)


def found_all(bank: Bank, prefixes: Iterable[str]) -> list[int]:
    """The numbers of negatives by the beginnings of their hashes, each once.

    Raises:
        BankError: for the first that is unknown, or the beginning of several.
    """
    from negmine.bank.browsing import find

    return list(dict.fromkeys(find(bank, prefix) for prefix in prefixes))


def named(hashes: Iterable[str], digits: int) -> str:
    """The first few negatives, by their short hashes."""
    every = [sha256[:digits] for sha256 in hashes]
    more = f" and {len(every) - _FEW} more" if len(every) > _FEW else ""
    return ", ".join(every[:_FEW]) + more
