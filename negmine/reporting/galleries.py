"""Rows of pictures: the hardest of each class and each cluster, what people decided, and what a retraining changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.browsing import first, in_order
from negmine.bank.filters import NegativeFilter, ReviewState
from negmine.bank.records import Negative
from negmine.paths import printable
from negmine.reporting.changes import Change, Changes, What
from negmine.reporting.facts import BankFacts, false_count
from negmine.reporting.pictures import FALSE, OBJECT, Picture, Pictures
from negmine.videos.names import short_name

_CLASSES = 10  # that get a row of their own, those with the most false positives
_CLUSTERS = 10  # the largest
_DECIDED: tuple[tuple[ReviewState, str], ...] = (
    ("target", "Targets without a label"),
    ("rejected", "Rejected"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture and what is said of it.

    Attributes:
        picture: the picture.
        head: a few words, such as its score.
        lines: more words, small.
        state: what a person decided; None where nothing was, or where it does not matter.
    """

    picture: Picture
    head: str
    lines: tuple[str, ...]
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """A row of pictures.

    Attributes:
        title: of the row.
        figures: that are shown.
        total: that there are.
        note: what the row is; None where its title says that.
    """

    title: str
    figures: tuple[Figure, ...]
    total: int
    note: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NegativeRows:
    """What rows of negatives are made of.

    Attributes:
        bank: that they are in.
        pictures: makes pictures of them.
        most: pictures in a row.
        digits: of the hash of a negative that are shown.
    """

    bank: Bank
    pictures: Pictures
    most: int
    digits: int


def of_classes(rows: NegativeRows, facts: BankFacts) -> list[Gallery]:
    """The hardest negatives of each class."""
    names = _classes(facts)[:_CLASSES]
    return _galleries(rows, [(printable(name), NegativeFilter(classes=(name,))) for name in names])


def of_clusters(rows: NegativeRows, facts: BankFacts) -> list[Gallery]:
    """The hardest negatives of each of the largest clusters, half as many; [] where they have not been compared."""
    numbers = _clusters(facts)[:_CLUSTERS]
    wanted = [(f"Cluster {number}", NegativeFilter(cluster=number)) for number in numbers]
    return _galleries(replace(rows, most=(rows.most + 1) // 2), wanted)


def of_verdicts(rows: NegativeRows) -> list[Gallery]:
    """The hardest of those that may not be trained on."""
    return _galleries(rows, [(title, NegativeFilter(states=(state,))) for state, title in _DECIDED])


def without_row(facts: BankFacts) -> dict[str, int]:
    """How many classes and clusters get no row."""
    return {
        "classes": max(len(_classes(facts)) - _CLASSES, 0),
        "clusters": max(len(_clusters(facts)) - _CLUSTERS, 0),
    }


def _classes(facts: BankFacts) -> list[str]:
    return [name for name, kinds in facts.kinds.items() if false_count(kinds)]


def _clusters(facts: BankFacts) -> list[int]:
    return [number for number, size in facts.clusters.items() if size > 1]


def _galleries(rows: NegativeRows, wanted: Sequence[tuple[str, NegativeFilter]]) -> list[Gallery]:
    made = []
    for title, which in wanted:
        numbers, found = first(rows.bank, which, limit=rows.most)
        figures = tuple(_of_negative(rows, each) for each in in_order(rows.bank, numbers))
        if figures:
            made.append(Gallery(title, figures, found))
    return made


def _of_negative(rows: NegativeRows, negative: Negative) -> Figure:
    name, source = printable(negative.class_name), short_name(negative.source)
    alt = f"A part of {source} that the detector took for {name} with a score of {negative.score:.2f}"
    picture = rows.pictures.of_negative(rows.bank, negative, alt)
    state = None if negative.review == "unreviewed" else negative.review
    return Figure(picture, f"{negative.score:.2f} {name}", (source, negative.sha256[: rows.digits]), state)


_TITLES: tuple[tuple[What, str, str], ...] = (
    ("went away", "Went away", "False positives of the start on which the result no longer fires."),
    ("still fires", "Still fires", "False positives of both."),
    ("newly fires", "Newly fires", "False positives of the result that the start does not have."),
    ("lost", "Lost", "Labelled objects that the start finds and the result misses."),
    ("found now", "Found now", "Labelled objects that the result finds and the start misses."),
    ("missed by both", "Missed by both", "Labelled objects that neither finds."),
)


def of_changes(changes: Changes, pictures: Pictures, most: int) -> list[Gallery]:
    """What became of false positives and objects; a row for each kind of change, even where there are none."""
    return [
        Gallery(
            title,
            tuple(_of_change(each, pictures) for each in changes.by_what[what][:most]),
            len(changes.by_what[what]),
            note,
        )
        for what, title, note in _TITLES
    ]


def _of_change(change: Change, pictures: Pictures) -> Figure:
    name, source = printable(change.seen.class_name), printable(Path(change.path).name)
    scores = f"{_score(change.before)} → {_score(change.after)}"
    is_object = change.what in ("lost", "found now", "missed by both")
    what = f"an object of class {name}" if is_object else f"a false positive taken for {name}"
    alt = f"{change.what}: {what} in {source}; score {_score(change.before)} before and {_score(change.after)} after"
    picture = pictures.of_image(
        Path(change.path), change.sha256, change.seen.box_xyxy, OBJECT if is_object else FALSE, alt
    )
    return Figure(picture, scores, (name, source))


def _score(score: float | None) -> str:
    return "none" if score is None else f"{score:.2f}"
