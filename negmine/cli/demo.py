"""`negmine demo`."""

from __future__ import annotations

import click

from negmine.cli._command import Command, option
from negmine.cli._figures import render_figures
from negmine.cli._options import json_option
from negmine.cli._output import print_json
from negmine.cli._rounds import render_rounds
from negmine.paths import printable
from negmine.terminal import console, say, scan_progress, step_lines
from negmine.words import counted


@click.command("demo", cls=Command)
@option(
    "Output",
    "--out",
    default="negmine-demo",
    show_default=True,
    metavar="DIR",
    help="A new folder, or an earlier demo.",
)
@option("Output", "--seed", default=0, show_default=True, help="Seed of the drawn images.")
@json_option
def command(out: str, seed: int, as_json: bool) -> None:
    """Run the whole loop once, offline and on the CPU, in a few minutes: draw road signs, train a small detector on
    them, scan images of other round things, bank the false positives, add variants, check the ratio, export as Pascal
    VOC, retrain, and measure before and after.

    \b
    negmine demo --out negmine-demo
    """
    from negmine.cli import augment, ratio
    from negmine.cli._scan_result import render as render_scan
    from negmine.demo.run import run_demo

    screen = console()
    with scan_progress() as (_, on_progress), step_lines(console(stderr=True)) as (on_step, on_count):
        result = run_demo(
            out,
            seed=seed,
            on_step=lambda text: on_step(f"demo: {text}"),
            on_progress=on_progress,
            on_count=on_count,
        )
    if as_json:
        print_json(result.to_dict())
        return
    render_scan(result.scan)
    augment.render(result.augment)
    ratio.render(result.ratio)
    render_rounds(result.retrain)
    render_figures(result.evaluation)
    say(screen, f"\nThe demo took {result.seconds:.0f} s. It wrote:")
    exported = f"{counted(result.export.negatives, 'negative')} and {counted(result.export.variants, 'variant')}"
    for path, what in (
        (result.sheet, "the hardest negatives"),
        (result.export.out, f"{exported}, as Pascal VOC"),
        (result.scan.bank, "the bank; `negmine verify` checks it"),
        (result.weights, "the detector"),
        (result.retrain.weights, "the retrained detector"),
    ):
        say(screen, f"  {printable(path)}  {what}")
