"""`negmine eval`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click
from click.core import ParameterSource

from negmine.cli._command import Command, option
from negmine.cli._figures import render_figures
from negmine.cli._options import (
    CONF,
    as_base,
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
from negmine.cli._output import print_json
from negmine.datasets.config import LabelConfig
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout, PredictionsConfig
from negmine.detectors.tiling.config import TileConfig
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.thresholds import MatchConfig
from negmine.tracking.config import LogTarget

_EVAL = EvalConfig()


@click.command("eval", cls=Command)
@click.argument("more_backgrounds", nargs=-1, metavar="[SOURCE]...")
@option("Data", "--data", metavar="DATA", help="Labelled images: VOC, YOLO (data.yaml) or COCO.")
@option("Data", "--split", metavar="NAME", help="Split of DATA.  [default: val, else test, else everything]")
@option(
    "Data", "--backgrounds", multiple=True, metavar="SOURCE...", help="Images without targets; enough without DATA."
)
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
    help="Instead of --weights: what another program found, JSON, CSV or .txt; repeatable.",
)
@option(
    "Detector",
    "--conf",
    type=CONF,
    default=_EVAL.conf,
    show_default=True,
    metavar="SCORE|FILE",
    help="Score from which a detection counts, or a file of --thresholds.",
)
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
    "Figures",
    "--at-fppi",
    multiple=True,
    type=float,
    metavar="F",
    help=f"Give recall, and the score, at F false positives per image; repeatable.  [default: {_EVAL.at_fppi[0]:g}]",
)
@option("Figures", "--thresholds", metavar="FILE.yaml", help="Write a score for each class, chosen on these images.")
@option(
    "Figures",
    "--reach",
    metavar="WHAT",
    help="What each class reaches at its score of --thresholds: fppi=0.1 or precision=0.9.  [default: fppi=--at-fppi]",
)
@option("Figures", "--seed", default=_EVAL.seed, show_default=True, help="Of the samples that intervals are made of.")
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
    category_base: str | None,
    data: str | None,
    split: str | None,
    backgrounds: tuple[str, ...],
    labels: LabelConfig,
    conf: float | str,
    at_fppi: tuple[float, ...],
    thresholds: str | None,
    reach: str | None,
    seed: int,
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
    negmine eval --weights best.pt --backgrounds backgrounds/ --at-fppi 0.1 --at-fppi 0.01
    negmine eval --weights best.pt --data data.yaml --thresholds scores.yaml --reach precision=0.9

    FPPI is false positives per image, counted on images without targets: the backgrounds, and images of DATA with an
    empty label. A score means something different in each model, so compare models at equal recall: the last two
    columns give the highest threshold at which a model reaches the recall of the first model at --conf, and FPPI at
    that threshold. Under the table, each model is compared with the first over the recalls from 0.2 under that one up
    to it; better or worse is said only with evidence, by a bootstrap over the images. --json has all intervals, of each
    class too. Without --data, false positives alone are counted: per image, at several scores, for each class. LAMR is
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
        weights, predictions, predictions_images, category_base, onnx_layout=onnx_layout, iou=iou, imgsz=imgsz,
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
        conf=_EVAL.conf if isinstance(conf, str) else conf,
        thresholds=conf if isinstance(conf, str) else None,
        at_fppi=tuple(dict.fromkeys(at_fppi)) or _EVAL.at_fppi,
        seed=seed,
        match=MatchConfig(match_iou, background_iou),
        labels=labels,
        workers=workers,
        classes=names_in(classes),
        auto_backend=detector.backend == "auto",
        group_by=group_by,
    )
    from negmine.evaluating.evaluate import evaluate

    base = as_base(category_base)
    predicted = [PredictionsConfig(path, predictions_images, class_names, category_base=base) for path in predictions]
    result = evaluate(
        predicted or _detectors(weights, detector, verifier),
        data,
        split=split,
        backgrounds=(*backgrounds, *more_backgrounds),
        config=config,
        fail_if=fail_if,
        plot=plot,
        thresholds=thresholds,
        reach=reach,
        log=log,
        progress=True,
    )
    if as_json:
        print_json(result.to_dict())
    else:
        render_figures(result)
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
