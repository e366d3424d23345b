"""`negmine retrain`."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import click
from click.core import ParameterSource

from negmine.cli._command import Command, option
from negmine.cli._options import json_option, label_options, log_option, tile_options, workers_option
from negmine.cli._output import print_json
from negmine.cli._rounds import render_rounds
from negmine.cli._training_options import check_loss_options, settings_of
from negmine.datasets.config import LabelConfig
from negmine.detectors.tiling.config import TileConfig
from negmine.errors import ConfigError
from negmine.mining.config import CropPolicy
from negmine.retraining.config import DEFAULT_HOLDOUT, DEFAULT_OUT, RetrainConfig, VariantRecipe, seconds_of
from negmine.tracking.config import LogTarget
from negmine.training.losses import LOSSES

_DEFAULT = RetrainConfig()
_TRAIN = _DEFAULT.train


@click.command("retrain", cls=Command)
@click.argument("more_backgrounds", nargs=-1, metavar="[SOURCE]...")
@option("Data", "--data", required=True, metavar="DATA", help="Labelled images: VOC, YOLO (data.yaml) or COCO.")
@label_options("Data", "DATA")
@option(
    "Data",
    "--backgrounds",
    multiple=True,
    metavar="SOURCE...",
    help="Images without targets.  [default: those of --bank]",
)
@option(
    "Data",
    "--bank",
    metavar="DIR",
    help="Folder that holds the negatives; existing ones are used too.  [default: OUT/bank]",
)
@option(
    "Data",
    "--holdout",
    type=float,
    help=f"Share of the backgrounds to measure on and never train on.  [default: {DEFAULT_HOLDOUT:g}]",
)
@option(
    "Data",
    "--held-out",
    multiple=True,
    metavar="SOURCE",
    help="Backgrounds to measure on, instead of a share; repeatable.",
)
@option(
    "Data",
    "--folds",
    type=int,
    metavar="K",
    help="Instead: train K detectors, each on all but a Kth of the images, measure each on that, and average them.  "
    "[default: 3 if under 200 images with objects are trained on]",
)
@option(
    "Data",
    "--group-by",
    default=_DEFAULT.group_by,
    show_default=True,
    metavar="BY",
    help="Images never parted by measuring: folder, near-duplicate, or a regex whose first group they share.",
)
@option(
    "Detector",
    "--weights",
    required=True,
    metavar="W",
    help="Detector to start from: .pt, .pth or .safetensors. The file is not changed.",
)
@option("Detector", "--imgsz", type=int, help="Input size in pixels.  [default: as trained]")
@option("Detector", "--device", default=_TRAIN.device, show_default=True, metavar="auto|cpu|N", help="Where to train.")
@option("Detector", "--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch.")
@tile_options("DATA")
@option(
    "Large images",
    "--min-visible",
    default=_DEFAULT.min_visible,
    show_default=True,
    help="Share of an object that a tile must show to train on it; what shows less is left out.",
)
@option("Rounds", "--rounds", type=int, help="Most rounds; fewer if they stop helping.  [default: 2, or 1 with folds]")
@option("Rounds", "--conf", default=_DEFAULT.conf, show_default=True, help="Score from which a detection counts.")
@option(
    "Rounds",
    "--mine-conf",
    default=_DEFAULT.mine_conf,
    show_default=True,
    help="Score from which a detection on a background is mined, if --conf is not lower.",
)
@option(
    "Rounds",
    "--max-recall-loss",
    default=_DEFAULT.max_recall_loss,
    show_default=True,
    help="Recall that a round may lose, 0 to 1.",
)
@option(
    "Rounds",
    "--blend/--no-blend",
    default=_DEFAULT.blend,
    show_default=True,
    help="At the end, also try averages of the best weights and the start.",
)
@option(
    "Rounds",
    "--calibrate/--no-calibrate",
    default=_DEFAULT.calibrate,
    show_default=True,
    help="Shift the scores so that recall at --conf stays that of the start.",
)
@option(
    "Rounds",
    "--ratio",
    default=_DEFAULT.ratio,
    show_default=True,
    metavar="P:N",
    help="Positive to negative images of a batch.",
)
@option(
    "Rounds",
    "--negatives",
    default=_DEFAULT.negatives,
    show_default=True,
    help="Different negatives that a training draws from, even if --ratio asks for fewer.",
)
@option(
    "Rounds",
    "--mine-crop",
    "crop",
    formerly="--crop",
    type=click.Choice(get_args(CropPolicy)),
    default=_DEFAULT.crop.crop,
    show_default=True,
    help="Train on a square around the false positive, the largest region without targets, or the whole image.",
)
@option("Rounds", "--accept-flicker", is_flag=True, help="Train on flickers of --bank that nobody decided about, too.")
@option(
    "Rounds",
    "--max-per-source",
    default=_DEFAULT.max_per_source,
    show_default=True,
    help="Most negatives of one background.",
)
@option(
    "Rounds",
    "--variant-recipe",
    type=click.Choice((*get_args(VariantRecipe), "none")),
    default=_DEFAULT.variant_recipe,
    show_default=True,
    help="Variants where there are fewer negatives than --ratio asks for.",
)
@option("Training", "--steps", type=int, help="Optimizer steps of each training.  [default: by the number of images]")
@option(
    "Training",
    "--budget",
    metavar="TIME",
    help="Time for all rounds, such as 30m or 2h, instead of steps.",
)
@option("Training", "--epochs", type=int, help="Epochs of each training, instead of steps.")
@option("Training", "--batch", type=int, help="Images per step.  [default: 16, Faster R-CNN 2]")
@option(
    "Training",
    "--soup",
    default=_TRAIN.soup,
    show_default=True,
    help="Trainings per round, whose weights are averaged.",
)
@option(
    "Training",
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any training argument of the framework; repeatable.",
)
@option(
    "Training",
    "--seed",
    default=_TRAIN.seed,
    show_default=True,
    help="Seed of the split, the variants and the training.",
)
@option(
    "Training",
    "--loaders",
    default=_TRAIN.workers,
    show_default=True,
    metavar="N",
    help="Processes that load images for training.",
)
@workers_option
@option(
    "Loss",
    "--loss",
    type=click.Choice(list(LOSSES)),
    help="Classification loss on background; stock is the framework's own.  [default: ohem; stock for Faster R-CNN]",
)
@option(
    "Loss",
    "--neg-per-pos",
    default=_TRAIN.neg_per_pos,
    show_default=True,
    help="ohem, hard-negative: negatives kept per positive.",
)
@option(
    "Loss",
    "--min-neg",
    default=_TRAIN.min_neg,
    show_default=True,
    help="ohem, hard-negative: negatives kept in an image without objects.",
)
@option(
    "Loss", "--nms", "nms_iou", type=float, metavar="IOU", help="ohem: skip negatives that overlap a harder one by IOU."
)
@option(
    "Loss",
    "--ohem-batch",
    default=_TRAIN.ohem_batch,
    show_default=True,
    help="Faster R-CNN: regions per step that count.",
)
@option(
    "Loss",
    "--ohem-nms",
    default=_TRAIN.ohem_nms,
    show_default=True,
    metavar="IOU",
    help="Faster R-CNN with ohem: like --nms; 1 turns it off.",
)
@option(
    "Loss", "--bg-lo", default=_TRAIN.bg_lo, show_default=True, help="heuristic: IoU from which a region is a negative."
)
@option(
    "Output", "--out", default=DEFAULT_OUT, show_default=True, metavar="DIR", help="A new folder, or one to --resume."
)
@option("Output", "--resume", is_flag=True, help="Resume the run in --out, with the same settings.")
@log_option("rounds and trainings to tensorboard[=DIR], mlflow=URI, wandb, clearml or comet")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    more_backgrounds: tuple[str, ...],
    weights: str,
    data: str,
    labels: LabelConfig,
    backgrounds: tuple[str, ...],
    bank: str | None,
    loss: str | None,
    rounds: int | None,
    steps: int | None,
    budget: str | None,
    epochs: int | None,
    imgsz: int | None,
    tiles: TileConfig | None,
    min_visible: float,
    batch: int | None,
    ratio: str,
    negatives: int,
    conf: float,
    mine_conf: float,
    holdout: float | None,
    held_out: tuple[str, ...],
    folds: int | None,
    group_by: str,
    max_recall_loss: float,
    blend: bool,
    calibrate: bool,
    crop: CropPolicy,
    accept_flicker: bool,
    max_per_source: int,
    variant_recipe: str,
    neg_per_pos: float,
    min_neg: int,
    nms_iou: float | None,
    ohem_batch: int,
    ohem_nms: float,
    bg_lo: float,
    soup: int,
    settings: tuple[str, ...],
    device: str,
    loaders: int,
    workers: int | None,
    seed: int,
    trust_weights: bool,
    out: str,
    resume: bool,
    log: tuple[LogTarget, ...],
    as_json: bool,
) -> None:
    """Train a detector further on its own false positives, in rounds, as long as that helps.

    A share of the backgrounds is never trained on (or, with --folds, each image by all but one of the trainings). The
    result is the round with the fewest false positives on what is held out, over recalls up to that of the start, or
    the start itself if no round helped. Use --resume after an interruption.

    \b
    negmine retrain --weights best.pt --data data.yaml --backgrounds streets/ fields/
    negmine retrain --weights best.pt --data data.yaml --bank negmine-bank --set lr0=0.001
    """
    check_loss_options(ctx, weights, loss)
    if folds is not None and folds > 1 and ctx.get_parameter_source("soup") is ParameterSource.COMMANDLINE:
        raise ConfigError(
            f"--soup is for one fold, found --folds {folds}, which average {folds} trainings; leave it out"
        )
    if more_backgrounds and not backgrounds:
        raise ConfigError(f"expected --backgrounds before {more_backgrounds[0]!r}")
    config = RetrainConfig(
        rounds=rounds,
        budget=None if budget is None else seconds_of(budget),
        ratio=ratio,
        negatives=negatives,
        conf=conf,
        mine_conf=mine_conf,
        holdout=holdout,
        folds=folds,
        group_by=group_by,
        max_recall_loss=max_recall_loss,
        blend=blend,
        calibrate=calibrate,
        accept_flicker=accept_flicker,
        max_per_source=max_per_source,
        variants=variant_recipe != "none",
        variant_recipe="field" if variant_recipe == "field" else "mild",
        labels=labels,
        workers=workers or None,  # 0 is one per core: scripts have it from when the option meant loading processes
        log=log,
        tiles=tiles,
        min_visible=min_visible,
        crop=replace(_DEFAULT.crop, crop=crop),
        train=replace(
            _TRAIN,
            loss=loss,
            steps=steps,
            epochs=epochs,
            imgsz=imgsz,
            batch=batch,
            neg_per_pos=neg_per_pos,
            min_neg=min_neg,
            nms_iou=nms_iou,
            ohem_batch=ohem_batch,
            ohem_nms=ohem_nms,
            bg_lo=bg_lo,
            soup=soup,
            device=device,
            seed=seed,
            workers=loaders,
            trust_weights=trust_weights,
            settings={**_TRAIN.settings, **settings_of(settings)},
        ),
    )
    from negmine.retraining.retrain import retrain

    try:
        result = retrain(
            weights,
            data,
            backgrounds=(*backgrounds, *more_backgrounds),
            bank=bank,
            held_out=held_out,
            out=out,
            config=config,
            resume=resume,
            progress=True,
        )
    except KeyboardInterrupt:
        click.echo("negmine: interrupted; add --resume to the same command to continue", err=True)
        ctx.exit(130)
    if as_json:
        print_json(result.to_dict())
    else:
        render_rounds(result)
