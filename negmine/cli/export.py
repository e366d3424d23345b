"""`negmine export`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option, label_options, workers_option
from negmine.cli._output import print_json, say_skipped, table
from negmine.datasets.config import LabelConfig
from negmine.exporting.config import CopyMethod, ExportConfig, TargetExportConfig, TargetKind
from negmine.labels.formats import ABOUT_FORMATS, WRITTEN_FORMATS
from negmine.paths import printable
from negmine.terminal import console, count_progress, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.exporting.result import ExportResult, MergeResult

_DEFAULT = ExportConfig()
_CLASSES = 10  # that are listed; --json has all
_FORMATS = "\n".join(["\b", "Formats:", *(f"  {key:<13} {about}" for key, about in ABOUT_FORMATS.items())])


@click.command("export", cls=Command, epilog=_FORMATS)
@bank_option
@option(
    "Bank", "--variants/--no-variants", default=_DEFAULT.variants, show_default=True, help="Export the variants too."
)
@option("Bank", "--accept-flicker", is_flag=True, help="Export flickers that nobody decided about, too.")
@option(
    "Merging", "--merge", metavar="DATA", help="Labelled images to merge the negatives into: YOLO, Pascal VOC or COCO."
)
@option(
    "Merging",
    "--split",
    metavar="NAME",
    help="With --merge: the split to train on.  [default: train, or all if there is none]",
)
@label_options("Merging", "DATA")
@option(
    "Merging",
    "--boxes-only",
    is_flag=True,
    help="With --merge, in another format: write the boxes of masks, key points and oriented boxes.",
)
@option(
    "Labelling",
    "--only",
    type=click.Choice(get_args(TargetKind)),
    help="For a labeller, write images of negatives marked as targets, or frames with gaps in tracks (likely misses), "
    "with the detector's boxes to correct.",
)
@option(
    "Files",
    "--format",
    "format_name",
    type=click.Choice(WRITTEN_FORMATS),
    metavar="FORMAT",
    default=_DEFAULT.format,
    show_default=True,
    help="Format of the labels; all are listed below.",
)
@option("Files", "--out", required=True, metavar="DIR", help="A new or empty folder, or an earlier export.")
@option("Files", "--copy", "method", flag_value="copy", default=_DEFAULT.method, help="Copy the images (default).")
@option(
    "Files",
    "--hardlink",
    "method",
    flag_value="hardlink",
    help="Hard-link the images: no extra space, same file system.",
)
@option(
    "Files", "--symlink", "method", flag_value="symlink", help="Link to the images, which must stay where they are."
)
@workers_option
@json_option
def command(
    bank: str,
    format_name: str,
    out: str,
    merge: str | None,
    split: str | None,
    labels: LabelConfig,
    boxes_only: bool,
    variants: bool,
    accept_flicker: bool,
    only: TargetKind | None,
    method: CopyMethod,
    workers: int | None,
    as_json: bool,
) -> None:
    """Write the negatives of a bank as images with empty labels.

    Negatives that a reviewer rejected or took for a target are left out, and so are others of an image with a target
    that nobody labelled yet; --only targets writes these images for a labeller. A repeated export writes what is new
    and removes what no longer belongs; a folder that holds anything else is refused.

    \b
    negmine export --format voc --out negatives-voc
    negmine export --format yolo --merge data.yaml --out training-set
    negmine export --only targets --format label-studio --out to-label

    --merge writes the whole training set: the images of DATA with their objects, converted to --format, and the
    negatives in the training split. Other splits, such as val, are written as they are. A negative is left out if it
    holds an object of DATA, or comes from an image of val or test. So is an image of DATA that has no label or cannot
    be read. Where --format is the format of DATA, its labels stay as they are, masks, key points and angles too;
    another format that would lose these is refused.
    """
    if only is not None:
        given = merge is not None or split is not None or boxes_only or not variants or labels.options or accept_flicker
        if given:
            raise click.UsageError(
                f"expected --only {only} alone, found --merge, an option of it, --no-variants or --accept-flicker"
            )
        _export_targets(bank, out, TargetExportConfig(format_name, method, workers, only), as_json=as_json)
        return
    config = ExportConfig(
        format=format_name,
        variants=variants,
        method=method,
        labels=labels,
        boxes_only=boxes_only,
        accept_flicker=accept_flicker,
        workers=workers,
    )
    from negmine.exporting.export import export

    with count_progress("images of DATA") as on_count:
        result = export(bank, out, merge=merge, split=split, config=config, on_progress=on_count)
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def _export_targets(bank: str, out: str, config: TargetExportConfig, *, as_json: bool) -> None:
    from negmine.exporting.targets import export_targets

    result = export_targets(bank, out, config=config)
    if as_json:
        print_json(result.to_dict())
        return
    shown = console()
    what = f"{counted(result.images, 'image')} with {counted(result.negatives, 'negative')} marked as a target"
    if config.only == "gaps":
        what = f"{counted(result.images, 'frame')} with gaps in tracks, which are likely misses,"
    say(
        shown,
        f"{what} in "
        f"{printable(result.out)} ({result.format}): {counted(result.proposals, 'box', 'boxes')} to correct, "
        f"{counted(result.objects, 'label')} kept; {counted(result.written, 'file')} written, {result.unchanged} "
        f"unchanged, {result.removed} removed",
    )
    if result.labelled:
        say(shown, f"{counted(result.labelled, 'image')} left out: labelled by now")
    if result.skipped:
        say(shown, f"{counted(len(result.skipped), 'image')} skipped: gone, changed, or not usable")
    say_skipped(result.skipped.items(), "image")
    if config.only == "targets":
        say(shown, "no training sees these images before they are labelled; then scan them again with --truth")


def render(result: ExportResult) -> None:
    """Print what an export did."""
    from negmine.labels.formats import label_writer

    out = console()
    if result.merged is not None:
        _render_merged(out, result, result.merged)
    say(
        out,
        f"{counted(result.negatives, 'negative')} and {counted(result.variants, 'variant')} in {printable(result.out)} "
        f"({result.format}): {counted(result.written, 'file')} written, {result.unchanged} unchanged, "
        f"{result.removed} removed",
    )
    if advice := label_writer(result.format).advice:
        say(out, advice)
    if result.left_out:
        say(out, f"{counted(result.left_out, 'negative')} left out: rejected, marked as a target, or held back")
    if result.waiting:
        say(
            out,
            f"{counted(result.waiting, 'other negative')} left out: their images show a target that is not labelled "
            "yet; `negmine export --only targets` writes these for whoever labels them",
        )


def _render_merged(out: Console, result: ExportResult, merged: MergeResult) -> None:
    title = f"{printable(merged.data)} ({merged.data_format}) with the negatives of the bank"
    rows = table(title, ("split", "with objects", "objects", "empty", "negatives", "variants"))
    for split in merged.splits:
        added = (result.negatives, result.variants) if split is merged.train else (0, 0)
        rows.add_row(printable(split.name), *map(str, (split.positives, split.objects, split.empty, *added)))
    out.print(rows)
    more = f" and {len(merged.class_names) - _CLASSES} more" if len(merged.class_names) > _CLASSES else ""
    classes = ", ".join(map(printable, merged.class_names[:_CLASSES]))
    say(out, f"{counted(len(merged.class_names), 'class', 'classes')}: {classes}{more}")
    say(out, f"positive to negative images in {printable(merged.train.name)}: 1 : {merged.ratio:.2f}")
    if merged.unlabelled:
        images = counted(merged.unlabelled, "image")
        say(out, f"{images} left out: no label (--missing-is-empty treats such images as background)")
    if merged.unlisted:
        say(out, f"{counted(merged.unlisted, 'image')} left out: in no list of DATA")
    for note in merged.notes:
        say(out, note)
    if merged.lost:
        say(out, f"{counted(merged.lost, 'label or list entry', 'labels or list entries')} without an image")
    for reason, number in merged.withheld.items():
        say(out, f"{counted(number, 'negative or variant', 'negatives and variants')} left out: {reason}")
    if merged.skipped:
        say(out, f"{counted(len(merged.skipped), 'image')} skipped: image or label unusable")
    say_skipped(merged.skipped.items(), "image")
