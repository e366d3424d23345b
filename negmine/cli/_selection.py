"""How many negatives a command takes, and which."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from negmine.cli._command import option, options
from negmine.cli._options import names_in
from negmine.exporting.config import SelectionConfig
from negmine.terminal import say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

_F = TypeVar("_F", bound=Callable[..., object])
_DEFAULT = SelectionConfig()


def selection_options(command: _F) -> _F:
    """The command gets a `SelectionConfig` as `selection`."""

    @wraps(command)
    def with_selection(
        *args: object,
        classes: tuple[str, ...],
        max_per_source: int | None,
        diverse: bool,
        hardest: int | None,
        count: int | None,
        ratio: str | None,
        positives: tuple[str, ...],
        seed: int,
        **others: object,
    ) -> object:
        selection = SelectionConfig(
            classes=names_in(classes),
            max_per_source=max_per_source,
            diverse=diverse,
            hardest=hardest,
            count=count,
            ratio=ratio,
            positives=tuple(map(Path, positives)),
            seed=seed,
        )
        return command(*args, selection=selection, **others)

    return _declare(with_selection)  # type: ignore[return-value]


def say_too_few(out: Console, selection: SelectionConfig, found: int) -> None:
    """Say that a number was asked for and fewer negatives were found, and that nothing else is why."""
    asked = {"--hardest": selection.hardest, "--count": selection.count}
    name, most = min(((name, each) for name, each in asked.items() if each is not None), key=lambda one: one[1],
                     default=("", 0))  # fmt: skip
    if found < most:
        why = "the --ratio has room for no more" if selection.ratio is not None else "there are no more that fit"
        say(out, f"{name} {most} found {counted(found, 'negative')}: {why}")


_declare = options(
    option(
        "How many",
        "--classes",
        multiple=True,
        metavar="A,B",
        help="Only negatives that the detector took for these classes.",
    ),
    option("How many", "--diverse", is_flag=True, help="Take the hardest of each cluster of look-alikes in turn."),
    option("How many", "--max-per-source", type=int, metavar="N", help="Most negatives of one image."),
    option("How many", "--hardest", type=int, metavar="N", help="The N hardest negatives, by score."),
    option("How many", "--count", type=int, metavar="N", help="N negatives, drawn by --seed."),
    option(
        "How many",
        "--ratio",
        metavar="P:N",
        help="No more images without objects than this ratio to those with objects has room for, such as 1:1.",
    ),
    option(
        "How many",
        "--data",
        "positives",
        multiple=True,
        metavar="DATA",
        help="With --ratio, unless there is --merge or --into: the labelled images.",
    ),
    option("How many", "--seed", type=int, default=_DEFAULT.seed, show_default=True, help="Seed of all draws."),
)
