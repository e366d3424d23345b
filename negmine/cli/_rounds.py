"""The result of a retraining as people read it: its rounds, the verdict, and the command to type next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from negmine.cli._output import quoted, table
from negmine.paths import printable
from negmine.terminal import console, say

if TYPE_CHECKING:
    from rich.table import Table

    from negmine.retraining.result import RetrainResult, RoundResult


def render_rounds(result: RetrainResult) -> None:
    """Print the rounds, the verdict, and the command to type next."""
    out = console()
    out.print(_rounds(result))
    if result.stopped is not None:
        say(out, f"no further round: {result.stopped}")
    say(out, f"\n{result.verdict}")
    say(out, f"weights: {printable(result.weights)}")
    for line in result.advice:
        say(out, f"advice: {printable(line)}")
    if result.improved and result.folds > 1:
        say(out, f"next, on images that are not among these: {_next(result)}")
    elif result.improved:
        say(out, f"next: {_next(result)}")


def _rounds(result: RetrainResult) -> Table:
    names = ("round", "negatives", "FPPI", "FPPI at equal recall", "recall", "mAP50", "mAP50-95", "LAMR", "seconds")
    if result.folds > 1:
        title = f"Rounds of {result.folds} detectors, each measured on the fold that it never saw; * marks the best"
    else:
        title = "Rounds, measured on held-out images; * marks the best"
    if any(each.blended is not None for each in result.rounds):
        title += "; + N%: averaged with the start"
    rows = table(title, names, plain=True)
    rows.columns[3].width = len("FPPI at")  # its name on three lines, so that the table fits into 80 columns
    for each in result.rounds:
        rows.add_row(*_row(each, best=each.number == result.best))
    return rows


def _row(each: RoundResult, *, best: bool) -> tuple[str, ...]:
    return (
        _name(each) + (" *" if best else ""),
        str(each.negatives),
        f"{each.fppi:.3f}",
        "none" if each.fppi_at_recall is None else f"{each.fppi_at_recall:.3f}",
        f"{each.recall:.3f}",
        *("-" if value is None else f"{value:.3f}" for value in (each.map50, each.map50_95, each.lamr)),
        f"{each.seconds:.1f}",
    )


def _name(each: RoundResult) -> str:
    if each.blended is not None:
        return f"{each.blended} + {each.start_share:.0%}"
    return str(each.number) if each.number else "start"


def _next(result: RetrainResult) -> str:
    """The command that compares start and result in full; with folds, on images of which the user has to name some."""
    imgsz = () if result.imgsz is None else ("--imgsz", str(result.imgsz))
    tiles = () if result.tiles is None else result.tiles.options
    if result.folds > 1:
        images: tuple[str | Path, ...] = ("--data", "DATA", "--backgrounds", "SOURCE")
    else:
        images = ("--data", result.data_yaml, "--split", "val", "--backgrounds", result.held_out_list)
    return quoted("negmine", "eval", "--weights", result.start, "--weights", result.weights, *images, *imgsz, *tiles)
