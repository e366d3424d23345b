"""`negmine verifier train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, device_option, json_option, label_options, workers_option
from negmine.cli._output import print_json, quoted, table
from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.terminal import console, say, step_progress
from negmine.verifying.config import DEFAULT_OUT, VerifierConfig

if TYPE_CHECKING:
    from negmine.verifying.result import VerifierResult

_DEFAULT = VerifierConfig()
_CLASSES = 20  # that are listed; --json has all


@click.command("train", cls=Command)
@click.argument("more_held_out", nargs=-1, metavar="[SOURCE]...")
@option("Data", "--data", required=True, metavar="DATA", help="Labelled images: VOC, YOLO (data.yaml) or COCO.")
@label_options("Data", "DATA")
@bank_option
@option("Data", "--held-out", multiple=True, metavar="SOURCE...", help="Images to measure on, never trained on.")
@option(
    "Data",
    "--holdout",
    default=_DEFAULT.holdout,
    show_default=True,
    help="Share of the labelled images to hold out where DATA has no split val or test; as in retrain.",
)
@option("Detector", "--weights", required=True, metavar="W", help="A .pt of Ultralytics; it is left unchanged.")
@option(
    "Detector",
    "--conf",
    default=_DEFAULT.conf,
    show_default=True,
    help="Score threshold that the detector is used at; recall is kept there.",
)
@option("Detector", "--imgsz", type=int, help="Input size in pixels.  [default: as trained]")
@option("Detector", "--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch.")
@option(
    "Training",
    "--min-score",
    default=_DEFAULT.min_score,
    show_default=True,
    help="Train on detections that score this or more.",
)
@option(
    "Training",
    "--max-recall-loss",
    default=_DEFAULT.max_recall_loss,
    show_default=True,
    help="Share of the objects that score just --conf that may fall below it.",
)
@option("Training", "--folds", default=_DEFAULT.folds, show_default=True, help="Parts of the cross-validation.")
@option("Training", "--seed", default=_DEFAULT.seed, show_default=True, help="Of the split, the parts and the boxes.")
@device_option
@workers_option
@option("Output", "--out", default=DEFAULT_OUT, show_default=True, metavar="FILE", help="The verifier's file.")
@json_option
def command(
    more_held_out: tuple[str, ...],
    data: str,
    labels: LabelConfig,
    bank: str,
    held_out: tuple[str, ...],
    holdout: float,
    weights: str,
    conf: float,
    imgsz: int | None,
    trust_weights: bool,
    min_score: float,
    max_recall_loss: float,
    folds: int,
    seed: int,
    device: str,
    workers: int | None,
    out: str,
    as_json: bool,
) -> None:
    """Train a second stage for a detector on its own true and false positives.

    Scan backgrounds into the bank first, with the same weights. The verifier then multiplies the detector's scores with
    the probability that a box holds an object, judged by the feature maps that the detector has computed anyway.
    Held-out images and what looks like them are not trained on, nor negatives that a reviewer refused.

    \b
    negmine verifier train --weights best.pt --data data.yaml --bank negmine-bank --out verifier.safetensors
    negmine verifier train --weights best.pt --data data.yaml --bank negmine-bank --held-out tests/ --conf 0.4
    """
    if more_held_out and not held_out:
        raise ConfigError(f"expected --held-out before {more_held_out[0]!r}")
    config = VerifierConfig(
        conf=conf,
        min_score=min_score,
        max_recall_loss=max_recall_loss,
        folds=folds,
        holdout=holdout,
        seed=seed,
        imgsz=imgsz,
        device=device,
        labels=labels,
        workers=workers,
        trust_weights=trust_weights,
    )
    from negmine.verifying.train import train_verifier

    with step_progress() as (on_step, on_progress):
        result = train_verifier(
            weights,
            data,
            bank,
            out=out,
            held_out=(*held_out, *more_held_out),
            config=config,
            on_step=on_step,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _render(result)


def _render(result: VerifierResult) -> None:
    """Print what was learned, and the command to type next."""
    out = console()
    rows = table("What was learned from", ("class", "boxes of objects", "false positives", "loss before", "loss"))
    for each in result.classes[:_CLASSES]:
        losses = ["-" if loss is None else f"{loss:.3f}" for loss in (each.loss_before, each.loss)]
        rows.add_row(printable(each.name), str(each.objects), str(each.false_positives), *losses)
    out.print(rows)
    for each in result.classes:
        if each.reason is not None:
            say(out, f"{printable(each.name)} keeps its scores: {each.reason}")
    for note in result.notes:
        say(out, printable(note))
    say(out, f"\n{result.validation}")
    say(out, f"verifier: {printable(result.out)}")
    files = ("--weights", result.weights, "--verifier", result.out)
    say(
        out, f"next: {quoted('negmine', 'eval', *files, '--imgsz', str(result.imgsz))} --data DATA --backgrounds SOURCE"
    )
