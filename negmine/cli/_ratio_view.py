"""How `negmine ratio` shows its result: tables, a picture of bars, a verdict, advice and findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from negmine.cli._output import console
from negmine.paths import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from negmine.ratios.findings import Finding
    from negmine.ratios.result import RatioResult

_CLASSES = 20  # that are listed; --json has all
_FINDINGS = 10  # of a kind that are shown
_FILES = 5  # of a finding that are named


def render(result: RatioResult) -> None:
    """Print a result."""
    out = console()
    for path, name in zip(result.data, result.formats, strict=True):
        _say(out, f"{printable(path)}: {name}")
    _images(out, result)
    _classes(out, result)
    _bars(out, result)
    _verdict(out, result)
    _findings(out, result)


def per_positive(positives: int, negatives: int) -> str:
    """A ratio such as `1 : 0.47`."""
    return f"1 : {negatives / positives:.2f}" if positives else "-"


def _say(out: Console, text: str) -> None:
    """A line; what the stream's encoding lacks becomes escapes."""
    out.print(_fits(out, text), soft_wrap=True)


def _fits(out: Console, text: str) -> str:
    return text.encode(out.encoding, "backslashreplace").decode(out.encoding)


def _table(title: str, columns: Sequence[str]) -> Table:
    """A table of names with numbers; what is too wide is folded, since an ellipsis is not in every encoding."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", overflow="fold", no_wrap=name == "ratio")
    return table


def _images(out: Console, result: RatioResult) -> None:
    """A row for each split, the bank, and all."""
    columns = ("split", "with objects", "without", "no label", "broken", "instances", "ratio")
    table = _table("Images", columns)
    for name, counts in result.splits.items():
        numbers = (counts.images, counts.empty, counts.unlabelled, counts.broken, counts.instances)
        table.add_row(_fits(out, printable(name)), *map(str, numbers), per_positive(counts.images, counts.empty))
    mix, counts = result.mix, result.counts
    if result.bank is not None:
        table.add_row("bank", "", str(mix.banked))
        table.add_row("variants", "", str(mix.variants))
    numbers = (counts.images, mix.negatives, counts.unlabelled, counts.broken, counts.instances)
    table.add_section()
    table.add_row("in all", *map(str, numbers), per_positive(mix.positives, mix.negatives))
    out.print(table)
    if result.in_bank:
        _say(out, f"{result.in_bank} images without objects are in the bank too, and count once in all")


def _classes(out: Console, result: RatioResult) -> None:
    """A row for each class, the rarest first."""
    per_class = result.counts.per_class
    names = sorted(per_class, key=lambda name: (per_class[name].images, name))
    table = _table("Classes, the rarest first", ("class", "images", "instances", "ratio"))
    for name in names[:_CLASSES]:
        each = per_class[name]
        against = per_positive(each.images, result.mix.negatives)
        table.add_row(_fits(out, printable(name)), str(each.images), str(each.instances), against)
    out.print(table)
    if len(names) > _CLASSES:
        _say(out, f"and {len(names) - _CLASSES} more classes; --json has all")


def _bars(out: Console, result: RatioResult) -> None:
    """Positives above negatives, to one scale, and the range where negatives should end."""
    mix = result.mix
    low, high = result.target.fewest(mix.positives), result.target.most(mix.positives)
    filled, of_bank, of_variants, edge, inside = "#=-|~" if out.options.ascii_only else "█▓░│─"
    width = max(out.width - len("positives  ") - len(f"  {max(mix.positives, mix.negatives)}") - 1, 1)
    most = max(mix.positives, mix.negatives, high, 1)
    ends = [round(end * width / most) for end in (mix.empty, mix.empty + mix.banked, mix.negatives)]
    if mix.negatives and not ends[-1]:
        ends[-1] = 1  # a few are not none
    bar = filled * ends[0] + of_bank * (ends[1] - ends[0]) + of_variants * (ends[2] - ends[1])
    _say(out, f"positives  {filled * max(round(mix.positives * width / most), 1)}  {mix.positives}")
    _say(out, f"negatives  {bar}  {mix.negatives}")
    first, last = (min(round(end * width / most), width - 1) for end in (low, high))
    _say(out, f"target     {' ' * first}{edge}{inside * (last - first - 1)}{edge if last > first else ''}")
    if mix.banked:
        _say(out, f"           {filled} images without objects  {of_bank} the bank's negatives  {of_variants} variants")


def _verdict(out: Console, result: RatioResult) -> None:
    mix, target = result.mix, result.target
    low, high = target.fewest(mix.positives), target.most(mix.positives)
    where = "below" if mix.negatives < low else "above" if mix.negatives > high else "inside"
    found = f"{mix.positives} positives : {mix.negatives} negatives = {per_positive(mix.positives, mix.negatives)}"
    _say(out, f"\n{found}, {where} the target {target.text} ({low} to {high} negatives)")
    if result.checked_class is not None:
        images = result.counts.per_class[result.checked_class].images
        low, high = target.fewest(images), target.most(images)
        where = "below" if mix.negatives < low else "above" if mix.negatives > high else "inside"
        found = f"{images} images : {mix.negatives} negatives = {per_positive(images, mix.negatives)}"
        _say(out, f"rarest class {printable(result.checked_class)}: {found}, {where} ({low} to {high} negatives)")
    for line in result.advice:
        _say(out, f"- {line}")
    if result.bank is not None and "train" in result.splits and len(result.splits) > 1:
        _say(out, "the bank was weighed against all splits; --split train weighs it against what is trained on")


def _findings(out: Console, result: RatioResult) -> None:
    """The findings of a kind together, the first of each with its files."""
    kinds = dict.fromkeys(finding.kind for finding in result.findings)
    for kind in kinds:
        of_kind = [finding for finding in result.findings if finding.kind == kind]
        _say(out, f"\n{kind} ({len(of_kind)})")
        said = ""
        for finding in of_kind[:_FINDINGS]:
            if finding.message != said:
                _say(out, f"  {printable(finding.message)}")
            said = finding.message
            _files(out, finding)
        if len(of_kind) > _FINDINGS:
            _say(out, f"  and {len(of_kind) - _FINDINGS} more; --json has all")
    if not result.compared:
        _say(out, "\nimages were not compared with each other (--no-duplicates)")


def _files(out: Console, finding: Finding) -> None:
    """A line for each file, the first set apart, as one finding of several may follow another."""
    files: Sequence[str] = [printable(path) for path in finding.files]
    for index, name in enumerate(files[:_FILES]):
        _say(out, f"  {' ' if index else '-'} {name}")
    if len(files) > _FILES:
        _say(out, f"    and {len(files) - _FILES} more")
