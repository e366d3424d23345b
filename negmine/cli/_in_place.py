"""`negmine export --into`, and `--remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from negmine.cli._output import print_json, quoted, say_skipped
from negmine.cli._selection import say_too_few
from negmine.datasets.config import LabelConfig
from negmine.exporting.config import ExportConfig, SelectionConfig
from negmine.paths import printable
from negmine.terminal import console, count_progress, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.exporting.in_place.result import AddResult, TakeOutResult


def add_into(bank: str, data: str, split: str | None, config: ExportConfig, *, as_json: bool) -> None:
    """Add the negatives of a bank to a data set, and print what was done."""
    from negmine.exporting.in_place.add import add_to

    with count_progress(f"images of {data} read") as on_count:
        result = add_to(bank, data, split=split, config=config, on_progress=on_count)
    if as_json:
        print_json(result.to_dict())
    else:
        _render_added(result, config.selection)


def take_out_of(data: str, split: str | None, labels: LabelConfig, *, as_json: bool) -> None:
    """Take out of a data set what was added to it, and print what was done."""
    from negmine.exporting.in_place.take_out import take_out

    result = take_out(data, split=split, labels=labels)
    if as_json:
        print_json(result.to_dict())
    else:
        _render_taken_out(result)


def _render_added(result: AddResult, config: SelectionConfig) -> None:
    out = console()
    say(
        out,
        f"{counted(result.negatives, 'negative')} and {counted(result.variants, 'variant')} in "
        f"{printable(result.images)} ({result.data_format}): {counted(result.written, 'file')} written, "
        f"{result.unchanged} unchanged, {result.removed} removed",
    )
    say(out, f"positive to negative images: 1 : {result.ratio:.2f}")
    if result.passed_over:
        was = "was" if result.passed_over == 1 else "were"
        say(out, f"{counted(result.passed_over, 'other negative')} could be added too, and {was} not asked for")
    say_too_few(out, config, result.negatives)
    for reason, number in result.withheld.items():
        say(out, f"{counted(number, 'negative or variant', 'negatives and variants')} left out: {reason}")
    if result.skipped:
        skipped = counted(len(result.skipped), "negative or variant", "negatives and variants")
        say(out, f"{skipped} left out: the data set has other files of these names")
    if result.left_out:
        say(out, f"{counted(result.left_out, 'negative')} left out: rejected, marked as a target, or held back")
    if result.waiting:
        say(out, f"{counted(result.waiting, 'other negative')} left out: a target in their images is not labelled yet")
    say(out, f"to take them out again: negmine export --into {quoted(result.data)} --remove")
    say_skipped(result.skipped.items(), "file")


def _render_taken_out(result: TakeOutResult) -> None:
    out = console()
    restored = f"; {', '.join(map(printable, result.restored))} as before" if result.restored else ""
    say(out, f"{counted(result.removed, 'file')} taken out of {printable(result.root)}{restored}")
    if result.gone:
        say(out, f"{counted(result.gone, 'file')} gone before")
    if result.shared:
        say(out, f"{counted(result.shared, 'file')} kept: another data set in the folder has them too")
    if result.kept:
        say(out, f"{counted(len(result.kept), 'file')} kept, yours from now on")
    say_skipped(result.kept.items(), "file")
