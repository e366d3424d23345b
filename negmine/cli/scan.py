"""`negmine scan`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from negmine.cli._options import (
    backend_options,
    bank_option,
    detector_options,
    foreign_options,
    json_option,
    match_options,
    names_in,
    require_one_kind,
)
from negmine.cli._output import console, print_json, scan_progress
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout, PredictionsConfig
from negmine.mining.config import CropConfig, CropPolicy, OutputSize, ScanConfig
from negmine.paths import printable
from negmine.thresholds import MatchConfig

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.mining.result import ScanResult

_DETECTOR, _CROP, _SCAN = DetectorConfig(weights=""), CropConfig(), ScanConfig()
_SHOWN = 10  # skipped images that are named; --json names them all


@click.command("scan")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--weights", metavar="W", help="The detector: .pt, .onnx, .engine, .safetensors, a folder, hf:PATH.")
@click.option("--predictions", metavar="PATH", help="Instead: what it said, as COCO results or YOLO .txt with scores.")
@foreign_options
@bank_option
@click.option(
    "--truth", metavar="PATH", help="Labels of the images: Pascal VOC, YOLO or COCO. Without: all are background."
)
@click.option("--missing-is-empty", is_flag=True, help="With --truth: an image without a label file holds no target.")
@click.option("--split", metavar="NAME", help="Which split of a data.yaml: train, val or test.")
@click.option("--conf", default=_DETECTOR.conf, show_default=True, help="Lowest score of a detection.")
@detector_options
@backend_options("auto", "auto: the fastest that finds the same on images of the scan.")
@click.option("--classes", metavar="A,B", help="Only these classes of the detector, by name.")
@match_options
@click.option(
    "--crop",
    type=click.Choice(get_args(CropPolicy)),
    default=_CROP.crop,
    show_default=True,
    help="Keep a square around the false positive, the largest region without targets, or the whole image.",
)
@click.option("--context", default=_CROP.context, show_default=True, help="Side of a context crop, in box sides.")
@click.option(
    "--size", default=str(_CROP.size), show_default=True, metavar="original|none|N|WxH", help="Size of the negatives."
)
@click.option("--min-side", default=_CROP.min_side_px, show_default=True, help="Skip smaller crops, pixels.")
@click.option("--confirm", is_flag=True, help="Keep only crops on which the detector fires again.")
@click.option("--max-per-image", type=int, metavar="N", help="Keep the N hardest negatives of an image.")
@click.option("--workers", type=int, metavar="N", help="Threads that read and decode.  [default: one per core]")
@json_option
def command(
    sources: tuple[str, ...],
    weights: str | None,
    predictions: str | None,
    predictions_images: str | None,
    onnx_layout: OnnxLayout | None,
    class_names: str | None,
    bank: str,
    truth: str | None,
    missing_is_empty: bool,
    split: str | None,
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
    crop: CropPolicy,
    context: float,
    size: str,
    min_side: int,
    confirm: bool,
    max_per_image: int | None,
    workers: int | None,
    trust_weights: bool,
    as_json: bool,
) -> None:
    """Run a detector over images and bank what it gets wrong on background.

    SOURCE is an image, a folder (searched recursively), a glob in quotes, a .txt list, or a data.yaml. Without --truth
    you say that no image holds a target. Running the same scan again changes nothing; one that was stopped goes on.

    \b
    negmine scan backgrounds/ --weights best.pt
    negmine scan data.yaml --split train --truth data.yaml --weights best.pt --imgsz 320
    negmine scan backgrounds/ --predictions results.json --predictions-images images.json
    """
    require_one_kind(
        weights, predictions, predictions_images, onnx_layout=onnx_layout, iou=iou, imgsz=imgsz,
        backend=None if backend == "auto" else backend, int8=int8 or None,
    )  # fmt: skip
    detector: DetectorConfig | PredictionsConfig
    if predictions is not None:
        detector = PredictionsConfig(predictions, predictions_images, class_names, conf, names_in(classes))
    else:
        detector = DetectorConfig(
            weights=weights or "",
            conf=conf,
            iou=iou,
            imgsz=imgsz,
            batch=batch,
            device=device,
            classes=names_in(classes),
            trust_weights=trust_weights,
            onnx_layout=onnx_layout,
            class_names=class_names,
            backend=backend,
            int8=int8,
        )
    config = ScanConfig(
        match=MatchConfig(match_iou, background_iou),
        crop=CropConfig(crop, context, OutputSize.parse(size), min_side),
        confirm=confirm,
        max_per_image=max_per_image,
        missing_is_empty=missing_is_empty,
        workers=workers,
    )
    from negmine.mining.scan import scan

    with scan_progress(before="opening the detector") as on_progress:
        result = scan(
            list(sources),
            detector,
            bank=bank,
            truth=None if truth is None else Path(truth),
            split=split,
            config=config,
            on_progress=on_progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def render(result: ScanResult) -> None:
    """Print what a scan did, and the command to type next."""
    out = console()
    if result.scanned:
        out.print(_images(result), _found(result), sep="\n")
        _render_hardest(out, result)
    else:
        out.print(
            f"nothing new: {result.unchanged + result.duplicates} images unchanged, {len(result.skipped)} skipped"
        )
    _render_skipped(result)
    out.print(f"\n{result.total} negatives in {printable(result.bank)} ({result.added} added)", soft_wrap=True)
    if result.total:
        out.print(
            f"next: negmine export --format voc --bank {_quoted(result.bank)} --out negatives-voc", soft_wrap=True
        )


def _images(result: ScanResult) -> object:
    from rich.table import Table

    from negmine.mining.result import SKIP_MEANINGS

    table = Table("images", "count", title="What was scanned", title_justify="left")
    table.columns[1].justify = "right"
    table.add_row("scanned", str(result.scanned))
    table.add_row("with false positives", str(result.with_false_positives))
    table.add_row("unchanged since the last scan", str(result.unchanged))
    if result.duplicates:
        table.add_row("the same picture as another", str(result.duplicates))
    for kind, count in sorted(Counter(skipped.kind for skipped in result.skipped).items()):
        table.add_row(f"skipped: {SKIP_MEANINGS[kind]}", str(count))
    table.add_row("images/s", f"{result.images_per_second:.1f}")
    if result.device.name is not None:
        where = " on ".join(filter(None, [result.device.backend, result.device.name]))
        table.add_row(f"detector at work, {printable(where)}", f"{result.device.busy:.0%} of the time")
    return table


def _found(result: ScanResult) -> object:
    from rich.table import Table

    from negmine.mining.crop import CROP_SKIP_MEANINGS

    table = Table("detections", "count", title="What the detector found", title_justify="left")
    table.columns[1].justify = "right"
    for kind, count in result.kinds.items():
        if count or kind == "background":
            table.add_row(_KIND_WORDS[str(kind)], str(count))
    shown = list(result.classes.items())[:_SHOWN] if len(result.classes) > 1 else []
    for name, count in shown:
        table.add_row(f"  on background as {printable(name)}", str(count))
    if len(result.classes) > len(shown) > 0:
        table.add_row(
            f"  and {len(result.classes) - len(shown)} classes more", str(sum(list(result.classes.values())[_SHOWN:]))
        )
    table.add_section()
    table.add_row("negatives added", str(result.added))
    for reason, count in result.crops_skipped.items():
        table.add_row(f"no negative: {CROP_SKIP_MEANINGS[reason]}", str(count))
    if result.withdrawn:
        table.add_row("negatives withdrawn: labels or images changed", str(result.withdrawn))
    return table


_KIND_WORDS = {
    "true_positive": "true positives",
    "ignored": "on difficult or crowd objects, ignored",
    "unjudged": "of classes that the truth does not list, unjudged",
    "background": "false positives on background",
    "localization": "false positives beside their object (localization)",
    "duplicate": "false positives on a found object (duplicate)",
    "confusion": "false positives on another class (confusion)",
}


def _render_hardest(out: Console, result: ScanResult) -> None:
    if not result.hardest:
        return
    out.print("\nThe hardest new negatives")
    for hard in result.hardest:
        out.print(f"  {hard.score:.2f}  {printable(hard.class_name)}  {printable(hard.source)}", soft_wrap=True)


def _render_skipped(result: ScanResult) -> None:
    err = console(stderr=True)
    for skipped in result.skipped[:_SHOWN]:
        err.print(f"skipped {printable(skipped.source)}: {printable(skipped.reason)}", soft_wrap=True)
    if len(result.skipped) > _SHOWN:
        err.print(f"... and {len(result.skipped) - _SHOWN} more skipped images; --json names them all")


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(printable(path))
