"""`negmine review`."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option
from negmine.mining.config import DEFAULT_BANK
from negmine.paths import printable
from negmine.reviewing.config import ReviewConfig
from negmine.terminal import console, say

_DEFAULTS = ReviewConfig(Path(DEFAULT_BANK))


@click.command("review", cls=Command)
@bank_option
@option(
    "Page",
    "--port",
    default=_DEFAULTS.port,
    show_default=True,
    metavar="N",
    help="Port of the page; 0 for any free one.",
)
@option(
    "Page", "--open/--no-open", "opens", default=None, help="Open it in a browser.  [default: if there is a screen]"
)
@option(
    "Page",
    "--host",
    default=_DEFAULTS.host,
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on. Any that others can reach needs --token.",
)
@option(
    "Page",
    "--token",
    metavar="TEXT",
    help="Secret at the end of the page's address, 16 to 200 letters and digits.  [default: new at each start]",
)
def command(bank: str, port: int, opens: bool | None, host: str, token: str | None) -> None:
    """Look at the negatives on a local web page, hardest first, and judge each: accept, reject, or target (a real
    object without a label). Each verdict is stored at once. Scans and other windows may run meanwhile; Ctrl-C ends the
    server.

    \b
    negmine review --bank negmine-bank
    """
    from negmine.reviewing.server import Serving, serve

    config, err = ReviewConfig(Path(bank), port, host, token), console(stderr=True)

    def on_ready(serving: Serving) -> None:
        if serving.read_only is not None:
            say(err, f"You can look, but not decide: {serving.read_only}")
        if not config.is_local:
            say(
                err,
                f"Open to others: whoever reaches {host} and has this address can see every negative and its source "
                "image, and judge them. The connection is not encrypted.",
            )
        say(err, f"Reviewing {printable(bank)}; Ctrl-C ends it.")
        click.echo(serving.url)
        sys.stdout.flush()
        if _has_screen() if opens is None else opens:
            webbrowser.open(serving.url)

    serve(config, on_ready=on_ready)


def _has_screen() -> bool:
    """Whether a person is at a terminal, and a browser would be seen."""
    screens = sys.platform in ("darwin", "win32") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())
    return screens and sys.stdout.isatty() and "SSH_CONNECTION" not in os.environ
