"""What a bank says of itself, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.browsing import RunSummary, counts, runs
from negmine.bank.connection import DATABASE
from negmine.bank.counts import (
    Banked,
    Labels,
    ScannedSource,
    banked,
    cluster_sizes,
    false_positives_of_runs,
    kinds_by_class,
    labels_of,
    scanned_sources,
    scores_by_class,
    verdict_origins,
)
from negmine.errors import BankError
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.paths import printable
from negmine.reporting.by_size import FoundOfSize, found_in_bank
from negmine.reporting.groups import Groups, group
from negmine.trainable import is_held_back, waiting_images
from negmine.videos.contents import OnCount

_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run: what it ran, with which settings, and what it found."""

    summary: RunSummary
    false_positives: int

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        run = self.summary
        return {
            "id": run.id,
            "weights": printable(run.weights),
            "weights_sha256": run.weights_sha256,
            "detector_settings": dict(run.detector_settings),
            "scan_settings": dict(run.scan_settings),
            "versions": dict(run.versions),
            "images": run.images,
            "false_positives": self.false_positives,
            "negatives": run.negatives,
        }


@dataclass(frozen=True, slots=True)
class BankFacts:
    """A bank in numbers.

    Attributes:
        folder: where it is.
        written: when its database was written last, by the time of the file; UTC.
        runs: oldest first.
        images: distinct images that were scanned.
        dated: when the first and the last of their files were written, by the times of the files; UTC. None where
            nobody knows.
        labels: how many of them have labels.
        by_size: how many objects of each size the last run that has judged labelled images finds; () without labels.
        kinds: how many detections of each class are of which kind; the class with the most false positives first.
        groups: false positives by folder, hour and camera.
        scores: a histogram of the scores of false positives, by class, in that order.
        banked: what became of the background false positives.
        negatives: in the bank.
        variants: in the bank.
        states: how many negatives have which verdict.
        held_back: how many of those without one are not trained on, since they look like targets without a label
            or are flickers.
        waiting: how many images show a target, by a person's word, that has no label yet.
        origins: how many negatives have a verdict, by the verdict and where it was decided.
        clusters: how many negatives are in each cluster; {} where they have not been compared.
    """

    folder: Path
    written: datetime
    runs: tuple[RunFacts, ...]
    images: int
    dated: tuple[datetime, datetime] | None
    labels: Labels
    by_size: tuple[FoundOfSize, ...]
    kinds: Mapping[str, Mapping[str, int]]
    groups: Groups
    scores: Mapping[str, Sequence[int]]
    banked: Banked
    negatives: int
    variants: int
    states: Mapping[str, int]
    held_back: int
    waiting: int
    origins: Mapping[str, Mapping[str, int]]
    clusters: Mapping[int, int]

    @property
    def false_positives(self) -> int:
        """Of all kinds, of all runs."""
        return sum(map(false_count, self.kinds.values()))

    @property
    def flickers(self) -> int:
        """Detections of all runs that are alone in time, in videos that nobody labelled."""
        return sum(kinds.get(Kind.FLICKER, 0) for kinds in self.kinds.values())

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        dated = None if self.dated is None else [each.isoformat() for each in self.dated]
        return {
            "folder": printable(self.folder),
            "written": self.written.isoformat(),
            "runs": [each.to_dict() for each in self.runs],
            "images": self.images,
            "image_files_written": dated,
            "labelled_images": self.labels.images,
            "labelled_objects": self.labels.objects,
            "objects_by_size": [
                {"size": each.name, "objects": each.objects, "found": each.before} for each in self.by_size
            ],
            "false_positives": self.false_positives,
            "flickers": self.flickers,
            "kinds_by_class": {printable(name): dict(kinds) for name, kinds in self.kinds.items()},
            "scores_by_class": {printable(name): list(scores) for name, scores in self.scores.items()},
            "background_false_positives": {
                "found": self.banked.found,
                "in_a_negative": self.banked.cropped,
                "skipped": dict(self.banked.skipped),
            },
            "negatives": self.negatives,
            "variants": self.variants,
            "verdicts": dict(self.states),
            "held_back": self.held_back,
            "images_waiting_for_a_label": self.waiting,
            "verdict_origins": {state: dict(origins) for state, origins in self.origins.items()},
            "clusters": {str(number): size for number, size in self.clusters.items()},
            **self.groups.to_dict(),
        }


def false_count(kinds: Mapping[str, int]) -> int:
    """How many of the detections are false positives."""
    return sum(kinds.get(kind, 0) for kind in FALSE_POSITIVES)


def facts_of(bank: Bank, *, workers: int | None = None, on_progress: OnCount | None = None) -> BankFacts:
    """Count what is in a bank.

    Raises:
        BankError: where no image was scanned into it, or it is damaged.
    """
    sources = scanned_sources(bank)
    if not sources:
        raise BankError(
            f"expected a bank that images were scanned into, found none in {printable(bank.folder)}; run `negmine scan`"
        )
    found = false_positives_of_runs(bank)
    kinds, scores = kinds_by_class(bank), scores_by_class(bank)
    classes = sorted(kinds, key=lambda name: (-false_count(kinds[name]), name))
    return BankFacts(
        folder=bank.folder,
        written=_moment((bank.folder / DATABASE).stat().st_mtime),
        runs=tuple(RunFacts(each, found.get(each.id, 0)) for each in runs(bank)),
        images=len(sources),
        dated=_dated(sources),
        labels=labels_of(bank),
        by_size=found_in_bank(bank),
        kinds={name: kinds[name] for name in classes},
        groups=group(sources, workers=workers, on_progress=on_progress),
        scores={name: scores[name] for name in classes if name in scores},
        banked=banked(bank),
        negatives=bank.negative_count(),
        variants=sum(bank.variant_counts().values()),
        states=counts(bank)["states"],
        held_back=sum(map(is_held_back, bank.negatives())),
        waiting=len(waiting_images(bank)),
        origins=verdict_origins(bank),
        clusters=cluster_sizes(bank),
    )


def _dated(sources: Sequence[ScannedSource]) -> tuple[datetime, datetime] | None:
    times = [each.stamp.mtime_ns // 10**9 for each in sources if each.stamp is not None]
    if not times:
        return None
    return _moment(min(times)), _moment(max(times))


def _moment(seconds: float) -> datetime:
    """The time of a file; file systems keep years that Python does not have."""
    return datetime.fromtimestamp(min(max(int(seconds), _FIRST), _LAST), UTC)
