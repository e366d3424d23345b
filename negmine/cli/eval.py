"""`negmine eval`."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from negmine.cli._command import Command, option
from negmine.cli._options import (
    detector_options,
    json_option,
    label_options,
    log_option,
    match_options,
    names_in,
    require_one_kind,
    speed_options,
    tile_options,
)
from negmine.cli._output import print_json, say_skipped, table
from negmine.datasets.config import LabelConfig
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout, PredictionsConfig
from negmine.detectors.tiling.config import TileConfig
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.thresholds import MatchConfig
from negmine.tracking.config import LogTarget
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.evaluating.result import EvalResult

_EVAL = EvalConfig()
_CLASSES = 20  # of a model that are listed; --json has all
_FILES = 5  # of a finding that are named


@click.command("eval", cls=Command)
@click.argument("more_backgrounds", nargs=-1, metavar="[SOURCE]...")
@option("Data", "--data", required=True, metavar="DATA", help="Labelled images: VOC, YOLO (data.yaml) or COCO.")
@option("Data", "--split", metavar="NAME", help="Split of DATA.  [default: val, else test, else everything]")
@option("Data", "--backgrounds", multiple=True, metavar="SOURCE...", help="Images without targets.")
@label_options("Data", "DATA")
@option("Data", "--classes", multiple=True, metavar="A,B", help="Judge only these classes of DATA; repeatable.")
@option(
    "Data",
    "--group-by",
    metavar="BY",
    help="Frames of one clip count as one for the intervals: folder, or a regex whose first group they share.",
)
@option("Detector", "--weights", multiple=True, metavar="W", help="A detector; repeat to compare several.")
@option(
    "Detector",
    "--predictions",
    multiple=True,
    metavar="PATH",
    help="Instead of --weights: COCO results, or a folder of YOLO .txt with scores.",
)
@option("Detector", "--conf", default=_EVAL.conf, show_default=True, help="Score from which a detection counts.")
@option(
    "Detector",
    "--verifier",
    multiple=True,
    metavar="FILE",
    help="Measure the weights that it was trained for with this second stage too; repeatable.",
)
@detector_options
@tile_options("DATA")
@match_options
@option(
    "Checks",
    "--fail-if",
    multiple=True,
    metavar="CHECK",
    help="Exit with status 1 if a model meets CHECK: fppi_at_recall>0.1, lamr>=0.5.",
)
@speed_options("torch", "torch: the figures are those of the original weights.")
@option("Output", "--plot", metavar="FILE.png", help="Plot miss rate against false positives per image.")
@log_option("the figures to tensorboard[=DIR] or mlflow=URI")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    more_backgrounds: tuple[str, ...],
    weights: tuple[str, ...],
    predictions: tuple[str, ...],
    predictions_images: str | None,
    onnx_layout: OnnxLayout | None,
    class_names: str | None,
    data: str,
    split: str | None,
    backgrounds: tuple[str, ...],
    labels: LabelConfig,
    conf: float,
    iou: float | None,
    imgsz: int | None,
    batch: int | None,
    device: str,
    backend: Backend,
    int8: bool,
    classes: tuple[str, ...],
    group_by: str | None,
    match_iou: float,
    background_iou: float,
    fail_if: tuple[str, ...],
    plot: str | None,
    log: tuple[LogTarget, ...],
    verifier: tuple[str, ...],
    tiles: TileConfig | None,
    workers: int | None,
    trust_weights: bool,
    as_json: bool,
) -> None:
    """Compare detectors: false positives where there is no target, and what they find.

    \b
    negmine eval --weights best.pt --data data.yaml --backgrounds backgrounds/
    negmine eval --weights old.pt --weights new.pt --data data.yaml --backgrounds a/ b/ --fail-if "fppi_at_recall>0.1"

    FPPI is false positives per image, counted on images without targets: the backgrounds, and images of DATA with an
    empty label. A score means something different in each model, so compare models at equal recall: the last two
    columns give the highest threshold at which a model reaches the recall of the first model at --conf, and FPPI at
    that threshold. Under the table, each model is compared with the first over the recalls from 0.2 under that one up
    to it; better or worse is said only with evidence, by a bootstrap over the images. --json has all intervals. LAMR is
    the log-average miss rate over FPPI 0.01 to 1 (Dollar et al. 2012). mAP is COCO's, over the images of DATA, with at
    most 100 detections per image and class. Precision and kinds of false positives cover all images.

    SOURCE is an image, a folder, a glob in quotes, a .txt list or a data.yaml. CHECK is one of fppi, fppi_at_recall,
    images_with_fp, lamr, map50, map50_95, precision, recall or threshold_at_recall, then <, <=, > or >=, then a number.
    Repeat --fail-if for several checks. With several models the first is the reference and is not checked. A figure
    that does not exist, for example at a recall that a model never reaches, fails its check.
    """
    if more_backgrounds and not backgrounds:
        raise click.UsageError(
            f"expected --backgrounds before {more_backgrounds[0]!r}; repeat --weights for each model"
        )
    if int8 and backend == "torch" and ctx.get_parameter_source("backend") is not ParameterSource.DEFAULT:
        raise ConfigError("int8 runs on OpenVINO, found backend torch; leave one of them out")
    require_one_kind(
        weights, predictions, predictions_images, onnx_layout=onnx_layout, iou=iou, imgsz=imgsz,
        backend=None if backend == "torch" else backend, int8=int8 or None, verifier=verifier or None,
        tile=tiles,
    )  # fmt: skip
    detector = DetectorConfig(
        "",
        iou=iou,
        imgsz=imgsz,
        batch=batch,
        device=device,
        trust_weights=trust_weights,
        onnx_layout=onnx_layout,
        class_names=class_names,
        backend="auto" if int8 and backend == "torch" else backend,
        int8=int8,
        tiles=tiles,
    )
    config = EvalConfig(
        conf=conf,
        match=MatchConfig(match_iou, background_iou),
        labels=labels,
        workers=workers,
        classes=names_in(classes),
        auto_backend=detector.backend == "auto",
        group_by=group_by,
    )
    from negmine.evaluating.evaluate import evaluate

    predicted = [PredictionsConfig(path, predictions_images, class_names) for path in predictions]
    result = evaluate(
        predicted or _detectors(weights, detector, verifier),
        data,
        split=split,
        backgrounds=(*backgrounds, *more_backgrounds),
        config=config,
        fail_if=fail_if,
        plot=plot,
        log=log,
        progress=True,
    )
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)
    ctx.exit(0 if result.ok else 1)


def _detectors(weights: Sequence[str], config: DetectorConfig, verifiers: Sequence[str]) -> list[DetectorConfig]:
    """The settings of each detector; what describes ONNX files goes to those only.

    Raises:
        ConfigError: if there is no ONNX file to describe.
    """
    from negmine.detectors.open import is_onnx

    if config.onnx_layout is not None and not any(map(is_onnx, weights)):
        raise ConfigError("onnx_layout is for .onnx files, found none among the weights; leave --onnx-layout out")
    if config.class_names is not None and config.onnx_layout is None:
        raise ConfigError("expected class_names with an onnx_layout, or with predictions; other weights name their own")
    own = replace(config, onnx_layout=None, class_names=None)
    opened = [replace(config if is_onnx(each) else own, weights=each) for each in weights]
    if not verifiers:
        return opened
    from negmine.detectors.verifier_files import with_verifiers

    return with_verifiers(opened, verifiers)


def render(result: EvalResult) -> None:
    """Print a result."""
    out = console()
    _images(out, result)
    _legend(out, result)
    _models(out, result)
    _differences(out, result)
    _kinds(out, result)
    _classes(out, result)
    for note in result.notes:
        say(out, note)
    for finding in result.findings:
        say(out, f"\n{printable(finding.message)}")
        for path in finding.files[:_FILES]:
            say(out, f"  - {printable(path)}")
        if len(finding.files) > _FILES:
            say(out, f"    and {len(finding.files) - _FILES} more")
    if result.plot is not None:
        say(out, f"\ncurves: {printable(result.plot)}")
    say_skipped(((each.source, each.reason) for each in result.skipped), "image")
    for failure in result.failures:
        say(console(stderr=True), printable(failure.message))


def _images(out: Console, result: EvalResult) -> None:
    first = result.models[0]
    say(out, f"{printable(result.data)}: {result.format}, split {printable(result.split)}")
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    say(
        out,
        f"{counted(first.images, 'labelled image')} ({result.empty} empty) with {counted(first.objects, 'object')}, "
        f"{counted(result.backgrounds, 'background')}{skipped}",
    )
    if first.fppi_over == "labelled":
        say(out, "no image without targets: FPPI covers the labelled images; add images with --backgrounds")


def _letters(result: EvalResult) -> list[str]:
    """What each model is called in tables, whose names would not fit into 80 columns."""
    letters = string.ascii_uppercase
    return [
        letters[number] if number < len(letters) else f"{letters[number // 26 - 1]}{letters[number % 26]}"
        for number in range(len(result.models))
    ]


def _legend(out: Console, result: EvalResult) -> None:
    for letter, model in zip(_letters(result), result.models, strict=True):
        say(out, f"  {letter}  {printable(model.name)}")
    say(out, "")


def _models(out: Console, result: EvalResult) -> None:
    """A row for each model."""
    first = result.models[0]
    recall = "recall" if first.at_recall is None else f"recall {first.at_recall:.3f}"
    over = first.images if first.fppi_over == "labelled" else first.background_images
    columns = (
        "model", "FPPI", "with FP", "recall", "precision", "mAP50", "mAP50-95", "LAMR", "threshold", "its FPPI",
    )  # fmt: skip
    rows = table(f"At conf {first.conf:g}; the last two columns at {recall}", columns, plain=True)
    for letter, model in zip(_letters(result), result.models, strict=True):
        rows.add_row(
            letter,
            _number(model.fppi),
            f"{model.images_with_fp}/{over}",
            *(_number(value) for value in (model.recall, model.precision, model.map50, model.map50_95, model.lamr)),
            _reached(model.threshold_at_recall, model.at_recall),
            _reached(model.fppi_at_recall, model.at_recall),
        )
    out.print(rows)


def _differences(out: Console, result: EvalResult) -> None:
    """A line for each model after the first: whether it differs from that by more than the choice of images does."""
    letters = _letters(result)
    for letter, each in zip(letters, result.differences, strict=True):
        if each is not None:
            say(out, f"{letter} against {letters[0]}: {each.comparison.verdict}")
    if len(result.models) > 1:
        say(out, "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _reached(value: float | None, at_recall: float | None) -> str:
    return "never" if value is None and at_recall else _number(value)


def _kinds(out: Console, result: EvalResult) -> None:
    """Kinds of false positives, on all images."""
    kinds = list(result.models[0].kinds)
    title = f"False positives at conf {result.models[0].conf:g}, on all images"
    rows = table(title, ("model", *kinds, "unjudged"), plain=True)
    for letter, model in zip(_letters(result), result.models, strict=True):
        counts = [str(model.kinds[kind]) for kind in kinds]
        rows.add_row(letter, *counts, str(model.unjudged))
    out.print(rows)


def _classes(out: Console, result: EvalResult) -> None:
    """A row for each class of each model, if there are several classes."""
    classes = result.models[0].classes
    if len(classes) < 2:
        return
    order = sorted(range(len(classes)), key=lambda index: (-classes[index].objects, index))[:_CLASSES]
    columns = ("class", "model", "objects", "FP", "FPPI", "recall", "precision", "mAP50", "mAP50-95", "LAMR")
    rows = table("Classes, most objects first", columns, plain=True)
    for index in order:
        for letter, model in zip(_letters(result), result.models, strict=True):
            each = model.classes[index]
            figures = (each.fppi, each.recall, each.precision, each.map50, each.map50_95, each.lamr)
            rows.add_row(
                printable(each.name), letter, str(each.objects), str(each.false_positives), *map(_number, figures)
            )
    out.print(rows)
    if len(classes) > len(order):
        say(out, f"and {counted(len(classes) - len(order), 'more class', 'more classes')}; --json has all")
