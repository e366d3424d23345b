"""What `negmine eval` prints: tables of figures with their intervals, and the verdict of each comparison."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

from negmine.cli._output import quoted, say_skipped, table
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.evaluating.at_fppi import FppiPoint
    from negmine.evaluating.figures import ClassFigures, ModelFigures
    from negmine.evaluating.metrics.bootstrap import Interval
    from negmine.evaluating.resampled import FppiPointInterval
    from negmine.evaluating.result import EvalResult

_CLASSES = 20  # of a model that are listed; --json has all
_FILES = 5  # of a finding that are named


def render_figures(result: EvalResult) -> None:
    """Print a result."""
    out = console()
    _images(out, result)
    _legend(out, result)
    if result.data is None:
        _by_score(out, result)
    else:
        _models(out, result)
        _intervals(out, result)
    _at_fppi(out, result)
    _differences(out, result)
    _kinds(out, result)
    if result.data is not None:
        _classes(out, result)
    for note in result.notes:
        say(out, note)
    for finding in result.findings:
        say(out, f"\n{printable(finding.message)}")
        for path in finding.files[:_FILES]:
            say(out, f"  - {printable(path)}")
        if len(finding.files) > _FILES:
            say(out, f"    and {len(finding.files) - _FILES} more")
    _thresholds(out, result)
    if result.plot is not None:
        say(out, f"\ncurves: {printable(result.plot)}")
    say_skipped(((each.source, each.reason) for each in result.skipped), "image")
    for failure in result.failures:
        say(console(stderr=True), printable(failure.message))


def _images(out: Console, result: EvalResult) -> None:
    first = result.models[0]
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    if result.data is None or result.split is None:
        say(out, f"{counted(result.backgrounds, 'background')}{skipped}; without labelled data recall is unknown")
        return
    say(out, f"{printable(result.data)}: {result.format}, split {printable(result.split)}")
    say(
        out,
        f"{counted(first.images, 'labelled image')} ({result.empty} empty) with {counted(first.objects, 'object')}, "
        f"{counted(result.backgrounds, 'background')}{skipped}",
    )
    if first.fppi_over == "labelled":
        say(out, "no image without targets: FPPI covers the labelled images; add images with --backgrounds")


def _letters(result: EvalResult) -> list[str]:
    """What each model is called in tables, whose names would not fit into 80 columns."""
    letters = string.ascii_uppercase
    return [
        letters[number] if number < len(letters) else f"{letters[number // 26 - 1]}{letters[number % 26]}"
        for number in range(len(result.models))
    ]


def _legend(out: Console, result: EvalResult) -> None:
    for letter, model in zip(_letters(result), result.models, strict=True):
        say(out, f"  {letter}  {printable(model.name)}")
    say(out, "")


def _models(out: Console, result: EvalResult) -> None:
    """A row for each model."""
    first = result.models[0]
    recall = "recall" if first.at_recall is None else f"recall {first.at_recall:.3f}"
    over = first.images if first.fppi_over == "labelled" else first.background_images
    columns = (
        "model", "FPPI", "with FP", "recall", "precision", "mAP50", "mAP50-95", "LAMR", "threshold", "its FPPI",
    )  # fmt: skip
    rows = table(f"At conf {first.conf:g}; the last two columns at {recall}", columns, plain=True)
    for letter, model in zip(_letters(result), result.models, strict=True):
        rows.add_row(
            letter,
            _number(model.fppi),
            f"{model.images_with_fp}/{over}",
            *(_number(value) for value in (model.recall, model.precision, model.map50, model.map50_95, model.lamr)),
            _reached(model.threshold_at_recall, model.at_recall),
            _reached(model.fppi_at_recall, model.at_recall),
        )
    out.print(rows)


def _intervals(out: Console, result: EvalResult) -> None:
    """A row for each model: where its figures lie on other images of the same kind."""
    columns = ("model", "FPPI", "recall", "precision", "mAP50", "mAP50-95", "LAMR", "its FPPI")
    rows = table("90 % intervals, by a bootstrap over the images", columns, plain=True)
    for letter, each in zip(_letters(result), result.intervals, strict=True):
        found = each.rates
        ends = (
            found.fppi, found.recall, found.precision, found.map50, found.map50_95, found.lamr,
            each.at_recalls.fppi_at_recall,
        )  # fmt: skip
        rows.add_row(letter, *map(_range, ends))
    out.print(rows)


def _at_fppi(out: Console, result: EvalResult) -> None:
    """A row for each model and wanted FPPI: the score that reaches it, and what is found there."""
    columns = ("model", "FPPI up to", "score", "its range", "FPPI", "recall", "its range")
    rows = table(
        "The lowest score that brings no more false positives per image, with 90 % intervals", columns, plain=True
    )
    for letter, model, ends in zip(_letters(result), result.models, result.intervals, strict=True):
        for point, spread in zip(model.at_fppi, ends.rates.at_fppi, strict=True):
            rows.add_row(letter, *_point(point, spread))
    if rows.row_count:
        out.print(rows)


def _point(point: FppiPoint, spread: FppiPointInterval) -> tuple[str, ...]:
    return (
        f"{point.wanted:g}",
        _score(point.threshold),
        _range(spread.threshold),
        _number(point.fppi),
        _number(point.recall),
        _range(spread.recall),
    )


def _by_score(out: Console, result: EvalResult) -> None:
    """FPPI at several scores: a row for each model, and for each class of it if there are several."""
    first = result.models[0]
    scores = list(first.fppi_by_score)
    rows = table("False positives per image from a score on", ("class", "model", *scores), plain=True)
    for letter, model in zip(_letters(result), result.models, strict=True):
        rows.add_row("all", letter, *map(_number, model.fppi_by_score.values()))
    shown, more = _most_false(result.models)
    for index in shown:
        for letter, model in zip(_letters(result), result.models, strict=True):
            each = model.classes[index]
            rows.add_row(printable(each.name), letter, *map(_number, each.fppi_by_score.values()))
    out.print(rows)
    if more:
        say(out, f"and {counted(more, 'more class', 'more classes')}; --json has all")
    if len(shown) > 1 and first.at_fppi:
        _classes_at_fppi(out, result, shown)


def _classes_at_fppi(out: Console, result: EvalResult, shown: Sequence[int]) -> None:
    """The score from which each class by itself brings no more than each wanted FPPI."""
    wanted = [f"{point.wanted:g}" for point in result.models[0].at_fppi]
    title = "The lowest score that brings no more false positives per image, each class by itself"
    rows = table(title, ("class", "model", *wanted), plain=True)
    for index in shown:
        for letter, model in zip(_letters(result), result.models, strict=True):
            each = model.classes[index]
            rows.add_row(printable(each.name), letter, *(_score(point.threshold) for point in each.at_fppi))
    out.print(rows)


def _most_false(models: Sequence[ModelFigures]) -> tuple[list[int], int]:
    """The classes with the most false positives, and how many more have any; none if there is only one class."""

    def fired(each: ClassFigures) -> float:
        return max(each.fppi_by_score.values(), default=0.0)

    most = [max(fired(model.classes[index]) for model in models) for index in range(len(models[0].classes))]
    order = sorted((index for index, value in enumerate(most) if value), key=lambda index: (-most[index], index))
    return ([], 0) if len(most) < 2 else (order[:_CLASSES], max(len(order) - _CLASSES, 0))


def _differences(out: Console, result: EvalResult) -> None:
    """A line for each model after the first: whether it differs from that by more than the choice of images does."""
    letters, conf = _letters(result), result.models[0].conf
    for letter, each in zip(letters, result.differences, strict=True):
        if each is not None and each.comparison is not None:
            say(out, f"{letter} against {letters[0]}: {each.comparison.verdict}")
        elif each is not None:
            low, high = each.figures.fppi
            say(
                out,
                f"{letter} against {letters[0]} at conf {conf:g}: {low:+.3f} to {high:+.3f} false positives per image "
                "(90 % interval); nobody knows at what recall, so neither is called better",
            )
    if len(result.models) > 1:
        say(out, "")


def _thresholds(out: Console, result: EvalResult) -> None:
    """The score of each class that was written to a file."""
    chosen = result.thresholds
    if chosen is None:
        return
    rows = table(
        f"Scores from which a class reaches {chosen.wanted}", ("class", "score", "FPPI", "recall", "precision")
    )
    for name, each in list(chosen.classes.items())[:_CLASSES]:
        figures = (each.fppi, each.recall, each.precision)
        score = f"{each.threshold:.5f}" if each.is_reached else f"{each.threshold:g} (not reached)"
        rows.add_row(printable(name), score, *map(_number, figures))
    out.print(rows)
    if len(chosen.classes) > _CLASSES:
        say(out, f"and {counted(len(chosen.classes) - _CLASSES, 'more class', 'more classes')}; the file has all")
    say(out, f"thresholds: {printable(chosen.path)}; next: negmine scan ... --conf {quoted(chosen.path)}")


def _range(found: Interval | None) -> str:
    return "-" if found is None else f"{found.low:.2g}-{found.high:.2g}"


def _score(value: float | None) -> str:
    return "none" if value is None else f"{value:.5f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _reached(value: float | None, at_recall: float | None) -> str:
    return "never" if value is None and at_recall else _number(value)


def _kinds(out: Console, result: EvalResult) -> None:
    """Kinds of false positives, on all images."""
    kinds = list(result.models[0].kinds)
    title = f"False positives at conf {result.models[0].conf:g}, on all images"
    rows = table(title, ("model", *kinds, "unjudged"), plain=True)
    for letter, model in zip(_letters(result), result.models, strict=True):
        counts = [str(model.kinds[kind]) for kind in kinds]
        rows.add_row(letter, *counts, str(model.unjudged))
    out.print(rows)


def _classes(out: Console, result: EvalResult) -> None:
    """A row for each class of each model, if there are several classes."""
    classes = result.models[0].classes
    if len(classes) < 2:
        return
    order = sorted(range(len(classes)), key=lambda index: (-classes[index].objects, index))[:_CLASSES]
    columns = ("class", "model", "objects", "FP", "FPPI", "recall", "precision", "mAP50", "mAP50-95", "LAMR")
    rows = table("Classes, most objects first", columns, plain=True)
    for index in order:
        for letter, model in zip(_letters(result), result.models, strict=True):
            each = model.classes[index]
            figures = (each.fppi, each.recall, each.precision, each.map50, each.map50_95, each.lamr)
            rows.add_row(
                printable(each.name), letter, str(each.objects), str(each.false_positives), *map(_number, figures)
            )
    out.print(rows)
    if len(classes) > len(order):
        say(out, f"and {counted(len(classes) - len(order), 'more class', 'more classes')}; --json has all")
