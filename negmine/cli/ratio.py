"""`negmine ratio`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from negmine.cli._command import Command, option
from negmine.cli._options import json_option, label_options, workers_option
from negmine.cli._output import print_json, table
from negmine.datasets.config import LabelConfig
from negmine.paths import printable
from negmine.ratios.target import DEFAULT_TARGET
from negmine.terminal import console, count_progress, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.ratios.findings import Finding
    from negmine.ratios.result import RatioResult

_CLASSES = 20  # that are listed; --json has all
_FINDINGS = 10  # of a kind that are shown
_FILES = 5  # of a finding that are named


@click.command("ratio", cls=Command)
@click.argument("data", nargs=-1)
@option("Counting", "--data", "more_data", multiple=True, metavar="DATA", help="The same as DATA; repeatable.")
@option("Counting", "--bank", metavar="DIR", help="Count the negatives and variants of this bank too.")
@option("Counting", "--split", metavar="NAME", help="Count only this split.")
@label_options("Counting", "DATA")
@option(
    "Target",
    "--target",
    default=DEFAULT_TARGET,
    show_default=True,
    metavar="RANGE",
    help="Positive to negative images: P:N..P:N, P:N (within 1 %) or ultralytics.",
)
@option("Target", "--by", type=click.Choice(["class"]), help="Check the rarest class alone as well.")
@option("Findings", "--duplicates/--no-duplicates", default=True, show_default=True, help="Look for duplicate images.")
@workers_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    data: tuple[str, ...],
    more_data: tuple[str, ...],
    bank: str | None,
    target: str,
    by: Literal["class"] | None,
    split: str | None,
    labels: LabelConfig,
    duplicates: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Count images with and without objects, and check their ratio before training. The exit status is 1 if the ratio
    is outside the target.

    \b
    negmine ratio --data data.yaml --bank negmine-bank
    negmine ratio VOC2007/ --target ultralytics --by class

    DATA is labelled images: a data.yaml, a Pascal VOC or YOLO folder, or a COCO JSON. Positives are images with objects
    of any class. Negatives are images with an empty label, and what an export of the bank would write. Images without
    a label count as neither. Where DATA holds negatives of the bank and is in the target without the others, as
    export --merge --ratio leaves it, nothing is left to do, and the exit status is 0.

    Targets disagree, and only a test on your own images settles the question. 1:1..1:2 is the rule of thumb of window
    classifiers such as Haar cascades and HOG: as many to twice as many negatives as positives. ultralytics is at most
    one image in ten without objects: "We recommend about 0-10% background images to help reduce FPs" (Tips for Best
    Training Results, docs.ultralytics.com).

    Small objects are counted by both definitions in use: under 32 x 32 pixels, and under a tenth of the image's sides.

    Findings do not change the exit status. They list images that are in two splits, or both positive and negative
    (equal bytes, or perceptual hashes within 4 of 64 bits), negatives under 32 px, empty labels of images on which the
    detector of the bank fires, images without a label, and broken labels and images.
    """
    if not data and not more_data:
        raise click.UsageError("Missing argument 'DATA...'.")
    from negmine.ratios.ratio import ratio

    with count_progress("images read") as on_progress:
        result = ratio(
            (*data, *more_data),
            bank=bank,
            target=target,
            by=by,
            split=split,
            labels=labels,
            duplicates=duplicates,
            workers=workers,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)
    ctx.exit(0 if result.ok else 1)


def render(result: RatioResult) -> None:
    """Print a result."""
    out = console()
    for path, name, notes in zip(result.data, result.formats, result.notes, strict=True):
        say(out, f"{printable(path)}: {name}")
        for note in notes:
            say(out, note)
    _images(out, result)
    _classes(out, result)
    _small(out, result)
    _bars(out, result)
    _verdict(out, result)
    _findings(out, result)


def per_positive(positives: int, negatives: int) -> str:
    """A ratio such as `1 : 0.47`."""
    return f"1 : {negatives / positives:.2f}" if positives else "-"


def _images(out: Console, result: RatioResult) -> None:
    """A row for each split, the bank, and all."""
    columns = ("split", "with objects", "without", "no label", "broken", "instances", "ratio")
    rows = table("Images", columns)
    for name, counts in result.splits.items():
        numbers = (counts.images, counts.empty, counts.unlabelled, counts.broken, counts.instances)
        rows.add_row(printable(name), *map(str, numbers), per_positive(counts.images, counts.empty))
    mix, counts = result.mix, result.counts
    if result.bank is not None:
        rows.add_row("bank", "", str(mix.banked))
        rows.add_row("variants", "", str(mix.variants))
    numbers = (counts.images, mix.negatives, counts.unlabelled, counts.broken, counts.instances)
    rows.add_section()
    rows.add_row("in all", *map(str, numbers), per_positive(mix.positives, mix.negatives))
    out.print(rows)
    if mix.in_both:
        say(out, f"{counted(mix.in_both, 'image')} without objects also in the bank; each counts once in all")


def _classes(out: Console, result: RatioResult) -> None:
    """A row for each class, the rarest first."""
    per_class = result.counts.per_class
    names = sorted(per_class, key=lambda name: (per_class[name].images, name))
    rows = table("Classes, rarest first", ("class", "images", "instances", "ratio"))
    for name in names[:_CLASSES]:
        each = per_class[name]
        against = per_positive(each.images, result.mix.negatives)
        rows.add_row(printable(name), str(each.images), str(each.instances), against)
    out.print(rows)
    if len(names) > _CLASSES:
        say(out, f"and {counted(len(names) - _CLASSES, 'more class', 'more classes')}; --json has all")


def _small(out: Console, result: RatioResult) -> None:
    """How many objects are small, by class, and what to do about it."""
    from negmine.ratios.small import WHAT_TO_DO

    if not result.small.either:
        return
    say(out, result.small.line)
    classes = {name: each for name, each in result.small.per_class.items() if each.either}
    for name, each in list(classes.items())[:_CLASSES] if len(classes) > 1 else ():
        say(out, f"  {printable(name)}: {each.line}")
    say(out, WHAT_TO_DO)


def _bars(out: Console, result: RatioResult) -> None:
    """Bars of positives, negatives and the target range, to one scale."""
    mix = result.mix
    low, high = result.target.fewest(mix.positives), result.target.most(mix.positives)
    filled, of_bank, of_variants, edge, inside = "#=-|~" if out.options.ascii_only else "█▓░│─"
    width = max(out.width - len("positives  ") - len(f"  {max(mix.positives, mix.negatives)}") - 1, 1)
    most = max(mix.positives, mix.negatives, high, 1)
    ends = [round(end * width / most) for end in (mix.empty, mix.empty + mix.banked, mix.negatives)]
    if mix.negatives and not ends[-1]:
        ends[-1] = 1  # show a few as more than none
    bar = filled * ends[0] + of_bank * (ends[1] - ends[0]) + of_variants * (ends[2] - ends[1])
    say(out, f"positives  {filled * max(round(mix.positives * width / most), 1)}  {mix.positives}")
    say(out, f"negatives  {bar}  {mix.negatives}")
    first, last = (min(round(end * width / most), width - 1) for end in (low, high))
    say(out, f"target     {' ' * first}{edge}{inside * (last - first - 1)}{edge if last > first else ''}")
    if mix.banked:
        say(out, f"           {filled} images without objects  {of_bank} negatives of the bank  {of_variants} variants")


def _verdict(out: Console, result: RatioResult) -> None:
    from negmine.ratios.advice import is_merged

    mix, target = result.mix, result.target
    low, high = target.fewest(mix.positives), target.most(mix.positives)
    where = "below" if mix.negatives < low else "above" if mix.negatives > high else "inside"
    found = (
        f"{counted(mix.positives, 'positive')} : {counted(mix.negatives, 'negative')} = "
        f"{per_positive(mix.positives, mix.negatives)}"
    )
    say(out, f"\n{found}, {where} the target {target.text} ({low} to {high} negatives)")
    if where == "above" and is_merged(mix, target):
        others = counted(mix.negatives - mix.of_data, "image")
        say(out, f"the data alone has {counted(mix.of_data, 'negative')}, inside the target, some of them of the bank: "
                 f"there is nothing to do; {others} of the bank are not in the data, and stay out of it")  # fmt: skip
    if result.checked_class is not None:
        images = result.counts.per_class[result.checked_class].images
        low, high = target.fewest(images), target.most(images)
        where = "below" if mix.negatives < low else "above" if mix.negatives > high else "inside"
        found = (
            f"{counted(images, 'image')} : {counted(mix.negatives, 'negative')} = {per_positive(images, mix.negatives)}"
        )
        say(out, f"rarest class {printable(result.checked_class)}: {found}, {where} ({low} to {high} negatives)")
    for line in result.advice:
        say(out, f"- {line}")
    if result.bank is not None and "train" in result.splits and len(result.splits) > 1:
        say(out, "the bank was counted with all splits; use --split train to check the training images alone")


def _findings(out: Console, result: RatioResult) -> None:
    """Findings by kind, the first of each kind with their files."""
    kinds = dict.fromkeys(finding.kind for finding in result.findings)
    for kind in kinds:
        of_kind = [finding for finding in result.findings if finding.kind == kind]
        say(out, f"\n{kind} ({len(of_kind)})")
        said = ""
        for finding in of_kind[:_FINDINGS]:
            if finding.message != said:
                say(out, f"  {printable(finding.message)}")
            said = finding.message
            _files(out, finding)
        if len(of_kind) > _FINDINGS:
            say(out, f"  and {len(of_kind) - _FINDINGS} more; --json has all")
    if not result.compared:
        say(out, "\nimages were not decoded, and not compared with each other (--no-duplicates)")


def _files(out: Console, finding: Finding) -> None:
    """A line for each file; a dash marks the first of each finding."""
    files: Sequence[str] = [printable(path) for path in finding.files]
    for index, name in enumerate(files[:_FILES]):
        say(out, f"  {' ' if index else '-'} {name}")
    if len(files) > _FILES:
        say(out, f"    and {len(files) - _FILES} more")
