"""Options that commands share, so that they are the same in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, get_args

import click

from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout
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


def backend_options(default: Backend, why: str) -> Callable[[_F], _F]:
    """What runs a checkpoint of Ultralytics: `--backend` and `--int8`.

    Args:
        default: of this command.
        why: that is so, for the help.
    """

    def decorate(command: _F) -> _F:
        for option in (
            click.option(
                "--int8", is_flag=True, help="8-bit weights on OpenVINO: faster, other scores. Needs negmine[int8]."
            ),
            click.option(
                "--backend", type=click.Choice(get_args(Backend)), default=default, show_default=True,
                help=f"What runs a .pt of Ultralytics. {why}",
            ),
        ):  # fmt: skip
            command = option(command)
        return command

    return decorate


def foreign_options(command: _F) -> _F:
    """What describes a detector that does not describe itself: `--onnx-layout`, `--class-names` and predictions."""
    for option in (
        click.option("--class-names", metavar="FILE", help="For those two: a .txt with a name a line, or a data.yaml."),
        click.option(
            "--onnx-layout",
            type=click.Choice(get_args(OnnxLayout)),
            help="What an .onnx is that Ultralytics did not export.",
        ),
        click.option(
            "--predictions-images", metavar="COCO.json", help="The images and categories of COCO --predictions."
        ),
    ):
        command = option(command)
    return command


def require_one_kind(weights: object, predictions: object, images: str | None, **of_models: object) -> None:
    """Refuse a command line with both or neither of `--weights` and `--predictions`, or options of the wrong one.

    Args:
        weights, predictions, images: what was given, the last with `--predictions-images`.
        of_models: options by the name of their parameter that mean nothing for predictions; None is not given.
    """
    if weights and predictions:
        raise click.UsageError("expected --weights or --predictions, found both")
    if not weights and not predictions:
        raise click.UsageError("Missing option '--weights' (or --predictions).")
    if images is not None and not predictions:
        raise click.UsageError("expected --predictions with --predictions-images, found --weights")
    given = [f"--{name.replace('_', '-')}" for name, value in of_models.items() if value is not None]
    if predictions and given:
        raise click.UsageError(f"{', '.join(given)} is for models, and --predictions has none; leave it out")


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
