"""Options that commands share, so that they are the same in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from negmine.detectors.config import DetectorConfig
from negmine.thresholds import MatchConfig

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


def detector_options(command: _F) -> _F:
    """How weights are run: `--iou`, `--imgsz`, `--batch` (None for auto), `--device` and `--trust-weights`."""
    default = DetectorConfig(weights="")
    for option in (
        click.option("--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch."),
        click.option(
            "--device", default=default.device, show_default=True, metavar="auto|cpu|N", help="Where the detector runs."
        ),
        click.option(
            "--batch",
            default="auto",
            show_default=True,
            metavar="auto|N",
            callback=lambda ctx, parameter, text: _batch_size(text),
            help="Images per call of the detector.",
        ),
        click.option(
            "--imgsz", type=int, show_default="the size it was trained at", help="The detector's input size, pixels."
        ),
        click.option(
            "--iou", type=float, show_default="0.7, torchvision 0.5", help="IoU of its non-maximum suppression."
        ),
    ):
        command = option(command)
    return command


def match_options(command: _F) -> _F:
    """Where the matcher draws its lines: `--match-iou` and `--background-iou`."""
    default = MatchConfig()
    for option in (
        click.option(
            "--background-iou",
            default=default.background_iou,
            show_default=True,
            help="IoU under which nothing is there.",
        ),
        click.option(
            "--match-iou", default=default.match_iou, show_default=True, help="IoU from which an object is found."
        ),
    ):
        command = option(command)
    return command


def names_in(text: str | None) -> tuple[str, ...]:
    """The names in a list such as `--classes A,B`."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise click.BadParameter(f"expected auto or a whole number of 1 or more, found {text!r}")
    return int(text)
