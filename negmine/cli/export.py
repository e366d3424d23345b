"""`negmine export`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast, get_args

import click

from negmine.cli._command import Command, option, require_alone
from negmine.cli._in_place import add_into, take_out_of
from negmine.cli._options import bank_option, json_option, label_options, workers_option
from negmine.cli._output import print_json, quoted, say_skipped, table
from negmine.cli._selection import say_too_few, selection_options
from negmine.datasets.config import LabelConfig
from negmine.errors import ConfigError
from negmine.exporting.config import (
    CopyMethod,
    ExportConfig,
    SelectionConfig,
    SplitConfig,
    TargetExportConfig,
    TargetKind,
)
from negmine.grouping import NEAR_DUPLICATE as _BY
from negmine.labels.formats import ABOUT_FORMATS, WRITTEN_FORMATS
from negmine.paths import printable
from negmine.terminal import console, count_progress, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.exporting.result import ExportResult, MergeResult

_DEFAULT = ExportConfig()
_LABELS = ("images", "missing_is_empty", "ignore_orphans", "class_map")
_HOW_MANY = ("only", "classes", "max_per_source", "diverse", "hardest", "count", "ratio", "seed")
_TO_REMOVE = ("remove", "into", "split", "as_json", *_LABELS)
_TO_ADD = ("into", "bank", "variants", "accept_flicker", "split", "method", "workers", "as_json", *_HOW_MANY, *_LABELS)
_FOR_A_LABELLER = ("only", "bank", "format_name", "out", "method", "workers", "as_json")
_WITHOUT_BANK = (
    "no_bank", "merge", "split", "group_by", "seed", "ratio", "boxes_only", "format_name", "out", "method", "workers",
    "as_json", *_LABELS,
)  # fmt: skip
_CLASSES = 10  # that are listed; --json has all
_FOR_YOLO = (
    "these have no objects, and train nothing alone: name the folder in train of your own data.yaml too, which may "
    "be a list, or use --into or --merge"
)
_FORMATS = "\n".join(["\b", "Formats:", *(f"  {key:<13} {about}" for key, about in ABOUT_FORMATS.items())])


@click.command("export", cls=Command, epilog=_FORMATS)
@bank_option
@option("Bank", "--no-bank", is_flag=True, help="With --merge: write DATA alone, without negatives.")
@option(
    "Bank", "--variants/--no-variants", default=_DEFAULT.variants, show_default=True, help="Export the variants too."
)
@option("Bank", "--accept-flicker", is_flag=True, help="Export flickers that nobody decided about, too.")
@option(
    "How many",
    "--only",
    type=click.Choice(["accepted", *get_args(TargetKind)]),
    help="accepted: negatives that a person accepted. For a labeller, in place of negatives: targets, images of "
    "negatives marked as targets; gaps, frames with gaps in tracks (likely misses); both with the detector's boxes.",
)
@selection_options
@option(
    "Merging", "--merge", metavar="DATA", help="Labelled images to merge the negatives into: YOLO, Pascal VOC or COCO."
)
@option(
    "Merging",
    "--into",
    metavar="DATA",
    help="Labelled images to add the negatives to, where they are and in their own layout.",
)
@option("Merging", "--remove", is_flag=True, help="Take out of --into DATA what was added, and nothing else.")
@label_options("Merging", "DATA")
@option(
    "Merging",
    "--boxes-only",
    is_flag=True,
    help="With --merge, in another format: write the boxes of masks, key points and oriented boxes.",
)
@option(
    "Splits",
    "--split",
    metavar="A/B[/C]|NAME",
    help="Shares of train, val and test, such as 0.8/0.2; or the split of DATA to train on.  [default: train, or all "
    "if there is none]",
)
@option(
    "Splits",
    "--group-by",
    default=_BY,
    show_default=True,
    metavar="folder|REGEX",
    help="With shares: what stays together besides near-duplicates, videos and cameras.",
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
@option("Files", "--out", metavar="DIR", help="A new or empty folder, or an earlier export.")
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
@click.pass_context
def command(
    ctx: click.Context,
    bank: str,
    no_bank: bool,
    format_name: str,
    out: str | None,
    merge: str | None,
    into: str | None,
    remove: bool,
    split: str | None,
    group_by: str,
    labels: LabelConfig,
    selection: SelectionConfig,
    boxes_only: bool,
    variants: bool,
    accept_flicker: bool,
    only: Literal["accepted"] | TargetKind | None,
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
    negmine export --hardest 200 --max-per-source 2 --out negatives-voc
    negmine export --into data.yaml --ratio 1:1
    negmine export --into data.yaml --remove
    negmine export --only targets --format label-studio --out to-label

    --merge writes the whole training set: the images of DATA with their objects, converted to --format, and the
    negatives in the training split. Other splits, such as val, are written as they are. A negative is left out if it
    holds an object of DATA, or comes from an image of val or test, or looks like one. So is an image of DATA that has
    no label or cannot be read. Where --format is the format of DATA, its labels stay as they are, masks, key points and
    angles too; another format that would lose these is refused. Polygons pass into COCO, CVAT, Datumaro and FiftyOne,
    and into YOLO and Label Studio where every object has one.

    How many: each option narrows what those before it left. First --only accepted and --classes; then the order,
    hardest first, or with --diverse the hardest of each cluster in turn; then --max-per-source, --hardest, --count; at
    last --ratio, which counts variants too, and with --merge also leaves images of DATA without objects out;
    those that are negatives of the bank count as the bank's, so merging again keeps the hardest.

    --split 0.8/0.2 divides all images, those of DATA too, so that no two splits have parts of one image,
    near-duplicates, or frames of one video or camera. Variants go with their negative. DATA must not have splits.

    --into adds images and empty labels beside those of DATA, and their names to its lists or COCO file. --remove takes
    just these out again, and DATA is what it was, byte for byte. What you have changed since stays, and is named.
    """
    if remove:
        require_alone(ctx, "--remove", "--into, --split and how labels are understood", _TO_REMOVE)
        take_out_of(_given(into, "--into"), split, labels, as_json=as_json)
        return
    if only in get_args(TargetKind):
        require_alone(ctx, f"--only {only}", "--bank, --format, --out and how files are written", _FOR_A_LABELLER)
        kind = cast(TargetKind, only)
        config = TargetExportConfig(format_name, method, workers, kind)
        _export_targets(bank, _given(out, "--out"), config, as_json=as_json)
        return
    if no_bank:
        require_alone(ctx, "--no-bank", "--merge and its options", _WITHOUT_BANK)
    shares = None if split is None else SplitConfig.parse(split, group_by=group_by, seed=selection.seed)
    if shares is None and group_by != _BY:
        raise ConfigError("expected --split with shares, such as 0.8/0.2, with --group-by, found none")
    export_config = ExportConfig(
        format=format_name,
        variants=variants,
        method=method,
        labels=labels,
        boxes_only=boxes_only,
        accept_flicker=accept_flicker,
        selection=replace(selection, accepted_only=only == "accepted"),
        splits=shares,
        workers=workers,
    )
    split = split if shares is None else None
    if into is not None:
        require_alone(ctx, "--into", "a bank, how many, and how files are written", _TO_ADD)
        add_into(bank, into, split, export_config, as_json=as_json)
        return
    from negmine.exporting.export import export

    source, target = None if no_bank else bank, _given(out, "--out")
    with count_progress(f"images of {merge or 'the data'} read") as on_count:
        result = export(source, target, merge=merge, split=split, config=export_config, on_progress=on_count)
    if as_json:
        print_json(result.to_dict())
    else:
        render(result, selection)


def _given(value: str | None, name: str) -> str:
    """The value of an option that is needed here."""
    if value is None:
        raise click.UsageError(f"Missing option '{name}'.")
    return value


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
        say(shown, f"no training sees these images before they are labelled; then {_way_back(bank, config.format)}")


def _way_back(bank: str, format_name: str) -> str:
    """How labels of a format come into the bank."""
    from negmine.importing.recognise import IMPORTED_FORMATS

    if format_name in IMPORTED_FORMATS:
        return f"export them from the labelling tool, and take them up: negmine import FILE --bank {quoted(bank)}"
    return "scan them again with --data"


def render(result: ExportResult, selection: SelectionConfig) -> None:
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
    if result.merged is None and len(result.splits) > 1:
        shown = (f"{counted(each.negatives, 'negative')} in {name}" for name, each in result.splits.items())
        say(out, ", ".join(shown))
    if result.merged is None and result.format == "yolo":
        say(out, _FOR_YOLO)
    if advice := label_writer(result.format).advice:
        say(out, advice)
    if result.passed_over:
        was = "was" if result.passed_over == 1 else "were"
        say(out, f"{counted(result.passed_over, 'other negative')} could be exported too, and {was} not asked for")
    say_too_few(out, selection, result.negatives)
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
        added = result.splits.get(split.name)
        numbers = (0, 0) if added is None else (added.negatives, added.variants)
        rows.add_row(printable(split.name), *map(str, (split.positives, split.objects, split.empty, *numbers)))
    out.print(rows)
    more = f" and {len(merged.class_names) - _CLASSES} more" if len(merged.class_names) > _CLASSES else ""
    classes = ", ".join(map(printable, merged.class_names[:_CLASSES]))
    say(out, f"{counted(len(merged.class_names), 'class', 'classes')}: {classes}{more}")
    say(out, f"positive to negative images in {printable(merged.train.name)}: 1 : {merged.ratio:.2f}")
    if merged.empties_left_out:
        say(out, f"{counted(merged.empties_left_out, 'image')} without objects left out: over the --ratio")
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
