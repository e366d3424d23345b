"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Literal, TypeVar, get_args

import click

from negmine.cli._command import option, options
from negmine.datasets.config import LabelConfig
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout
from negmine.detectors.tiling.config import TileConfig
from negmine.labels.classes import parse_class_map
from negmine.mining.config import DEFAULT_BANK
from negmine.thresholds import MatchConfig
from negmine.tracking.config import parse_log

_F = TypeVar("_F", bound=Callable[..., object])
_YAML = (".yaml", ".yml")


class _Conf(click.ParamType):  # type: ignore[type-arg]
    """A score, or the path of a file with a score for each class."""

    name = "score"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        try:
            return float(str(value))
        except ValueError:
            if str(value).lower().endswith(_YAML):
                return str(value)
        self.fail(f"expected a score from 0 to 1, or a .yaml of negmine eval --thresholds, found {value!r}", param, ctx)


CONF = _Conf()
_DETECTOR, _MATCH, _TILES = DetectorConfig(weights=""), MatchConfig(), TileConfig()


def bank_option(command: _F) -> _F:
    """`--bank DIR`."""
    return option(
        "Bank",
        "--bank",
        default=DEFAULT_BANK,
        show_default=True,
        metavar="DIR",
        help="Folder that holds the negatives.",
    )(command)


def json_option(command: _F) -> _F:
    """`--json`."""
    return option("Output", "--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")(command)


def workers_option(command: _F) -> _F:
    """`--workers N`, of threads."""
    return option(
        "Speed", "--workers", type=int, metavar="N", help="Threads that read and write.  [default: one per core]"
    )(command)


def device_option(command: _F) -> _F:
    """`--device`."""
    return option(
        "Speed",
        "--device",
        default=_DETECTOR.device,
        show_default=True,
        metavar="auto|cpu|N",
        help="Where the detector runs.",
    )(command)


def detector_options(command: _F) -> _F:
    """How weights are run, and what describes weights or predictions that do not describe themselves."""
    return options(
        option(
            "Detector",
            "--predictions-images",
            metavar="COCO.json",
            help="COCO file of images and categories for --predictions.",
        ),
        option(
            "Detector",
            "--category-base",
            type=click.Choice(["0", "1"]),
            help="Number of the first class in --predictions.  [default: told by the categories or by the numbers]",
        ),
        option(
            "Detector",
            "--onnx-layout",
            type=click.Choice(get_args(OnnxLayout)),
            help="Layout of an .onnx that Ultralytics did not export.",
        ),
        option(
            "Detector",
            "--class-names",
            metavar="FILE",
            help="Class names for --onnx-layout or --predictions: a .txt with one per line, or a data.yaml.",
        ),
        option(
            "Detector",
            "--iou",
            type=float,
            help="IoU threshold of non-maximum suppression.  [default: 0.7, torchvision 0.5]",
        ),
        option("Detector", "--imgsz", type=int, help="Input size in pixels.  [default: as trained]"),
        option(
            "Detector", "--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch."
        ),
    )(command)


def tile_options(of: str) -> Callable[[_F], _F]:
    """`--tile`, `--overlap`, `--full-pass` and `--scales`: the command gets a `TileConfig` or None as `tiles`.

    Args:
        of: what objects `--tile auto` looks at, for the help: `--data`.
    """

    def decorate(command: _F) -> _F:
        @wraps(command)
        def with_tiles(
            *args: object, tile: str | None, overlap: float, full_pass: bool, scales: str | None, **others: object
        ) -> object:
            tiles = TileConfig.parse(tile, scales=scales, overlap=overlap, full_pass=full_pass)
            return command(*args, tiles=tiles, **others)

        return declare(with_tiles)  # type: ignore[return-value]

    declare = options(
        option(
            "Large images",
            "--tile",
            metavar="N|WxH|auto",
            help=f"Detect in tiles of so many pixels; auto suits the objects of {of}.",
        ),
        option(
            "Large images",
            "--overlap",
            default=_TILES.overlap,
            show_default=True,
            help="Share of a tile that its neighbour covers too.",
        ),
        option(
            "Large images",
            "--full-pass/--no-full-pass",
            default=_TILES.full_pass,
            show_default=True,
            help="Detect in the whole image too.",
        ),
        option(
            "Large images",
            "--scales",
            metavar="A,B",
            help="Detect in the image resized by each of these, such as 0.5,1,2.",
        ),
    )
    return decorate


def speed_options(default: Backend, why: str) -> Callable[[_F], _F]:
    """`--backend`, `--int8`, `--device`, `--batch` and `--workers`.

    Args:
        default: backend of the command.
        why: the default is what it is, for the help.
    """
    return options(
        option(
            "Speed",
            "--backend",
            type=click.Choice(get_args(Backend)),
            default=default,
            show_default=True,
            help=f"What runs an Ultralytics .pt. {why}",
        ),
        option(
            "Speed",
            "--int8",
            is_flag=True,
            help="Run 8-bit weights on OpenVINO: faster, but scores differ. Needs negmine[int8].",
        ),
        device_option,
        option(
            "Speed",
            "--batch",
            default="auto",
            show_default=True,
            metavar="auto|N",
            callback=lambda ctx, parameter, text: _batch_size(text),
            help="Images per forward pass.",
        ),
        workers_option,
    )


def log_option(of: str) -> Callable[[_F], _F]:
    """`--log`: the command gets a tuple of `LogTarget` as `log`.

    Args:
        of: what is logged, for the help.
    """
    return option(
        "Output",
        "--log",
        multiple=True,
        metavar="A,B",
        callback=lambda ctx, parameter, texts: parse_log(texts),
        help=f"Log {of}; repeatable.",
    )


def match_options(command: _F) -> _F:
    """`--match-iou` and `--background-iou`."""
    return options(
        option(
            "Matching",
            "--match-iou",
            default=_MATCH.match_iou,
            show_default=True,
            help="IoU from which a detection matches an object.",
        ),
        option(
            "Matching",
            "--background-iou",
            default=_MATCH.background_iou,
            show_default=True,
            help="IoU with every object below which a false positive counts as background.",
        ),
    )(command)


def label_options(group: str, of: str) -> Callable[[_F], _F]:
    """How labels are understood: the command gets a `LabelConfig` as `labels` in their place.

    Args:
        group: the heading in the help.
        of: whose labels these are, for the help: `DATA`.
    """

    def decorate(command: _F) -> _F:
        @wraps(command)
        def with_labels(
            *args: object,
            missing_is_empty: bool,
            images: str | None,
            ignore_orphans: bool,
            class_map: tuple[str, ...],
            **others: object,
        ) -> object:
            labels = LabelConfig(
                missing_is_empty, None if images is None else Path(images), ignore_orphans, parse_class_map(class_map)
            )
            return command(*args, labels=labels, **others)

        return declare(with_labels)  # type: ignore[return-value]

    declare = options(
        option(group, "--images", metavar="DIR", help=f"Folder of the images of {of}.  [default: around the labels]"),
        option(
            group, "--missing-is-empty", is_flag=True, help=f"Treat an image of {of} without a label as background."
        ),
        option(group, "--ignore-orphans", is_flag=True, help="Allow --missing-is-empty though labels found no image."),
        option(
            group,
            "--class-map",
            multiple=True,
            metavar="OLD=NEW|FILE",
            help=f"Read class OLD of {of} or of the detector as NEW; or a file of such pairs; repeatable.",
        ),
    )
    return decorate


def as_base(text: str | None) -> Literal[0, 1] | None:
    """The value of `--category-base`."""
    return None if text is None else 1 if text == "1" else 0


def require_one_kind(
    weights: object, predictions: object, images: str | None, base: str | None, **of_models: object
) -> None:
    """Refuse a command line with both or neither of `--weights` and `--predictions`, or with options of the wrong one.

    Args:
        weights, predictions, images, base: what was given, the last two with `--predictions-images` and
            `--category-base`.
        of_models: options by the name of their parameter that predictions have no use for; None if not given.
    """
    if weights and predictions:
        raise click.UsageError("expected --weights or --predictions, found both")
    if not weights and not predictions:
        raise click.UsageError("Missing option '--weights' (or --predictions).")
    if images is not None and not predictions:
        raise click.UsageError("expected --predictions with --predictions-images, found --weights")
    if base is not None and not predictions:
        raise click.UsageError("expected --predictions with --category-base, found --weights")
    given = [f"--{name.replace('_', '-')}" for name, value in of_models.items() if value is not None]
    if predictions and given:
        verb = "needs" if len(given) == 1 else "need"
        raise click.UsageError(f"{', '.join(given)} {verb} a model, found --predictions; leave it out")


def names_in(texts: Sequence[str]) -> tuple[str, ...]:
    """The names in lists such as `--classes A,B --classes C`; none where the option is not given."""
    names = tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
    if texts and not names:  # no names would mean all
        raise click.UsageError(f"expected names with commas between them, found {', '.join(map(repr, texts))}")
    return tuple(dict.fromkeys(names))


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise click.BadParameter(f"expected auto or a whole number of 1 or more, found {text!r}")
    return int(text)
