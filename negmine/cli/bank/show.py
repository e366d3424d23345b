"""`negmine bank show`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from negmine.bank.bank import Bank
    from negmine.bank.details import NegativeDetails

_ROWS = 10  # of each list; --json has all
_LARGEST_WH = 100, 40  # characters of a picture, each two pixels high
_UPPER_HALF = "\u2580"


@click.command("show", cls=Command)
@click.argument("prefix", metavar="ID")
@bank_option
@option(
    "Output", "--picture", is_flag=True, help="Draw it too, with its boxes; needs a terminal with 256 colours or more."
)
@json_option
def command(prefix: str, bank: str, picture: bool, as_json: bool) -> None:
    """Show all that is known about a negative: its file, its source image, what the detector found in it and in which
    run, the labels of the image, and the decisions about it.

    ID is the beginning of its hash, as `negmine bank list` shows it.

    \b
    negmine bank show 3fa1b2c --picture
    """
    from negmine.bank.bank import Bank
    from negmine.bank.browsing import find
    from negmine.bank.details import details

    if picture and as_json:
        raise click.UsageError("expected --picture or --json, found both")
    with Bank(bank) as opened:
        found = details(opened, find(opened, prefix))
        if as_json:
            print_json(found.to_dict())
            return
        out = console()
        for name, text in _lines(found):
            say(out, f"{name:16} {text}")
        if picture:
            _draw(out, opened, found)


def _lines(found: NegativeDetails) -> Iterator[tuple[str, str]]:
    """A name and what is to be said of it, line by line."""
    from negmine.trainable import why_held_back

    negative = found.negative
    width, height = negative.size_wh
    yield "id", negative.sha256
    yield "file", f"{printable(negative.path)}{'' if found.is_file_there else ' (gone)'}"
    yield "size", f"{width} x {height} pixels"
    why = why_held_back(negative)
    held = "" if why is None else f"; held back from training as {why} until you accept it"
    yield "verdict", f"{negative.review}{held}"
    yield "score", f"{negative.score:.2f} {printable(negative.class_name)}"
    missing = "" if found.source == "there" else f" ({found.source})"
    yield "source", f"{printable(negative.source)}{missing}"
    if found.camera is not None:
        address, taken_ms = found.camera
        yield "camera", f"{printable(address)}{_at(taken_ms)}"
    for cut in found.cuts:
        x1, y1, x2, y2 = cut.rect
        also = "" if cut.sha256 == negative.source_sha256 else f" of {printable(cut.path)}"
        yield "rectangle", f"{x1}, {y1} to {x2}, {y2}{also}"
    yield from _listed(
        "false positive",
        [f"{each.score:.2f} {printable(each.class_name)} at {_box(each.box_xyxy)}, run {each.run}"
         for each in found.false_positives],
    )  # fmt: skip
    yield "in its image", f"{counted(found.others, 'other detection')}, {counted(len(found.objects), 'label')}"
    yield from _listed("label", [f"{printable(each.class_name)} at {_box(each.box_xyxy)}" for each in found.objects])
    for run in found.runs:
        yield f"run {run.id}", f"{printable(run.weights)} ({run.weights_sha256[:10]})"
        for settings in (run.detector_settings, run.scan_settings):
            yield "", printable(", ".join(f"{key} {json.dumps(value)}" for key, value in settings.items()))
    like = found.likeness
    if any(value is not None for value in like.to_dict().values()):
        unlabelled = "unknown" if like.unlabelled is None else f"{like.unlabelled:.3f}"
        groups = "" if like.cluster is None else f", cluster {like.cluster}, place {like.place}"
        yield "likeness", f"unlabelled {unlabelled}{groups}"
    yield from _listed(
        "decision",
        [f"{act.id}: {act.before} to {act.state}, by {printable(act.origin)}{', taken back' if act.is_undone else ''}"
         for act in found.acts],
    )  # fmt: skip
    yield from _listed("variant", [f"{printable(name)} {text}: {file}" for file, name, text in found.variants])


def _at(taken_ms: int) -> str:
    """When a frame was taken; "" where a bank says what no clock does."""
    try:
        return f" at {datetime.fromtimestamp(taken_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return ""


def _listed(name: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines[:_ROWS]:
        yield name, line
    if len(lines) > _ROWS:
        yield name, f"... and {len(lines) - _ROWS} more; --json has all"


def _box(box_xyxy: Sequence[float]) -> str:
    x1, y1, x2, y2 = (f"{value:.0f}" for value in box_xyxy)
    return f"{x1}, {y1} to {x2}, {y2}"


def _draw(out: Console, bank: Bank, found: NegativeDetails) -> None:
    """Draw the negative in characters of two pixels each: the upper is the character, the lower what is behind it."""
    from rich.color import Color
    from rich.segment import Segment, Segments
    from rich.style import Style

    from negmine.bank.pictures import picture
    from negmine.errors import ImageError
    from negmine.images import resize_without_stretching

    err = console(stderr=True)
    if out.no_color or out.color_system not in ("truecolor", "256") or not out.encoding.startswith("utf"):
        say(err, "no picture: it needs a terminal with 256 colours or more, and UTF-8")
        return
    try:
        image = picture(bank, found.negative)
    except ImageError as error:
        say(err, f"no picture: {error}")
        return
    height, width, _ = image.shape
    scale = min(min(out.width - 1, _LARGEST_WH[0]) / width, 2 * _LARGEST_WH[1] / height)
    pixels = resize_without_stretching(image, (max(round(width * scale), 1), 2 * max(round(height * scale / 2), 1)))
    rows = []
    for upper, lower in zip(pixels[0::2], pixels[1::2], strict=True):
        colours = zip(upper[:, ::-1].tolist(), lower[:, ::-1].tolist(), strict=True)
        rows += [Segment(_UPPER_HALF, Style(color=Color.from_rgb(*a), bgcolor=Color.from_rgb(*b))) for a, b in colours]
        rows.append(Segment.line())
    out.print(Segments(rows), end="")
