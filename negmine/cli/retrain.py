"""`negmine retrain`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
from click.core import ParameterSource

from negmine.cli._options import json_option
from negmine.cli._output import print_json
from negmine.errors import ConfigError
from negmine.mining.config import CropPolicy
from negmine.retraining.config import DEFAULT_OUT, RetrainConfig
from negmine.training.losses import LOSSES, check_options, option_fields

_DEFAULT = RetrainConfig()
_TRAIN = _DEFAULT.train


@click.command("retrain")
@click.argument("more_backgrounds", nargs=-1, metavar="[SOURCE]...")
@click.option("--weights", required=True, metavar="W", help="Where to start: .pt or .safetensors; left as it is.")
@click.option("--data", required=True, metavar="DATA", help="The labelled images: VOC, YOLO (data.yaml) or COCO.")
@click.option(
    "--backgrounds", multiple=True, metavar="SOURCE...", help="Images without targets.  [default: those of --bank]"
)
@click.option("--bank", metavar="DIR", help="Keeps the negatives; those in it are used too.  [default: OUT/bank]")
@click.option(
    "--loss",
    type=click.Choice(list(LOSSES)),
    show_default="ohem; stock for Faster R-CNN",
    help="How background counts in training; stock is the framework's own.",
)
@click.option("--rounds", default=_DEFAULT.rounds, show_default=True, help="At most; fewer where they stop helping.")
@click.option("--epochs", default=_TRAIN.epochs, show_default=True, help="Of each round.")
@click.option("--imgsz", type=int, show_default="the size it was trained at", help="The detector's input size, pixels.")
@click.option("--batch", type=int, show_default="16, Faster R-CNN 2", help="Images of one step.")
@click.option("--ratio", default=_DEFAULT.ratio, show_default=True, metavar="P:N", help="Positive to negative images.")
@click.option("--conf", default=_DEFAULT.conf, show_default=True, help="Score from which a detection counts.")
@click.option("--holdout", default=_DEFAULT.holdout, show_default=True, help="Share of backgrounds only measured on.")
@click.option(
    "--held-out", multiple=True, metavar="SOURCE", help="Backgrounds to measure on, instead of a share; repeatable."
)
@click.option(
    "--max-recall-loss", default=_DEFAULT.max_recall_loss, show_default=True, help="How much recall may be lost, of 1."
)
@click.option(
    "--crop", type=click.Choice(get_args(CropPolicy)), default=_DEFAULT.crop.crop, show_default=True,
    help="Keep a square around a false positive, the largest region, or the whole image.",
)  # fmt: skip
@click.option(
    "--max-per-source", default=_DEFAULT.max_per_source, show_default=True, help="Negatives of one background, at most."
)
@click.option(
    "--neg-per-pos", default=_TRAIN.neg_per_pos, show_default=True, help="ohem: hardest negatives for each positive."
)
@click.option(
    "--min-neg", default=_TRAIN.min_neg, show_default=True, help="ohem: negatives of an image without objects."
)
@click.option("--nms", "nms_iou", type=float, metavar="IOU", help="ohem: drop negatives that overlap a harder one.")
@click.option(
    "--ohem-batch", default=_TRAIN.ohem_batch, show_default=True, help="Faster R-CNN: regions of a step that count."
)
@click.option(
    "--ohem-nms", default=_TRAIN.ohem_nms, show_default=True, metavar="IOU", help="Faster R-CNN: as --nms; 1: none."
)
@click.option(
    "--bg-lo", default=_TRAIN.bg_lo, show_default=True, help="heuristic: overlap from which a region is a negative."
)
@click.option("--soup", default=_TRAIN.soup, show_default=True, help="Trainings a round, whose weights are averaged.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any argument of the framework's training.")
@click.option("--device", default=_TRAIN.device, show_default=True, metavar="auto|cpu|N", help="Where to train.")
@click.option("--workers", default=_TRAIN.workers, show_default=True, help="Processes that load images for training.")
@click.option("--seed", default=_TRAIN.seed, show_default=True, help="Of the split, the variants and the training.")
@click.option("--trust-weights", is_flag=True, help="Open a .pt even if it would run code from outside torch.")
@click.option("--out", default=DEFAULT_OUT, show_default=True, metavar="DIR", help="A new folder, or with --resume.")
@click.option("--resume", is_flag=True, help="Go on with what is in the folder, with the same settings.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    more_backgrounds: tuple[str, ...],
    weights: str,
    data: str,
    backgrounds: tuple[str, ...],
    bank: str | None,
    loss: str | None,
    rounds: int,
    epochs: int,
    imgsz: int | None,
    batch: int | None,
    ratio: str,
    conf: float,
    holdout: float,
    held_out: tuple[str, ...],
    max_recall_loss: float,
    crop: CropPolicy,
    max_per_source: int,
    neg_per_pos: float,
    min_neg: int,
    nms_iou: float | None,
    ohem_batch: int,
    ohem_nms: float,
    bg_lo: float,
    soup: int,
    settings: tuple[str, ...],
    device: str,
    workers: int,
    seed: int,
    trust_weights: bool,
    out: str,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a detector further on its own false positives, round by round, as long as that helps.

    A share of the backgrounds is never trained on, and decides: the result is the round with the fewest false positives
    on it at the recall of the start, or the start itself where nothing helped. A run that was stopped goes on with
    --resume.

    \b
    negmine retrain --weights best.pt --data data.yaml --backgrounds streets/ fields/
    negmine retrain --weights best.pt --data data.yaml --bank negmine-bank --set lr0=0.001
    """
    from negmine.cli._retrain_view import render, retrain_progress

    _check_loss_options(ctx, weights, loss)
    if more_backgrounds and not backgrounds:
        raise ConfigError(f"expected --backgrounds before {more_backgrounds[0]!r}")
    config = RetrainConfig(
        rounds=rounds,
        ratio=ratio,
        conf=conf,
        holdout=holdout,
        max_recall_loss=max_recall_loss,
        max_per_source=max_per_source,
        crop=replace(_DEFAULT.crop, crop=crop),
        train=replace(
            _TRAIN,
            loss=loss,
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
            workers=workers,
            trust_weights=trust_weights,
            settings={**_TRAIN.settings, **_settings(settings)},
        ),
    )
    from negmine.retraining.retrain import retrain

    try:
        with retrain_progress() as (on_step, on_progress):
            result = retrain(
                weights,
                data,
                backgrounds=(*backgrounds, *more_backgrounds),
                bank=bank,
                held_out=held_out,
                out=out,
                config=config,
                resume=resume,
                on_step=on_step,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        click.echo("negmine: interrupted; what was done stays, and the same command with --resume goes on", err=True)
        ctx.exit(130)
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def _check_loss_options(ctx: click.Context, weights: str, loss: str | None) -> None:
    """Refuse an option of a loss that the user typed and the training would ignore."""
    given = {
        parameter.name: parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name in option_fields() and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }
    if not given or not Path(weights).is_file():  # missing weights are reported later
        return
    from negmine.training.open import family_of

    check_options(given, loss, family_of(weights))


def _settings(pairs: tuple[str, ...]) -> dict[str, object]:
    """`KEY=VALUE`, the values as YAML: 1 is a number, true is true, and so on."""
    import yaml

    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"expected --set KEY=VALUE, such as lr0=0.001, found {pair!r}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"expected --set {name}=VALUE with a number, true, false or a word, found {text!r}"
            ) from error
        found[name.strip()] = float(value) if isinstance(value, str) and _is_number(value) else value
    return found


def _is_number(text: str) -> bool:
    """Whether it is a number that YAML 1.1 takes for a word, such as 1e-3."""
    try:
        float(text)
    except ValueError:
        return False
    return True
