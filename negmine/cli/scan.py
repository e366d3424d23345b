"""`negmine scan`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from negmine.cameras.config import CameraConfig
from negmine.cli._command import Command, option
from negmine.cli._options import (
    CONF,
    as_base,
    bank_option,
    detector_options,
    json_option,
    label_options,
    match_options,
    names_in,
    require_one_kind,
    speed_options,
    tile_options,
)
from negmine.cli._output import print_json
from negmine.cli._scan_result import render
from negmine.datasets.config import LabelConfig
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout, PredictionsConfig
from negmine.detectors.tiling.config import TileConfig
from negmine.mining.config import CropConfig, CropPolicy, OutputSize, ScanConfig
from negmine.mining.flicker.config import FlickerConfig
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.thresholds import MatchConfig
from negmine.videos.config import Every, VideoConfig, parse_time_ms

_DETECTOR, _CROP, _VIDEO = DetectorConfig(weights=""), CropConfig(), VideoConfig()


@click.command("scan", cls=Command)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@option(
    "Images",
    "--data",
    "truth",
    formerly="--truth",
    metavar="DATA",
    help="Labels of the images: Pascal VOC, YOLO or COCO; of a video CVAT XML or MOT.  [default: all are background]",
)
@label_options("Images", "--data")
@option("Images", "--split", metavar="NAME", help="Scan only this split of a data.yaml: train, val or test.")
@option(
    "Videos",
    "--every",
    metavar="TIME|N",
    help="Scan a frame in so much time (1s, 0.5s, 2m), or every Nth.  "
    f"[default: {_VIDEO.every}; with --flicker every frame]",
)
@option("Videos", "--start", metavar="TIME", help="Begin here: 90, 1.5s, 10m or 1:02:30.  [default: first frame]")
@option("Videos", "--end", metavar="TIME", help="Stop before this time.  [default: last frame]")
@option("Videos", "--keyframes", is_flag=True, help="Scan only frames that are stored whole, the fastest to decode.")
@option(
    "Videos",
    "--per-place",
    default="1",
    show_default=True,
    metavar="N|all",
    help="Negatives of what looks the same at one place of a video or camera, an hour apart.",
)
@option(
    "Videos",
    "--flicker",
    is_flag=True,
    help="The videos may hold targets: mine only what is alone in time, and list gaps in tracks as likely misses.",
)
@option(
    "Videos",
    "--window",
    type=int,
    metavar="N",
    help="With --flicker: scanned frames on each side in which a detection that is none has a partner.  "
    f"[default: {FlickerConfig().window}]",
)
@option(
    "Cameras",
    "--for",
    "duration",
    metavar="TIME",
    help="Look at cameras so long, such as 10m.  [default: until Ctrl-C]",
)
@bank_option
@option(
    "Detector",
    "--weights",
    metavar="W",
    help=".pt, .onnx, .engine, .safetensors, .pth, an OpenVINO folder, torchvision:NAME or hf:PATH.",
)
@option(
    "Detector",
    "--predictions",
    metavar="PATH",
    help="Instead of --weights: what another program found, JSON, CSV or .txt.",
)
@option(
    "Detector",
    "--conf",
    type=CONF,
    default=_DETECTOR.conf,
    show_default=True,
    metavar="SCORE|FILE",
    help="Lowest score of a detection, or a file of `negmine eval --thresholds`, a score for each class.",
)
@option(
    "Detector",
    "--classes",
    multiple=True,
    metavar="A,B",
    help="Mine only these classes of the detector, and keep crops clear of the others; repeatable.",
)
@detector_options
@option("Detector", "--verifier", metavar="FILE", help="Second stage for these weights, of `negmine verifier train`.")
@tile_options("--data")
@match_options
@option(
    "Crops",
    "--crop",
    type=click.Choice(get_args(CropPolicy)),
    default=_CROP.crop,
    show_default=True,
    help="Keep the surroundings of the false positive, the largest region without targets, or the whole image.",
)
@option(
    "Crops",
    "--context",
    default=_CROP.context,
    show_default=True,
    help="Side of a context crop, in longer sides of the box.",
)
@option(
    "Crops",
    "--size",
    default=str(_CROP.size),
    show_default=True,
    metavar="original|none|N|WxH",
    help="Resize negatives to the size of their image, not at all, or to N or WxH pixels.",
)
@option(
    "Crops",
    "--min-side",
    default=_CROP.min_side_px,
    show_default=True,
    help="Skip crops with a shorter side, in pixels.",
)
@option("Crops", "--confirm", is_flag=True, help="Keep only crops on which the detector fires again.")
@option("Crops", "--max-per-image", type=int, metavar="N", help="Keep only the N hardest negatives of an image.")
@speed_options("auto", "auto: the fastest that finds the same on images of the scan.")
@json_option
def command(
    sources: tuple[str, ...],
    weights: str | None,
    predictions: str | None,
    predictions_images: str | None,
    onnx_layout: OnnxLayout | None,
    class_names: str | None,
    category_base: str | None,
    bank: str,
    truth: str | None,
    labels: LabelConfig,
    split: str | None,
    every: str | None,
    start: str | None,
    end: str | None,
    keyframes: bool,
    per_place: str,
    flicker: bool,
    window: int | None,
    duration: str | None,
    conf: float | str,
    iou: float | None,
    imgsz: int | None,
    batch: int | None,
    device: str,
    backend: Backend,
    int8: bool,
    classes: tuple[str, ...],
    match_iou: float,
    background_iou: float,
    crop: CropPolicy,
    context: float,
    size: str,
    min_side: int,
    confirm: bool,
    max_per_image: int | None,
    verifier: str | None,
    tiles: TileConfig | None,
    workers: int | None,
    trust_weights: bool,
    as_json: bool,
) -> None:
    """Run a detector over images and bank its false positives on background.

    SOURCE is an image, a video, a folder (searched recursively), a glob in quotes, a .txt list, a data.yaml, or a
    camera (rtsp://..., http(s)://..., /dev/videoN). Without --data or --flicker no image may hold a target. A repeated
    scan changes nothing; run an interrupted one again to resume it. Ctrl-C ends a scan of cameras; all done is kept.

    \b
    negmine scan backgrounds/ --weights best.pt
    negmine scan clip.mp4 --every 2s --weights best.pt
    negmine scan traffic.mp4 --flicker --weights best.pt
    negmine scan rtsp://10.0.0.8/stream1 --for 10m --weights best.pt
    negmine scan data.yaml --split train --data data.yaml --weights best.pt --imgsz 320
    negmine scan backgrounds/ --predictions results.json --predictions-images images.json
    """
    if window is not None and not flicker:
        raise click.UsageError("expected --window with --flicker, found it alone")
    require_one_kind(
        weights, predictions, predictions_images, category_base, onnx_layout=onnx_layout, iou=iou, imgsz=imgsz,
        backend=None if backend == "auto" else backend, int8=int8 or None, verifier=verifier,
        tile=tiles,
    )  # fmt: skip
    score, thresholds = (_DETECTOR.conf, conf) if isinstance(conf, str) else (conf, None)
    detector: DetectorConfig | PredictionsConfig
    if predictions is not None:
        detector = PredictionsConfig(
            predictions,
            predictions_images,
            class_names,
            score,
            category_base=as_base(category_base),
            thresholds=thresholds,
        )
    else:
        detector = DetectorConfig(
            weights=weights or "",
            conf=score,
            thresholds=thresholds,
            iou=iou,
            imgsz=imgsz,
            batch=batch,
            device=device,
            trust_weights=trust_weights,
            onnx_layout=onnx_layout,
            class_names=class_names,
            backend=backend,
            int8=int8,
            verifier=verifier,
            tiles=tiles,
        )
    config = ScanConfig(
        match=MatchConfig(match_iou, background_iou),
        crop=CropConfig(crop, context, OutputSize.parse(size), min_side),
        confirm=confirm,
        max_per_image=max_per_image,
        per_place=_per_place(per_place),
        classes=names_in(classes),
        labels=labels,
        video=VideoConfig(
            _every(every, flicker=flicker),
            0 if start is None else parse_time_ms(start),
            None if end is None else parse_time_ms(end),
            keyframes,
        ),
        flicker=_flicker(window) if flicker else None,
        camera=CameraConfig(for_ms=None if duration is None else parse_time_ms(duration)),
        workers=workers,
    )
    from negmine.mining.scan import scan

    result = scan(
        list(sources),
        detector,
        bank=bank,
        truth=None if truth is None else Path(truth),
        split=split,
        config=config,
        progress=True,
    )
    for note in result.notes:
        say(console(stderr=True), printable(note))
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def _per_place(text: str) -> int | None:
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit()):
        raise click.UsageError(f"expected --per-place all or a whole number of 1 or more, found {text!r}")
    return int(text)


def _every(every: str | None, *, flicker: bool) -> Every:
    if every is not None:
        return Every.parse(every)
    return Every(frames=1) if flicker else _VIDEO.every


def _flicker(window: int | None) -> FlickerConfig:
    return FlickerConfig() if window is None else FlickerConfig(window=window)
