"""`negmine augment`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from negmine.augmenting.config import OP_NAMES, AugmentConfig, OpName, Recipe
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import console, count_progress, print_json
from negmine.paths import printable

if TYPE_CHECKING:
    from negmine.augmenting.result import AugmentResult

_DEFAULT = AugmentConfig(count=1)
_SHOWN = 10  # skipped negatives that are named; --json names them all


@click.command("augment")
@bank_option
@click.option("--count", type=int, metavar="N", help="Bring the negatives to N variants in all, spread evenly.")
@click.option("--per-negative", type=int, metavar="N", help="Bring every negative to N variants.")
@click.option(
    "--ratio", metavar="P:N", help="Bring negative images to this ratio with the positive ones, such as 1:1 or 1:2."
)
@click.option("--positives", multiple=True, metavar="DATA", help="With --ratio: the labelled images (VOC, YOLO, COCO).")
@click.option("--split", metavar="NAME", help="With --positives: count only this split.")
@click.option("--recipe", metavar="classic", help="All 600 of the classic grid: 200 blurs, 20 x 20 sharpenings.")
@click.option(
    "--ops", default=",".join(OP_NAMES), show_default=True, metavar="A,B", help="What variants are drawn from."
)
@click.option("--hardest", type=int, metavar="N", help="Only the N hardest negatives.")
@click.option(
    "--max-per-negative",
    default=_DEFAULT.max_per_negative,
    show_default=True,
    help="With --ratio: refuse to make more of one negative.",
)
@click.option("--seed", default=_DEFAULT.seed, show_default=True, help="Of the draws.")
@click.option("--quality", default=_DEFAULT.quality, show_default=True, help="Of the JPEG files, 1 to 100.")
@click.option("--workers", type=int, metavar="N", help="Threads.  [default: one per core]")
@json_option
def command(
    bank: str,
    count: int | None,
    per_negative: int | None,
    ratio: str | None,
    positives: tuple[str, ...],
    split: str | None,
    recipe: Recipe | None,
    ops: str,
    hardest: int | None,
    max_per_negative: int,
    seed: int,
    quality: int,
    workers: int | None,
    as_json: bool,
) -> None:
    """Expand the negatives of a bank with mildly blurred, sharpened, smoothed and re-contrasted copies.

    Just one of --count, --per-negative, --ratio and --recipe says how many. Numbers are totals: variants that are there
    count, the same command again makes nothing, and a larger number keeps them. A variant that would equal its negative
    or another variant has no file. Rejected negatives get none.

    \b
    negmine augment --ratio 1:1 --positives data.yaml
    negmine augment --per-negative 4 --ops blur,contrast
    """
    config = AugmentConfig(
        count=count,
        per_negative=per_negative,
        ratio=ratio,
        positives=tuple(map(Path, positives)),
        split=split,
        recipe=recipe,
        ops=_ops(ops),
        hardest=hardest,
        max_per_negative=max_per_negative,
        seed=seed,
        quality=quality,
        workers=workers,
    )
    from negmine.augmenting.augment import augment

    with count_progress("variants") as on_count:
        result = augment(bank, config=config, on_progress=lambda now: on_count(now.done, now.total))
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def _ops(text: str) -> tuple[OpName, ...]:
    """The names in a comma-separated list; whether there are such operations is for the config to say."""
    return tuple(name.strip() for name in text.split(",") if name.strip())  # type: ignore[misc]


def render(result: AugmentResult) -> None:
    """Print what an augmentation did."""
    from rich.table import Table

    out, err = console(), console(stderr=True)
    if result.mix is not None:
        mix = result.mix
        out.print(
            f"counted: {mix.positives} images with objects ask for {result.wanted} negative images; there were "
            f"{mix.negatives}: {mix.empty} images without objects, {mix.banked} negatives and {mix.variants} variants",
            soft_wrap=True,
        )
    made = sum(result.made.values())
    if made:
        table = Table("operation", "variants made", title="New variants", title_justify="left")
        table.columns[1].justify = "right"
        for operation, number in result.made.items():
            table.add_row(operation, str(number))
        out.print(table)
        out.print(f"{made} variants in {result.seconds:.1f} s ({made / result.seconds:.0f} a second)")
    elif not result.missing and not result.skipped:
        out.print("nothing to make: there are as many variants as were asked for, or more")
    if result.unchanged or result.repeats:
        out.print(
            f"{made + result.unchanged + result.repeats} operations tried: {result.unchanged} changed no pixel and "
            f"count as the negative itself, {result.repeats} gave a file that was there; none has a file of its own",
            soft_wrap=True,
        )
    if result.missing:
        why = "negatives could not be read" if result.skipped else "no other draw gave a new picture; try more --ops"
        out.print(f"{result.missing} variants fewer than asked: {why}")
    for skipped in result.skipped[:_SHOWN]:
        err.print(f"skipped {printable(skipped.path)}: {skipped.reason}", soft_wrap=True)
    if len(result.skipped) > _SHOWN:
        err.print(f"... and {len(result.skipped) - _SHOWN} more skipped negatives; --json names them all")
    left_out = f"; {result.left_out} rejected negatives have none" if result.left_out else ""
    out.print(
        f"\n{result.negatives} negatives with {result.variants} variants in {printable(result.bank)}{left_out}",
        soft_wrap=True,
    )
    if result.ratio is not None:
        out.print(f"positive to negative images are 1 : {result.ratio:.2f} now")
    out.print(f"next: negmine export --bank {shlex.quote(printable(result.bank))} --out negatives-voc", soft_wrap=True)
