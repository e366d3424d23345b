"""Options that commands share, so that they are the same in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

_F = TypeVar("_F", bound=Callable[..., object])


def bank_option(command: _F) -> _F:
    """`--bank DIR`, the same in every command."""
    from negmine.mining.config import DEFAULT_BANK

    return click.option(
        "--bank", default=DEFAULT_BANK, show_default=True, metavar="DIR", help="The folder that keeps the negatives."
    )(command)


def json_option(command: _F) -> _F:
    """`--json`, the same in every command."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


def batch_size(text: str) -> int | None:
    """What `--batch` says: a number, or None for `auto`."""
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise click.BadParameter(f"expected auto or a whole number of 1 or more, found {text!r}", param_hint="--batch")
    return int(text)
