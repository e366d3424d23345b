"""What `negmine scan` prints when it is done."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from negmine.cli._output import quoted, say_skipped, table
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from rich.table import Table

    from negmine.mining.result import ScanResult

_CLASSES = 10  # of the detector that are listed; --json has all
_KIND_WORDS = {
    "true_positive": "true positives",
    "ignored": "on difficult or crowd objects, ignored",
    "unjudged": "not judged: of classes without labels, or in several frames",
    "background": "false positives on background",
    "localization": "false positives beside their object (localization)",
    "duplicate": "false positives on a found object (duplicate)",
    "confusion": "false positives on another class (confusion)",
    "flicker": "alone in time (flickers), likely false",
}


def render(result: ScanResult) -> None:
    """Print what a scan did, and the command to type next."""
    out, unit = console(), result.footage.unit
    if result.scanned:
        out.print(_images(result), _found(result), sep="\n")
        if result.hardest:
            say(out, "\nThe hardest new negatives")
        for hard in result.hardest:
            say(out, f"  {hard.score:.2f}  {printable(hard.class_name)}  {hard.shown}")
    else:
        unchanged = counted(result.unchanged + result.duplicates, unit)
        say(out, f"nothing new: {unchanged} unchanged, {len(result.skipped)} skipped")
    for camera in result.cameras:
        say(out, f"camera {camera.camera}: {camera.looked_at} of {counted(camera.frames, 'frame')} looked at")
    if result.was_stopped:
        say(out, "ended by Ctrl-C; what was done is kept")
    say_skipped(((each.source, each.reason) for each in result.skipped), unit)
    say(out, f"\n{counted(result.total, 'negative')} in {printable(result.bank)} ({result.added} added)")
    if result.flickers:
        say(out, "flickers are held back from training until they are accepted, by a reviewer or with --accept-flicker")
    if result.gaps:
        say(
            out,
            f"{counted(result.gaps, 'likely miss', 'likely misses')} to label: negmine export --only gaps "
            f"--bank {quoted(result.bank)} --format label-studio --out to-label",
        )
    for warning in result.warnings:
        if warning not in result.told:
            say(console(stderr=True), f"warning: {warning}")
    if result.total:
        say(out, f"next: negmine review --bank {quoted(result.bank)}")


def _images(result: ScanResult) -> Table:
    from negmine.mining.result import SKIP_MEANINGS

    footage = result.footage
    rows = table("What was scanned", (f"{footage.unit}s", "count"))
    if footage.videos:
        rows.add_row("videos that they are of" if footage.only else "videos among them", str(footage.videos))
    rows.add_row("scanned", str(result.scanned))
    rows.add_row("with false positives", str(result.with_false_positives))
    if result.with_flickers:
        rows.add_row("with flickers", str(result.with_flickers))
    rows.add_row("unchanged since the last scan", str(result.unchanged))
    if result.duplicates:
        rows.add_row(f"copies of another {footage.unit}", str(result.duplicates))
    for kind, count in sorted(Counter(skipped.kind for skipped in result.skipped).items()):
        rows.add_row(f"skipped: {SKIP_MEANINGS[kind]}", str(count))
    rows.add_row(f"{footage.unit}s/s", f"{result.images_per_second:.1f}")
    if result.device.name is not None:
        where = " on ".join(filter(None, [result.device.backend, result.device.name]))
        rows.add_row(f"detector busy, {printable(where)}", f"{result.device.busy:.0%} of the time")
    return rows


def _found(result: ScanResult) -> Table:
    from negmine.mining.crop import CROP_SKIP_MEANINGS

    rows = table("What the detector found", ("detections", "count"))
    for kind, count in result.kinds.items():
        if count or kind == "background":
            rows.add_row(_KIND_WORDS[str(kind)], str(count))
    classes = list(result.classes.items()) if len(result.classes) > 1 else []
    for name, count in classes[:_CLASSES]:
        rows.add_row(f"  on background as {printable(name)}", str(count))
    if rest := classes[_CLASSES:]:
        rows.add_row(f"  and {counted(len(rest), 'more class', 'more classes')}", str(sum(count for _, count in rest)))
    rows.add_section()
    rows.add_row("negatives added", str(result.added))
    if result.known:
        rows.add_row("negatives already in the bank", str(result.known))
    if result.sharing:
        rows.add_row("no negative: in the crop of a harder one", str(result.sharing))
    for reason, count in result.crops_skipped.items():
        rows.add_row(f"no negative: {CROP_SKIP_MEANINGS[reason]}", str(count))
    if result.withdrawn:
        rows.add_row("negatives withdrawn: labels or images changed", str(result.withdrawn))
    return rows
