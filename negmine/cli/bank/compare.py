"""`negmine bank compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, device_option, json_option, label_options, workers_option
from negmine.cli._output import print_json, quoted, say_skipped, table
from negmine.comparing.config import CompareConfig
from negmine.datasets.config import LabelConfig
from negmine.mining.config import DEFAULT_BANK
from negmine.paths import printable
from negmine.terminal import console, say, step_progress
from negmine.videos.names import short_name
from negmine.words import counted

if TYPE_CHECKING:
    from pathlib import Path

    from negmine.comparing.result import CompareResult

_DEFAULT = CompareConfig()
_PLACES, _NAMED = 5, 10  # places that are listed, and negatives that are named; --json has all


@click.command("compare", cls=Command)
@bank_option
@option(
    "Detector",
    "--weights",
    metavar="W",
    help="Ultralytics .pt whose neck is read. Without it, perceptual hashes are compared.",
)
@option("Detector", "--imgsz", type=int, help="Input size in pixels.  [default: as trained]")
@option("Detector", "--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch.")
@option(
    "Data",
    "--data",
    metavar="DATA",
    help="Labelled images, besides those of scans with --data: VOC, YOLO (data.yaml) or COCO.",
)
@label_options("Data", "DATA")
@option(
    "Data",
    "--max-labelled",
    default=_DEFAULT.max_labelled,
    show_default=True,
    help="Most labelled images to look at.",
)
@option(
    "Comparison",
    "--likeness",
    default=_DEFAULT.likeness,
    show_default=True,
    help="Cosine from which two negatives look alike; higher for smaller clusters.",
)
@option(
    "Comparison",
    "--place-iou",
    default=_DEFAULT.place_iou,
    show_default=True,
    help="IoU from which boxes in images of one folder are at one place.",
)
@device_option
@workers_option
@json_option
def command(
    bank: str,
    weights: str | None,
    imgsz: int | None,
    trust_weights: bool,
    data: str | None,
    labels: LabelConfig,
    max_labelled: int,
    likeness: float,
    place_iou: float,
    device: str,
    workers: int | None,
    as_json: bool,
) -> None:
    """Find negatives that look alike, places that fire again and again, and targets that nobody labelled.

    Negatives are compared by what the detector's neck sees in the hardest false positive of each. One that looks like
    the labelled targets, and unlike the other negatives, is likely a target without a label: look at those first, with
    `negmine review` or `negmine bank list --sort unlabelled`.

    \b
    negmine bank compare --weights best.pt --data data.yaml
    negmine bank compare --weights best.pt --bank negmine-bank
    """
    config = CompareConfig(
        imgsz=imgsz,
        device=device,
        trust_weights=trust_weights,
        likeness=likeness,
        place_iou=place_iou,
        max_labelled=max_labelled,
        labels=labels,
        workers=workers,
    )
    from negmine.comparing.compare import compare

    with step_progress() as (on_step, on_progress):
        result = compare(bank, weights, data=data, config=config, on_step=on_step, on_progress=on_progress)
    if as_json:
        print_json(result.to_dict())
    else:
        _render(result)


def _render(result: CompareResult) -> None:
    """Print what was found, and the commands to look at it."""
    out = console()
    for note in result.notes:
        say(out, printable(note))
    say_skipped(((path, reason) for path, reason in result.skipped.items()), "negative")
    if result.from_crops:
        gone = counted(result.from_crops, "source image")
        say(out, f"{gone} gone or changed; only the crops from there were compared")
    with_targets = f" with {counted(result.targets, 'labelled target')}" if result.targets else ""
    say(out, f"compared {counted(result.negatives, 'negative')}{with_targets}, by their {_BY[result.by]}")
    say(out, f"{counted(result.clusters, 'cluster')} of look-alikes, with {counted(result.clustered, 'negative')}")
    _say_places(result)
    _say_likely(result)


_BY = {"neck": "vectors in the detector's neck", "perceptual hash": "perceptual hashes"}


def _say_places(result: CompareResult) -> None:
    out = console()
    if not result.places:
        say(out, "no place fires in several images")
        return
    rows = table("Places that fire in several images", ("hardest", "images", "class", "folder"))
    for each in result.places[:_PLACES]:
        rows.add_row(each.sha256[: result.digits], str(each.images), printable(each.class_name), printable(each.folder))
    out.print(rows)
    if len(result.places) > _PLACES:
        say(out, f"... and {counted(len(result.places) - _PLACES, 'more place')}; --json names them all")


def _say_likely(result: CompareResult) -> None:
    if not result.likely:
        return
    out = console()
    rows = table("Likely targets without a label", ("negative", "likely", "score", "class", "source"))
    for each in result.likely:
        rows.add_row(
            each.sha256[: result.digits],
            f"{each.unlabelled:.2f}",
            f"{each.score:.2f}",
            printable(each.class_name),
            short_name(each.source),
        )
    out.print(rows)
    bank = _bank_option(result.bank)
    if result.held_back:
        held_back = counted(len(result.held_back), "negative")
        names = " ".join(each[: result.digits] for each in result.held_back[:_NAMED])
        more = " ..." if len(result.held_back) > _NAMED else ""
        say(out, f"{held_back} held back from training and export until accepted: {names}{more}")
    say(out, f"next: {quoted('negmine', 'review', *bank)} or")
    say(out, f"      {quoted('negmine', 'bank', 'list', *bank, '--sort', 'unlabelled')}")


def _bank_option(bank: Path) -> tuple[str, ...]:
    """`--bank` where it is not the default."""
    return () if str(bank) == DEFAULT_BANK else ("--bank", str(bank))
