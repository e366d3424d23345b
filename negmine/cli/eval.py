"""`negmine eval`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click
from click.core import ParameterSource

from negmine.cli._options import (
    backend_options,
    detector_options,
    foreign_options,
    json_option,
    match_options,
    names_in,
    require_one_kind,
)
from negmine.cli._output import count_progress, print_json
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout, PredictionsConfig
from negmine.errors import ConfigError
from negmine.evaluating.config import EvalConfig
from negmine.thresholds import MatchConfig

_EVAL = EvalConfig()


@click.command("eval")
@click.argument("more_backgrounds", nargs=-1, metavar="[SOURCE]...")
@click.option("--weights", multiple=True, metavar="W", help="A detector; repeat it to compare several.")
@click.option("--predictions", multiple=True, metavar="PATH", help="Instead: what one said; COCO results or YOLO .txt.")
@foreign_options
@click.option("--data", required=True, metavar="DATA", help="The labelled images: VOC, YOLO (data.yaml) or COCO.")
@click.option("--split", metavar="NAME", help="Of the data.  [default: val, else test, else everything]")
@click.option("--backgrounds", multiple=True, metavar="SOURCE...", help="Images without targets.")
@click.option("--missing-is-empty", is_flag=True, help="An image of the data without a label holds no target.")
@click.option("--conf", default=_EVAL.conf, show_default=True, help="Score from which a detection counts.")
@detector_options
@backend_options("torch", "torch: the figures are those of the weights themselves.")
@click.option("--classes", metavar="A,B", help="Judge only these classes of the data.")
@match_options
@click.option(
    "--fail-if",
    multiple=True,
    metavar="CHECK",
    help="Exit status 1 if a model meets it: fppi_at_recall>0.1, lamr>=0.5.",
)
@click.option("--plot", metavar="FILE.png", help="Draw miss rate against false positives per image.")
@click.option("--workers", type=int, metavar="N", help="Threads that read and decode.  [default: one per core]")
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
    missing_is_empty: bool,
    conf: float,
    iou: float | None,
    imgsz: int | None,
    batch: int | None,
    device: str,
    backend: Backend,
    int8: bool,
    classes: str | None,
    match_iou: float,
    background_iou: float,
    fail_if: tuple[str, ...],
    plot: str | None,
    workers: int | None,
    trust_weights: bool,
    as_json: bool,
) -> None:
    """Compare detectors: how often each fires where nothing is, and what it finds. Exit status 1 where --fail-if says.

    \b
    negmine eval --weights best.pt --data data.yaml --backgrounds backgrounds/
    negmine eval --weights old.pt --weights new.pt --data data.yaml --backgrounds a/ b/ --fail-if "fppi_at_recall>0.1"

    FPPI is false positives per image, counted on images without targets: the backgrounds, and images of DATA with an
    empty label. Scores of two models mean different things, so compare them at equal recall: the last two columns are
    the highest threshold at which a model finds as much as the first one does at --conf, and FPPI there. LAMR is the
    log-average miss rate over FPPI 0.01 to 1 (Dollar et al. 2012). mAP is COCO's, over the images of DATA alone, of at
    most 100 detections an image and class. Precision and kinds are of all images.

    SOURCE is an image, a folder, a glob in quotes, a .txt list or a data.yaml. --fail-if takes one of fppi,
    fppi_at_recall, images_with_fp, lamr, map50, map50_95, precision, recall, threshold_at_recall with <, <=, > or >=
    and a number, and may be repeated. Of several models the first is what the others are compared with, and is not
    checked. A figure that does not exist, such as where a recall is never reached, fails.
    """
    if more_backgrounds and not backgrounds:
        raise click.UsageError(
            f"expected --backgrounds before {more_backgrounds[0]!r}; repeat --weights for each model"
        )
    if int8 and backend == "torch" and ctx.get_parameter_source("backend") is not ParameterSource.DEFAULT:
        raise ConfigError("int8 runs on OpenVINO, found backend torch; leave one of them out")
    require_one_kind(
        weights, predictions, predictions_images, onnx_layout=onnx_layout, iou=iou, imgsz=imgsz,
        backend=None if backend == "torch" else backend, int8=int8 or None,
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
    )
    config = EvalConfig(
        conf=conf,
        match=MatchConfig(match_iou, background_iou),
        missing_is_empty=missing_is_empty,
        workers=workers,
        classes=names_in(classes),
        auto_backend=detector.backend == "auto",
    )
    from negmine.cli._eval_view import render
    from negmine.evaluating.evaluate import evaluate

    said = [PredictionsConfig(path, predictions_images, class_names) for path in predictions]
    with count_progress("images measured") as on_progress:
        result = evaluate(
            said or _detectors(weights, detector),
            data,
            split=split,
            backgrounds=(*backgrounds, *more_backgrounds),
            config=config,
            fail_if=fail_if,
            plot=plot,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)
    ctx.exit(0 if result.ok else 1)


def _detectors(weights: Sequence[str], config: DetectorConfig) -> list[DetectorConfig]:
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
    return [replace(config if is_onnx(each) else own, weights=each) for each in weights]
