"""The command line: the only place that prints. Exit status 0 done, 1 a check said no, 2 bad input, 130 interrupted."""

from __future__ import annotations

import os
import signal
import sys

import click

from negmine._version import __version__
from negmine.cli._group import LazyGroup
from negmine.errors import NegmineError

_COMMANDS = {
    "scan": "Run a detector over images and bank its false positives.",
    "augment": "Expand the negatives with mild variants, to a number or a ratio.",
    "ratio": "Count positives and negatives, and check their ratio before training.",
    "export": "Write the negatives as a data set with empty labels.",
    "retrain": "Train in rounds on what the detector gets wrong, until that helps no more.",
    "eval": "Measure weights, side by side, at equal recall.",
    "verify": "Check every file and row of a bank.",
    "demo": "Do it all once on data that negmine draws itself, offline.",
}


@click.group(cls=LazyGroup, commands_help=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="negmine")
def cli() -> None:
    """Find what a trained object detector gets wrong on images without targets, and turn it into training data that
    makes it stop.

    \b
    negmine scan backgrounds/ --weights best.pt
    negmine retrain --weights best.pt --data data.yaml --backgrounds backgrounds/
    """


def main() -> None:
    """Run the command line: errors that a user can mend are one line, anything else is a bug and shows its trace."""
    status = _run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done: a late Ctrl-C would print the insides of Python's end
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # a broken image gets our one line, not OpenCV's five
    # Torch's idle threads spin by default: beside any other busy process, that made a scan ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        status = cli.main(arguments, prog_name="negmine", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except NegmineError as error:
        click.echo(f"negmine: {error}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("negmine: interrupted; what was stored stays, and the same command goes on from there", err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has left. Say nothing more, not even when Python closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
