"""A retraining in a report: its numbers, and what the page shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

from negmine.paths import printable
from negmine.ratios.small import WHAT_TO_DO
from negmine.reporting.by_size import FoundOfSize, found_by_size
from negmine.reporting.changes import Changes, changes_between
from negmine.reporting.charts import Axis, Chart, chart, linear, logarithmic
from negmine.reporting.curves import BandPoint, curves_of
from negmine.reporting.galleries import Gallery
from negmine.reporting.result import RetrainingFacts
from negmine.retraining.finished import AgainstStart, FinishedRetraining
from negmine.retraining.result import RoundResult
from negmine.words import counted

_FAR = 1e9  # more than any figure


def retraining_facts(done: FinishedRetraining) -> RetrainingFacts:
    """Compare the start with the round that is shown."""
    shown = done.shown
    wanted = [done.scores[0], done.scores[shown]] if shown else [done.scores[0]]
    curves = curves_of(wanted, conf=done.rounds[0].conf, seed=done.seed)
    return RetrainingFacts(done, curves[0], curves[1] if shown else None, _changes(done), _by_size(done))


def retraining_content(facts: RetrainingFacts, galleries: Sequence[Gallery]) -> dict[str, object]:
    """What the page shows."""
    done = facts.finished
    start, shown, verdict = done.rounds[0], done.rounds[done.shown], done.verdict
    against = done.against_start[done.shown]
    return {
        "outcome": against.outcome if against is not None and verdict.improved else "none",
        "use": _use(done),
        "verdict": f"{verdict.verdict[:1].upper()}{verdict.verdict[1:]}.".replace("->", "→"),
        "stopped": verdict.stopped,
        "advice": verdict.advice,
        "notes": verdict.notes,
        "start": verdict.start,
        "weights": verdict.weights,
        "measured": _measured(done),
        "conf": f"{start.conf:g}",
        "at_recall": f"{start.at_recall:.2f}",
        "rounds": [*(_round(done, each) for each in done.rounds), *_by_halves(done)],
        "choice": _choice(done),
        "after": None if facts.after is None else _after(done, shown),
        "charts": _charts(facts),
        "compared": _compared(facts),
        "by_size": [_found(each) for each in facts.by_size],
        "small": WHAT_TO_DO,
        "galleries": galleries,
    }


def _changes(done: FinishedRetraining) -> Changes | None:
    shown = done.shown
    before, after = done.seen[0], done.seen[shown]
    if not shown or before is None or after is None:
        return None
    return changes_between(before, after, conf_before=done.conf_of(0), conf_after=done.conf_of(shown))


def _by_size(done: FinishedRetraining) -> tuple[FoundOfSize, ...]:
    shown = done.shown
    before, after = done.seen[0], done.seen[shown]
    if before is None or after is None:
        return ()
    conf_before, conf_after = done.conf_of(0), done.conf_of(shown)
    return found_by_size(before, after if shown else None, conf_before=conf_before, conf_after=conf_after)


def _found(each: FoundOfSize) -> tuple[str, int, str, str]:
    """A row: the size, the objects, and how many of them are found before and after."""
    before, after = (
        "-" if count is None else f"{count} ({count / each.objects:.0%})" for count in (each.before, each.after)
    )
    return each.name, each.objects, before, after


def _use(done: FinishedRetraining) -> str:
    verdict = done.verdict
    if not verdict.improved or verdict.conf is None:
        return "Keep the start weights: no round is better."
    conf = floor(verdict.conf * 1000) / 1000  # rounded up, it would not reach the recall
    as_before = ", as before" if conf == done.rounds[0].conf else ""
    return f"Use the result with --conf {conf:g}{as_before}."


def _measured(done: FinishedRetraining) -> str:
    scores = done.scores[0]
    labelled, objects = int((scores.objects > 0).sum()), int(scores.objects.sum())
    counts = (
        f"{counted(labelled, 'image')} with {counted(objects, 'object')}, and "
        f"{counted(done.rounds[0].background_images, 'image')} without"
    )
    if done.verdict.folds > 1:
        return f"{counts}; each by one of {done.verdict.folds} detectors, the one that never saw it in training"
    return f"{counts}; none of them was trained on"


def _round(done: FinishedRetraining, found: RoundResult) -> dict[str, object]:
    against = done.against_start[found.number]
    return {
        "title": found.title,
        "best": found.number == done.verdict.best,
        "negatives": found.negatives if found.number and found.blended is None else "",
        "figures": [
            _figure(found.recall, found.intervals.get("recall"), ".2f"),
            _figure(found.fppi, found.intervals.get("fppi")),
            _figure(found.fppi_at_recall, found.intervals.get("fppi_at_recall")),
        ],
        "map50": "" if found.map50 is None else f"{found.map50:.3f}",
        "against": None if against is None else _against(against),
    }


def _against(found: AgainstStart) -> tuple[str, str]:
    low, high = found.fppi_ratio_interval
    return f"{found.outcome}: {found.fppi_ratio:.2g} times the false positives", f"{low:.2g} to {high:.2g}"


def _figure(value: float | None, interval: object, digits: str = ".3g") -> tuple[str, str]:
    """A figure, in the digits of the verdict, and its interval, which comes out of a folder that may be anybody's."""
    if value is None:
        return "not reached", ""
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return f"{value:{digits}}", ""
    low, high = (
        f"{end:{digits}}" if isinstance(end, int | float) and abs(end) < _FAR else "no end" for end in interval
    )
    return f"{value:{digits}}", f"{low} to {high}"


def _by_halves(done: FinishedRetraining) -> list[dict[str, object]]:
    """The rows of the figures at equal recall that the verdict names, where those of all images are others."""
    others = done.on_others
    if not done.verdict.improved or len(set(others.chosen_by_halves)) < 2:
        return []
    first, second = (done.rounds[number].title for number in others.chosen_by_halves)
    after = _figure(others.fppi_after, others.fppi_after_interval)
    nothing = ("", "")
    rows = [
        ("the start, half by half", _figure(others.fppi_before, None)),
        (f"{first} and {second}, each on the half that did not choose it", after),
    ]
    empty = {"best": False, "negatives": "", "map50": "", "against": None}
    return [{"title": title, "figures": [nothing, nothing, figure], **empty} for title, figure in rows]


def _choice(done: FinishedRetraining) -> str | None:
    """Whether the images that the result was measured on have chosen it too; None where nothing was chosen."""
    chosen, best = done.on_others.chosen_by_halves, done.verdict.best
    if not best:
        return None
    if not chosen:
        return (
            "There are too few held-out images to split them: those that chose the result also measured it, which "
            "flatters it."
        )
    if set(chosen) == {best}:
        return (
            "Each half of the held-out images, by itself, chose this result: its figures do not come from a lucky "
            "choice."
        )
    first, second = (done.rounds[number].title for number in chosen)
    if first == second:
        return (
            f"Each half of the held-out images, by itself, chose {first}; all of them together chose the result. The "
            f"figures at equal recall in the verdict are those of {first}, since no image chose it for itself."
        )
    return (
        f"One half of the held-out images chose {first}, the other {second}. The figures at equal recall in the "
        "verdict are in the last two rows: each half measures what the other half chose. All other figures are of "
        "all images, which also chose the result: they flatter it a little."
    )


def _after(done: FinishedRetraining, shown: RoundResult) -> str:
    return shown.title if done.verdict.best else f"{shown.title}, which is not the result"


def _charts(facts: RetrainingFacts) -> list[Chart]:
    both = [("before", facts.before), *([] if facts.after is None else [("after", facts.after)])]
    everywhere = [point for _, curves in both for point in curves.fppi_at_recall]
    recalls = [point.at for point in everywhere] or [0.0, 1.0]
    fppi = logarithmic("false positives per image", [each for point in everywhere for each in (point.value, point.low)])
    recall = Axis("recall", *_ends(recalls), False, linear("", *_ends(recalls)).ticks)
    scores = [point.at for point in facts.before.fppi_at_score]
    across = linear("score from which a detection counts", _down_to_tenth(min(scores)), 1.0)
    values = [point.value for _, curves in both for point in curves.fppi_at_score]
    return [
        chart(
            "Recall against false positives per image",
            f"Further left at the same height is better. {_words(facts, 'fppi_at_recall')}",
            (fppi, recall),
            [(name, curves.fppi_at_recall, True) for name, curves in both],
        ),
        chart(
            "False positives per image by score",
            f"Lower is better, at equal recall. {_words(facts, 'fppi_at_score')}",
            (across, linear("false positives per image", 0.0, max(*values, 0.1) * 1.05)),
            [(name, curves.fppi_at_score, False) for name, curves in both],
        ),
        chart(
            "Recall by score",
            f"Higher is better. {_words(facts, 'recall_at_score')}",
            (across, linear("recall", 0.0, 1.0)),
            [(name, curves.recall_at_score, False) for name, curves in both],
        ),
    ]


def _words(facts: RetrainingFacts, name: str) -> str:
    """Three points of a curve in words."""
    before: Sequence[BandPoint] = getattr(facts.before, name)
    after: Sequence[BandPoint] = getattr(facts.after, name) if facts.after is not None else ()
    places = sorted({len(before) // 4, len(before) // 2, 3 * len(before) // 4} & set(range(len(before))))
    said = []
    for index in places:
        now = f", {after[index].value:.3g} after" if after else ""
        said.append(f"at {before[index].at:.2f}: {before[index].value:.3g} before{now}")
    return "; ".join(said)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return _down_to_tenth(min(values)), min(floor(max(values) * 10 + 0.999) / 10, 1.0)


def _down_to_tenth(value: float) -> float:
    return floor(value * 10) / 10


def _compared(facts: RetrainingFacts) -> str | None:
    """What changed, in words."""
    done, changes = facts.finished, facts.changes
    if not done.shown:
        return None
    if changes is None:
        return (
            f"This retraining in {printable(done.out)} was measured by an older negmine, which did not write down what "
            "was found where: no pictures of what changed."
        )
    rows = {what: len(found) for what, found in changes.by_what.items()}
    fired = rows["went away"] + rows["still fires"]
    return (
        f"Of {counted(fired, 'false positive')} of the start (score {changes.conf_before:.3g} or more), "
        f"{rows['went away']} went away and {counted(rows['still fires'], 'still fires', 'still fire')}; "
        f"{counted(rows['newly fires'], 'newly fires', 'newly fire')} (score {changes.conf_after:.3g} or more). "
        f"Of {counted(changes.objects, 'labelled object')}, {counted(rows['lost'], 'was lost', 'were lost')}, "
        f"{counted(rows['found now'], 'is found now that was not', 'are found now that were not')}, and "
        f"{counted(rows['missed by both'], 'is missed by both', 'are missed by both')}."
    )
