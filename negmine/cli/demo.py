"""`negmine demo`."""

from __future__ import annotations

import click

from negmine.cli._options import json_option
from negmine.cli._output import console, print_json, scan_progress
from negmine.paths import printable


@click.command("demo")
@click.option(
    "--out", default="negmine-demo", show_default=True, metavar="DIR", help="A new folder, or an earlier demo."
)
@click.option("--seed", default=0, show_default=True, help="Other seeds draw other pictures.")
@json_option
def command(out: str, seed: int, as_json: bool) -> None:
    """Do it all once, offline and on the CPU: draw road signs, train a small detector on them, scan images of other
    round things, bank what it takes for signs, expand that with variants, check the ratio, export it as Pascal VOC,
    retrain the detector, and measure it before and after. Takes a few minutes.

    \b
    negmine demo --out negmine-demo
    """
    from negmine.cli import _eval_view, _ratio_view, _retrain_view, augment, scan
    from negmine.demo.run import run_demo

    err, screen = console(stderr=True), console()
    with scan_progress() as on_progress:
        result = run_demo(
            out,
            seed=seed,
            on_step=lambda text: err.print(f"demo: {text}", soft_wrap=True),
            on_progress=on_progress,
            on_count=lambda what, done, total: err.print(f"{done} of {total} {what}") if what == "epochs" else None,
        )
    if as_json:
        print_json(result.to_dict())
        return
    scan.render(result.scan)
    augment.render(result.augment)
    _ratio_view.render(result.ratio)
    _retrain_view.render(result.retrain)
    _eval_view.render(result.evaluation)
    screen.print(f"\nThe demo took {result.seconds:.0f} s. What it made:")
    for path, what in (
        (result.sheet, "the hardest negatives at a glance"),
        (result.export.out, f"{result.export.negatives} negatives and {result.export.variants} variants as VOC"),
        (result.scan.bank, "the bank: where each negative came from; `negmine verify` checks it"),
        (result.weights, "the detector"),
        (result.retrain.weights, "the detector, retrained"),
    ):
        screen.print(f"  {printable(path)}  {what}", soft_wrap=True)
