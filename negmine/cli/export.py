"""`negmine export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from negmine.cli._options import bank_option, json_option
from negmine.cli._output import console, count_progress, print_json
from negmine.exporting.config import CopyMethod, ExportConfig
from negmine.labels.formats import WRITTEN_FORMATS
from negmine.paths import printable

if TYPE_CHECKING:
    from negmine.exporting.result import ExportResult, MergeResult

_DEFAULT = ExportConfig()
_SHOWN = 10  # skipped images, or classes, that are named; --json names them all


@click.command("export")
@bank_option
@click.option(
    "--format",
    "format_name",
    type=click.Choice(WRITTEN_FORMATS),
    default=_DEFAULT.format,
    show_default=True,
    help="The format of the labels.",
)
@click.option("--out", required=True, metavar="DIR", help="A new or empty folder, or an earlier export.")
@click.option("--merge", metavar="DATA", help="Labelled images to mix the negatives into: YOLO, Pascal VOC or COCO.")
@click.option(
    "--split", metavar="NAME", help="With --merge: the split to train on.  [default: train, or all where it has none]"
)
@click.option("--missing-is-empty", is_flag=True, help="With --merge: an image without a label holds no target.")
@click.option(
    "--variants/--no-variants", default=_DEFAULT.variants, show_default=True, help="The augmented copies too, or not."
)
@click.option("--copy", "method", flag_value="copy", default=_DEFAULT.method, help="Copy the pictures (default).")
@click.option("--hardlink", "method", flag_value="hardlink", help="Share their files: no space, same file system.")
@click.option("--symlink", "method", flag_value="symlink", help="Point at their files, which must stay in place.")
@click.option("--workers", type=int, metavar="N", help="Threads.  [default: one per core]")
@json_option
def command(
    bank: str,
    format_name: str,
    out: str,
    merge: str | None,
    split: str | None,
    missing_is_empty: bool,
    variants: bool,
    method: CopyMethod,
    workers: int | None,
    as_json: bool,
) -> None:
    """Write the negatives of a bank as a data set whose labels say that nothing is in the pictures.

    Negatives that a reviewer rejected are left out. Exporting again into the same folder writes what is new and removes
    what no longer belongs; a folder that holds anything else is refused.

    \b
    negmine export --format voc --out negatives-voc
    negmine export --format yolo --merge data.yaml --out training-set

    With --merge it is the whole training set: the images of DATA with their objects, converted to --format, and the
    negatives in its training split. Other splits, such as val, are written as they are. Negatives that DATA shows to
    hold an object, and those that are images of val or test or were cut from them, are left out; so are images of DATA
    without a label, and those that cannot be read. A yolo export is train, val and test under images/ and labels/ with
    a data.yaml; voc is JPEGImages, Annotations and ImageSets/Main.
    """
    config = ExportConfig(
        format=format_name, variants=variants, method=method, missing_is_empty=missing_is_empty, workers=workers
    )
    from negmine.exporting.export import export

    with count_progress("images of DATA") as on_count:
        result = export(bank, out, merge=merge, split=split, config=config, on_progress=on_count)
    if as_json:
        print_json(result.to_dict())
    else:
        render(result)


def render(result: ExportResult) -> None:
    """Print what an export did."""
    screen = console()
    if result.merged is not None:
        _render_merged(result, result.merged)
    screen.print(
        f"{result.negatives} negatives and {result.variants} variants in {printable(result.out)} ({result.format}): "
        f"{result.written} files written, {result.unchanged} unchanged, {result.removed} removed",
        soft_wrap=True,
    )
    if result.left_out:
        screen.print(f"{result.left_out} negatives left out: rejected, or marked as a target", soft_wrap=True)


def _render_merged(result: ExportResult, merged: MergeResult) -> None:
    from rich.table import Table

    screen = console()
    table = Table("split", "with objects", "objects", "empty", "negatives", "variants", title_justify="left")
    table.title = f"{printable(merged.data)} ({merged.data_format}) with the bank's negatives"
    for column in table.columns[1:]:
        column.justify = "right"
    for split in merged.splits:
        added = (result.negatives, result.variants) if split is merged.train else (0, 0)
        counts = (split.positives, split.objects, split.empty, *added)
        table.add_row(printable(split.name), *map(str, counts))
    screen.print(table)
    more = f" and {len(merged.class_names) - _SHOWN} more" if len(merged.class_names) > _SHOWN else ""
    classes = ", ".join(map(printable, merged.class_names[:_SHOWN]))
    screen.print(f"{len(merged.class_names)} classes: {classes}{more}", soft_wrap=True)
    screen.print(f"positive to negative images are 1 : {merged.ratio:.2f} in {printable(merged.train.name)}")
    for number, what in (
        (merged.unlabelled, "images left out: they have no label (--missing-is-empty takes them as empty)"),
        (merged.unlisted, "images left out: no list of DATA names them"),
        (merged.lost, "labels or lines of lists without an image"),
    ):
        if number:
            screen.print(f"{number} {what}", soft_wrap=True)
    for reason, number in merged.withheld.items():
        screen.print(f"{number} negatives and variants left out: {reason}", soft_wrap=True)
    _render_skipped(merged.skipped)


def _render_skipped(skipped: Mapping[Path, str]) -> None:
    if not skipped:
        return
    err = console(stderr=True)
    console().print(f"{len(skipped)} images skipped: they, or their labels, cannot be used")
    for path, reason in list(skipped.items())[:_SHOWN]:
        err.print(f"skipped {printable(path)}: {printable(reason)}", soft_wrap=True)
    if len(skipped) > _SHOWN:
        err.print(f"... and {len(skipped) - _SHOWN} more skipped images; --json names them all")
