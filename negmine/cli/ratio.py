"""`negmine ratio`."""

from __future__ import annotations

from typing import Literal

import click

from negmine.cli._options import json_option
from negmine.cli._output import count_progress, print_json
from negmine.ratios.target import DEFAULT_TARGET


@click.command("ratio")
@click.argument("data", nargs=-1, required=True)
@click.option("--bank", metavar="DIR", help="Count the negatives and variants of this bank too.")
@click.option(
    "--target",
    default=DEFAULT_TARGET,
    show_default=True,
    metavar="RANGE",
    help="Positive to negative images: P:N..P:N, P:N (within 1 %) or ultralytics.",
)
@click.option("--by", type=click.Choice(["class"]), help="Check the rarest class alone as well.")
@click.option("--split", metavar="NAME", help="Count only this split.")
@click.option("--duplicates/--no-duplicates", default=True, show_default=True, help="Compare all images, or not.")
@click.option("--workers", type=int, metavar="N", help="Threads.  [default: one per core]")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    data: tuple[str, ...],
    bank: str | None,
    target: str,
    by: Literal["class"] | None,
    split: str | None,
    duplicates: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Count images with and without objects, and check their ratio before training. Exit status 1 where it is outside
    of the target.

    \b
    negmine ratio data.yaml --bank negmine-bank
    negmine ratio VOC2007/ --target ultralytics --by class

    DATA are labelled images: a data.yaml, a Pascal VOC or YOLO folder, a COCO JSON. Positives are images with objects,
    of all classes together. Negatives are images with an empty label, and what an export of the bank would write.
    Images without a label are neither.

    Targets disagree, and only a test on your own images settles it. 1:1..1:2 is the rule of thumb of window classifiers
    such as Haar cascades and HOG: as many to twice as many negatives as positives. ultralytics is at most one image in
    ten without objects: "We recommend about 0-10% background images to help reduce FPs" (Tips for Best Training
    Results, docs.ultralytics.com).

    It also names what is suspicious, which does not change the exit status: pictures that are in two splits or both
    positive and negative (equal bytes, or perceptual hashes within 4 of 64 bits), negatives under 32 px, empty labels
    where the bank's detector fires, images that have no label, broken labels and images.
    """
    from negmine.cli._ratio_view import render
    from negmine.ratios.ratio import ratio

    with count_progress("images read") as on_progress:
        result = ratio(
            data,
            bank=bank,
            target=target,
            by=by,
            split=split,
            duplicates=duplicates,
            workers=workers,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)
    ctx.exit(0 if result.ok else 1)
