"""`negmine augment`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from negmine.augmenting.config import MILD_OPS, OP_NAMES, AugmentConfig, OpName, Recipe
from negmine.cli._command import Command, option, require_alone
from negmine.cli._options import bank_option, json_option, label_options, workers_option
from negmine.cli._output import print_json, quoted, say_skipped, table
from negmine.datasets.config import LabelConfig
from negmine.paths import printable
from negmine.terminal import console, count_progress, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.augmenting.result import AugmentResult

_DEFAULT = AugmentConfig(count=1)


@click.command("augment", cls=Command)
@option(
    "How many", "--count", type=int, metavar="N", help="Bring the bank to N variants, spread evenly over its negatives."
)
@option("How many", "--per-negative", type=int, metavar="N", help="Bring every negative to N variants.")
@option(
    "How many", "--ratio", metavar="P:N", help="Bring positive to negative images to this ratio, such as 1:1 or 1:2."
)
@option(
    "How many",
    "--data",
    "positives",
    formerly="--positives",
    multiple=True,
    metavar="DATA",
    help="With --ratio: the labelled images (VOC, YOLO or COCO).",
)
@option("How many", "--split", metavar="NAME", help="With --data: count only this split.")
@label_options("How many", "--data")
@option(
    "How many",
    "--max-per-negative",
    default=_DEFAULT.max_per_negative,
    show_default=True,
    help="With --ratio: most variants of one negative.",
)
@option(
    "Variants",
    "--recipe",
    metavar="classic|field",
    help="classic: the grid of 600, 200 blurs and 20 x 20 sharpenings. field: one or two of light, haze, rain, motion, "
    "noise, jpeg and paste for each variant.",
)
@option(
    "Variants",
    "--ops",
    default=",".join(MILD_OPS),
    show_default=True,
    metavar="A,B",
    help=f"Operations to draw from: {', '.join(OP_NAMES)}.",
)
@option("Variants", "--remove", is_flag=True, help="Take variants out of the bank, or those of --ops alone.")
@option("Variants", "--hardest", type=int, metavar="N", help="Expand only the N hardest negatives.")
@option("Variants", "--seed", default=_DEFAULT.seed, show_default=True, help="Seed of the draws.")
@option("Variants", "--quality", default=_DEFAULT.quality, show_default=True, help="JPEG quality, 1 to 100.")
@bank_option
@workers_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    bank: str,
    remove: bool,
    count: int | None,
    per_negative: int | None,
    ratio: str | None,
    positives: tuple[str, ...],
    split: str | None,
    labels: LabelConfig,
    recipe: Recipe | None,
    ops: str,
    hardest: int | None,
    max_per_negative: int,
    seed: int,
    quality: int,
    workers: int | None,
    as_json: bool,
) -> None:
    """Expand the negatives of a bank with variants: blurred, sharpened, smoothed or re-contrasted, or as in the field.

    Give exactly one of --count, --per-negative, --ratio and --recipe classic. Numbers are totals: existing variants
    count, a repeated command makes nothing, and a larger number keeps what exists. A variant that equals its negative
    or another variant is not stored. Rejected negatives get no variants.

    With paste, the false positive is cut out and pasted into another negative.

    \b
    negmine augment --ratio 1:1 --data data.yaml
    negmine augment --per-negative 4 --recipe field
    negmine augment --remove

    --remove takes all variants out of the bank again; made anew with the same seed, they are the same.
    """
    if remove:
        require_alone(ctx, "--remove", "--bank and --ops", ("remove", "bank", "ops", "as_json"))
        is_given = ctx.get_parameter_source("ops") is not ParameterSource.DEFAULT
        _remove(bank, _ops(ops) if is_given else (), as_json=as_json)
        return
    config = AugmentConfig(
        count=count,
        per_negative=per_negative,
        ratio=ratio,
        positives=tuple(map(Path, positives)),
        split=split,
        labels=labels,
        recipe=recipe,
        ops=_ops(ops),
        hardest=hardest,
        max_per_negative=max_per_negative,
        seed=seed,
        quality=quality,
        workers=workers,
    )
    from negmine.augmenting.augment import augment

    with count_progress("variants made") as on_count:
        result = augment(bank, config=config, on_progress=lambda now: on_count(now.done, now.total))
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def _remove(bank: str, ops: tuple[OpName, ...], *, as_json: bool) -> None:
    from negmine.augmenting.removing import remove_variants

    result = remove_variants(bank, ops=ops)
    if as_json:
        print_json(result.to_dict())
        return
    by_operation = ", ".join(f"{number} {name}" for name, number in result.removed.items())
    shown = f" ({by_operation})" if by_operation else ""
    kept = f"; {result.kept} of other operations kept" if result.kept else ""
    removed = counted(sum(result.removed.values()), "variant")
    say(console(), f"{removed} taken out of {printable(result.bank)}{shown}{kept}")


def _ops(text: str) -> tuple[OpName, ...]:
    """The names in a comma-separated list; the config checks that such operations exist."""
    return tuple(name.strip() for name in text.split(",") if name.strip())  # type: ignore[misc]


def render(result: AugmentResult) -> None:
    """Print what an augmentation did, and the command to type next."""
    out = console()
    if result.mix is not None and result.wanted is not None:
        mix = result.mix
        for note in mix.notes:
            say(out, note)
        say(
            out,
            f"{counted(mix.positives, 'image')} with objects at this ratio: {counted(result.wanted, 'negative image')} "
            f"wanted; found {mix.negatives}: {counted(mix.empty, 'image')} without objects, "
            f"{counted(mix.banked, 'negative')} and {counted(mix.variants, 'variant')}",
        )
    _render_made(out, result)
    say_skipped(((each.path, each.reason) for each in result.skipped), "negative")
    left_out = f"; {counted(result.left_out, 'refused negative')} left out" if result.left_out else ""
    say(
        out,
        f"\n{counted(result.negatives, 'negative')} with {counted(result.variants, 'variant')} in "
        f"{printable(result.bank)}{left_out}",
    )
    if result.ratio is not None:
        say(out, f"positive to negative images: 1 : {result.ratio:.2f}")
    say(out, f"next: negmine export --bank {quoted(result.bank)} --out negatives-voc")


def _render_made(out: Console, result: AugmentResult) -> None:
    made = sum(result.made.values())
    if made:
        rows = table("New variants", ("operation", "variants made"))
        for operation, number in result.made.items():
            rows.add_row(operation, str(number))
        out.print(rows)
        say(out, f"{counted(made, 'variant')} in {result.seconds:.1f} s ({made / result.seconds:.0f} per second)")
    elif not result.missing and not result.skipped:
        say(out, "nothing to make: the bank holds as many variants as asked for, or more")
    if result.unchanged or result.repeats:
        say(
            out,
            f"{counted(made + result.unchanged + result.repeats, 'operation')} tried: {result.unchanged} changed no "
            f"pixel, {result.repeats} repeated an existing file; neither kind is stored",
        )
    if result.missing:
        why = "negatives could not be read" if result.skipped else "no further draw gave a new image; add to --ops"
        say(out, f"{counted(result.missing, 'variant')} fewer than asked: {why}")
