"""`negmine report`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from negmine.cli._command import Command, option
from negmine.cli._options import json_option, label_options, workers_option
from negmine.cli._output import print_json
from negmine.datasets.config import LabelConfig
from negmine.paths import printable
from negmine.ratios.target import DEFAULT_TARGET
from negmine.reporting.config import DEFAULT_OUT, ReportConfig
from negmine.terminal import console, say, step_progress
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.reporting.result import ReportResult


@click.command("report", cls=Command)
@option("Report", "--bank", metavar="DIR", help="Folder of the bank.  [default: that of --retrain, else negmine-bank]")
@option("Report", "--retrain", metavar="DIR", help="Folder of a finished retraining: show what it changed.")
@option("Report", "--out", default=DEFAULT_OUT, show_default=True, metavar="FILE", help="The HTML file to write.")
@option(
    "Report",
    "--pictures",
    type=int,
    default=ReportConfig().hardest,
    show_default=True,
    metavar="N",
    help="Pictures in each row; 0 for none.",
)
@option("Report", "--made-on", metavar="TEXT", help="Date that the report bears; '' for none.  [default: today]")
@option("Ratio", "--data", metavar="DATA", help="Labelled images to compare the number of negatives with.")
@option("Ratio", "--split", metavar="NAME", help="Count only this split of DATA.")
@option("Ratio", "--target", default=DEFAULT_TARGET, show_default=True, metavar="RANGE", help="As of `negmine ratio`.")
@label_options("Ratio", "DATA")
@workers_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    bank: str | None,
    retrain: str | None,
    out: str,
    pictures: int,
    made_on: str | None,
    data: str | None,
    split: str | None,
    target: str,
    labels: LabelConfig,
    workers: int | None,
    as_json: bool,
) -> None:
    """Write one HTML file, to hand to a colleague: what was scanned, where the detector fires and how surely, the
    hardest negatives as pictures, what was left out and why, and what a retraining changed. All is inside; it opens
    from a mail, without a network.

    \b
    negmine report
    negmine report --retrain negmine-retrain --data data.yaml --out report.html

    The same bank and retraining give the same bytes, on the same day. A report that is there is replaced; a file of
    another kind is not. --json prints the numbers as well; the HTML file is written all the same.
    """
    from negmine.reporting.report import report

    of_data = ("split", "target", "images", "missing_is_empty", "ignore_orphans", "class_map")
    given = [name for name in of_data if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if data is None and given:
        raise click.UsageError(f"expected --data with --{given[0].replace('_', '-')}, found none")
    config = ReportConfig(
        hardest=pictures,
        target=target,
        labels=labels,
        made_on=(date.today().isoformat() if made_on is None else made_on) or None,
        workers=workers,
    )
    with step_progress() as (on_step, on_count):
        result = report(
            bank,
            out,
            retrain=retrain,
            data=data,
            split=split,
            config=config,
            on_step=on_step,
            on_progress=lambda done, total: on_count("images read", done, total),
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _render(result)


def _render(result: ReportResult) -> None:
    out = console()
    pictures = counted(result.pictures, "picture")
    say(out, f"{printable(result.out)}: {pictures}, {_size(result.size)}; open it in a browser")
    for reason, count in result.missing:
        say(out, f"{counted(count, 'picture')} missing: {reason}")
    if result.left_out:
        say(out, f"{counted(result.left_out, 'picture')} left out to keep the file small; lower --pictures")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 10**6 else f"{round(count / 1000)} kB"
