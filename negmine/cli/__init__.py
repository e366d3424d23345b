"""The command line: the only place that prints. Exit status 0 done, 1 a check said no, 2 bad input, 130 interrupted."""

from __future__ import annotations

import io
import os
import signal
import sys

import click

from negmine._version import __version__
from negmine.cli._command import LazyGroup
from negmine.cli._streams import open_streams
from negmine.errors import NegmineError, OutputError
from negmine.limits import MAX_PIXELS
from negmine.words import one_line

_COMMANDS = {
    "scan": "Run a detector over images and bank its false positives.",
    "review": "Look at the negatives on a local web page, and decide.",
    "augment": "Expand the negatives with mild variants, to a number or a ratio.",
    "ratio": "Check the ratio of positive to negative images before training.",
    "export": "Write the negatives as a data set with empty labels.",
    "import": "Take up verdicts and labels from another tool.",
    "retrain": "Train in rounds on the detector's own false positives.",
    "eval": "Compare detectors at equal recall.",
    "report": "Write one HTML file: what was mined, and what training changed.",
    "bank": "List, show, merge and tidy what is banked.",
    "verifier": "Train a second stage that looks at each detection again.",
    "verify": "Check every file and row of a bank.",
    "config": "Show the defaults of options, and where each comes from.",
    "demo": "Run the whole loop on drawn data, offline.",
}


@click.group(cls=LazyGroup, commands_help=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    envvar="NEGMINE_CONFIG",
    metavar="FILE",
    help="Defaults of options.  [default: negmine.toml, or [tool.negmine] of pyproject.toml]",
)
@click.version_option(__version__, prog_name="negmine")
def cli(config: str | None) -> None:
    """Mine the false positives of a trained object detector, and turn them into training data that stops them.

    \b
    negmine scan backgrounds/ --weights best.pt
    negmine retrain --weights best.pt --data data.yaml --backgrounds backgrounds/
    """


def main() -> None:
    """Run the command line. Errors that a user can fix are one line; anything else is a bug with a traceback."""
    try:
        open_streams()
    except OutputError as error:
        click.echo(f"negmine: {error}", err=True)
        sys.exit(2)
    status = _run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # done: a late Ctrl-C would only print a traceback
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))  # should a decoder read another size than we
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # our one line about a broken image replaces OpenCV's five
    # Torch's idle threads spin by default, which made a scan ten times slower beside another busy process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        status = cli.main(arguments, prog_name="negmine", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo("\n".join(map(one_line, said.getvalue().rstrip("\n").split("\n"))), err=True)
        return error.exit_code
    except OutputError as error:
        return _without_output(f"negmine: {error}", 2)
    except NegmineError as error:
        click.echo(f"negmine: {error}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("negmine: interrupted; run the same command again", err=True)
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) is gone
        return _without_output(None, 141)


def _without_output(message: str | None, status: int) -> int:
    """Write nothing more, not even when Python closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if message is not None:
        click.echo(message, err=True)
    return status
