"""What the page of a report shows of the bank and of the ratio, as text and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from negmine.matching import FALSE_POSITIVES, Kind
from negmine.mining.crop import CROP_SKIP_MEANINGS
from negmine.paths import printable
from negmine.ratios.result import RatioResult
from negmine.ratios.small import WHAT_TO_DO
from negmine.reporting.charts import Histogram, histogram
from negmine.reporting.facts import BankFacts, RunFacts, false_count
from negmine.words import counted

_HISTOGRAMS = 12  # classes that get one
_CLASSES = 25  # that are listed
_DIGITS = 12  # of the hash of weights
_STATES = {
    "accepted": "accepted by a person",
    "rejected": "rejected by a person: never exported or trained on",
    "target": "marked as a target without a label: never exported or trained on",
    "unreviewed": "not reviewed yet",
}
_HELD_BACK = "not reviewed, and held back as likely targets or flickers: neither exported nor trained on"
_WAITING = "Images that wait for the label of a target: not trained on, and none of their negatives"


def tiles(facts: BankFacts, ratio: RatioResult | None) -> list[tuple[str, str]]:
    """The numbers at the top."""
    decided = sum(count for state, count in facts.states.items() if state != "unreviewed")
    found = [
        (_thousands(facts.images), "images scanned"),
        (_thousands(facts.false_positives), "false positives"),
        *([(_thousands(facts.flickers), "flickers, likely false")] if facts.flickers else []),
        (_thousands(facts.negatives), "negatives banked"),
        (_thousands(decided), "negatives reviewed"),
    ]
    if ratio is not None:
        found.append((f"1 : {float(ratio.ratio):.2f}", "positive to negative images"))
    return found


def bank_content(facts: BankFacts) -> dict[str, object]:
    """What is known of the bank."""
    return {
        "name": printable(facts.folder.absolute().name),
        "folder": printable(facts.folder),
        "images": facts.images,
        "labels": _labels(facts),
        "dated": None if facts.dated is None else _days(*facts.dated),
        "written": _minute(facts.written),
        "by_size": [
            (each.name, each.objects, f"{each.before} ({each.before / each.objects:.0%})") for each in facts.by_size
        ],
        "what_to_do": WHAT_TO_DO,
        "groups": facts.groups,
        "negatives": facts.negatives,
        "clusters": facts.clusters,
    }


def _labels(facts: BankFacts) -> str:
    """Who says what is in the images."""
    labels = facts.labels
    rest = facts.images - labels.images - labels.unsaid
    parts = [f"{counted(labels.images, 'image')} with labels, {counted(labels.objects, 'object')} in them"]
    if not labels.images:
        parts = ["none"]
    if rest:
        parts.append(f"{'the others' if labels.images or labels.unsaid else 'all images'} were given as background")
    if labels.unsaid:
        parts.insert(1, f"{counted(labels.unsaid, 'frame')} of videos that may hold targets")
    return "; ".join(parts)


def runs_content(facts: BankFacts) -> list[dict[str, object]]:
    """A row for each run."""
    return [_run(each) for each in facts.runs]


def kinds_content(facts: BankFacts) -> dict[str, object]:
    """The table of classes and kinds: only kinds that there are."""
    there = [kind for kind in Kind if any(kinds.get(kind) for kinds in facts.kinds.values())]
    columns = [kind for kind in there if kind in FALSE_POSITIVES] + [k for k in there if k not in FALSE_POSITIVES]
    rows = [
        (printable(name), [kinds.get(kind, 0) for kind in columns], false_count(kinds))
        for name, kinds in list(facts.kinds.items())[:_CLASSES]
    ]
    return {
        "columns": [kind.replace("_", " ") for kind in columns],
        "rows": rows,
        "more": max(len(facts.kinds) - _CLASSES, 0),
    }


def histograms(facts: BankFacts) -> list[Histogram]:
    """One for each class, of those with the most false positives."""
    return [histogram(printable(name), counts) for name, counts in list(facts.scores.items())[:_HISTOGRAMS]]


def left_out_content(facts: BankFacts) -> list[tuple[str, int, bool]]:
    """From false positives to negatives, and to those that may be trained on: a text, a number, and if it is a part."""
    banked = facts.banked
    shared = banked.cropped - banked.negatives
    other = banked.found - banked.cropped - sum(banked.skipped.values())
    parts = [
        (f"gave no negative: {CROP_SKIP_MEANINGS.get(reason, printable(reason))}", count)
        for reason, count in banked.skipped.items()
    ]
    parts.append(("gave no negative that is still in the bank", other))
    parts.append(("are on a crop that another false positive gave", shared))
    verdicts = [
        (f"{text}{_origins(facts.origins.get(state, {}))}", facts.states.get(state, 0))
        for state, text in _STATES.items()
        if state != "unreviewed"
    ]
    verdicts.append((_HELD_BACK, facts.held_back))
    verdicts.append((_STATES["unreviewed"], facts.states.get("unreviewed", 0) - facts.held_back))
    return [
        (f"False positives on background{', and flickers' if facts.flickers else ''}", banked.found, False),
        *((text, count, True) for text, count in parts if count > 0),
        ("Negatives in the bank", facts.negatives, False),
        *((text, count, True) for text, count in verdicts if count > 0),
        *([(_WAITING, facts.waiting, False)] if facts.waiting else []),
    ]


def ratio_content(ratio: RatioResult) -> dict[str, object]:
    """Positive and negative images against the target."""
    mix, target = ratio.mix, ratio.target
    low, high = target.fewest(mix.positives), target.most(mix.positives)
    most = max(mix.negatives, high, 1)
    where = "below" if mix.negatives < low else "above" if mix.negatives > high else "inside"
    parts = [(mix.empty, "of the data set"), (mix.banked, "of the bank"), (mix.variants, "variants")]
    return {
        "found": f"{counted(mix.positives, 'positive image')} to {counted(mix.negatives, 'negative')}, 1 : "
        f"{float(ratio.ratio):.2f}",
        "where": where,
        "target": target.text,
        "negatives": mix.negatives,
        "low": low,
        "high": high,
        "low_share": _percent(low, most),
        "width_share": _percent(max(high - low, most / 200), most),
        "found_share": _percent(mix.negatives, most),
        "parts": ", ".join(f"{count} {what}" for count, what in parts if count) or "none",
        "advice": ratio.advice,
        "small": f"{ratio.small.line}; {WHAT_TO_DO}." if ratio.small.either else None,
    }


def _run(run: RunFacts) -> dict[str, object]:
    summary = run.summary
    return {
        "weights": printable(summary.weights),
        "sha256": summary.weights_sha256[:_DIGITS],
        "images": summary.images,
        "false_positives": run.false_positives,
        "fppi": f"{run.false_positives / max(summary.images, 1):.2f}",
        "negatives": summary.negatives,
        "settings": _settings(summary.detector_settings, summary.scan_settings, summary.versions),
    }


def _settings(*groups: Mapping[str, object]) -> str:
    """Settings and versions on one line; those that are off are left out."""
    return ", ".join(
        f"{name} {_value(value)}"
        for each in groups
        for name, value in sorted(each.items())
        if value not in (None, [], "")
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return str(value)


def _origins(origins: Mapping[str, int]) -> str:
    known = [f"{count} in {printable(origin)}" for origin, count in origins.items() if origin]
    return f" ({', '.join(known)})" if known else ""


def _thousands(number: int) -> str:
    return f"{number:,}"


def _days(first: datetime, last: datetime) -> str:
    days = [each.strftime("%Y-%m-%d") for each in (first, last)]
    return " to ".join(dict.fromkeys(days))


def _minute(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M")


def _percent(part: float, whole: float) -> str:
    return f"{min(100 * part / whole, 100):.2f}"
