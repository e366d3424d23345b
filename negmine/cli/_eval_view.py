"""How `negmine eval` shows its result: tables on stdout, and on stderr what was skipped and what a check says no to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from negmine.cli._output import console
from negmine.paths import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from negmine.evaluating.result import EvalResult

_CLASSES = 20  # of a model that are listed; --json has all
_FILES = 5  # of a finding that are named
_SKIPPED = 10  # that are named


def render(result: EvalResult) -> None:
    """Print a result."""
    out = console()
    _images(out, result)
    _models(out, result)
    _kinds(out, result)
    _classes(out, result)
    for finding in result.findings:
        _say(out, f"\n{printable(finding.message)}")
        for path in finding.files[:_FILES]:
            _say(out, f"  - {printable(path)}")
        if len(finding.files) > _FILES:
            _say(out, f"    and {len(finding.files) - _FILES} more")
    if result.plot is not None:
        _say(out, f"\ncurves: {printable(result.plot)}")
    _skipped(result)
    for failure in result.failures:
        _say(console(stderr=True), printable(failure.message))


def _say(out: Console, text: str) -> None:
    """A line; what the stream's encoding lacks becomes escapes."""
    out.print(_fits(out, text), soft_wrap=True)


def _fits(out: Console, text: str) -> str:
    return text.encode(out.encoding, "backslashreplace").decode(out.encoding)


def _table(title: str, columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", overflow="fold")
    return table


def _images(out: Console, result: EvalResult) -> None:
    first = result.models[0]
    _say(out, f"{printable(result.data)}: {result.format}, split {printable(result.split)}")
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    _say(
        out,
        f"{first.images} labelled images ({result.empty} empty) with {first.objects} objects, "
        f"{result.backgrounds} backgrounds{skipped}",
    )
    if first.fppi_over == "labelled":
        _say(out, "no image without targets: FPPI is counted on the labelled images; name some with --backgrounds")


def _models(out: Console, result: EvalResult) -> None:
    """A row a model."""
    first = result.models[0]
    recall = "recall" if first.at_recall is None else f"recall {first.at_recall:.3f}"
    over = first.images if first.fppi_over == "labelled" else first.background_images
    columns = (
        "model",
        "FPPI",
        "with FP",
        "recall",
        "preci-\nsion",  # names in two lines: then all fits into 80 columns
        "mAP50",
        "mAP50\n-95",
        "LAMR",
        "thres-\nhold",
        "FPPI\nthere",
    )
    table = _table(f"At conf {first.conf:g}; the last two at {recall}", columns)
    for model in result.models:
        table.add_row(
            _fits(out, printable(model.name)),
            _number(model.fppi),
            f"{model.images_with_fp}/{over}",
            *(_number(value) for value in (model.recall, model.precision, model.map50, model.map50_95, model.lamr)),
            _reached(model.threshold_at_recall, model.at_recall),
            _reached(model.fppi_at_recall, model.at_recall),
        )
    out.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _reached(value: float | None, at_recall: float | None) -> str:
    return "never" if value is None and at_recall else _number(value)


def _kinds(out: Console, result: EvalResult) -> None:
    """False positives of each kind, on all images."""
    kinds = list(result.models[0].kinds)
    table = _table(f"False positives at conf {result.models[0].conf:g}, on all images", ("model", *kinds, "unjudged"))
    for model in result.models:
        counts = [str(model.kinds[kind]) for kind in kinds]
        table.add_row(_fits(out, printable(model.name)), *counts, str(model.unjudged))
    out.print(table)


def _classes(out: Console, result: EvalResult) -> None:
    """A row for each class of each model, the classes with the most objects; where there are several."""
    classes = result.models[0].classes
    if len(classes) < 2:
        return
    order = sorted(range(len(classes)), key=lambda index: (-classes[index].objects, index))[:_CLASSES]
    columns = ("class", "model", "objects", "FP", "FPPI", "recall", "preci-\nsion", "mAP50", "mAP50\n-95", "LAMR")
    table = _table("Classes, those with the most objects first", columns)
    for index in order:
        for model in result.models:
            each = model.classes[index]
            figures = (each.fppi, each.recall, each.precision, each.map50, each.map50_95, each.lamr)
            names = (_fits(out, printable(each.name)), _fits(out, printable(model.name)))
            table.add_row(*names, str(each.objects), str(each.false_positives), *map(_number, figures))
    out.print(table)
    if len(classes) > len(order):
        _say(out, f"and {len(classes) - len(order)} more classes; --json has all")


def _skipped(result: EvalResult) -> None:
    err = console(stderr=True)
    for each in result.skipped[:_SKIPPED]:
        _say(err, f"skipped {printable(each.source)}: {printable(each.reason)}")
    if len(result.skipped) > _SKIPPED:
        _say(err, f"... and {len(result.skipped) - _SKIPPED} more skipped images; --json names them all")
