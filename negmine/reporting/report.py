"""A report: one HTML file with all in it, to hand to a colleague."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.browsing import digits
from negmine.detectors.base import OnStep
from negmine.errors import ConfigError
from negmine.files import open_regular, reason_of, replace_file
from negmine.mining.config import DEFAULT_BANK
from negmine.paths import printable
from negmine.ratios.ratio import ratio
from negmine.ratios.result import RatioResult
from negmine.reporting.config import DEFAULT_OUT, ReportConfig
from negmine.reporting.content import (
    bank_content,
    histograms,
    kinds_content,
    left_out_content,
    ratio_content,
    runs_content,
    tiles,
)
from negmine.reporting.facts import BankFacts, facts_of
from negmine.reporting.galleries import (
    Gallery,
    NegativeRows,
    of_changes,
    of_classes,
    of_clusters,
    of_verdicts,
    without_row,
)
from negmine.reporting.page import MARK, fill_page
from negmine.reporting.pictures import Pictures
from negmine.reporting.result import ReportResult, RetrainingFacts
from negmine.reporting.retrained import retraining_content, retraining_facts
from negmine.retraining.finished import FinishedRetraining, read_finished
from negmine.retraining.folder import RetrainFolder
from negmine.videos.contents import OnCount

_HEAD = 1024  # bytes of a report that hold its mark


@dataclass(frozen=True, slots=True, eq=False)
class _Galleries:
    classes: Sequence[Gallery]
    clusters: Sequence[Gallery]
    verdicts: Sequence[Gallery]
    changes: Sequence[Gallery]

    @property
    def all(self) -> list[Gallery]:
        return [*self.changes, *self.classes, *self.clusters, *self.verdicts]


def report(
    bank: str | Path | None = None,
    out: str | Path = DEFAULT_OUT,
    *,
    retrain: str | Path | None = None,
    data: str | Path | None = None,
    split: str | None = None,
    config: ReportConfig | None = None,
    on_step: OnStep | None = None,
    on_progress: OnCount | None = None,
) -> ReportResult:
    """Write one HTML file that says what was mined, and what a retraining changed; pictures and charts are inside.

    Nothing is trained and no detector runs: the pictures of what a retraining changed are cut from the images that it
    was measured on, as long as these are there.

    Args:
        bank: the bank. None for the one in the folder of `retrain`, where that has one, else `negmine-bank`.
        out: the file, which ends in `.html`. A report that is there is replaced.
        retrain: the folder of a finished retraining.
        data: a labelled data set, whose positive images the negatives are compared with.
        split: of the data set; None for all.
        config: what is shown.
        on_step: told in words what begins now.
        on_progress: told how many images were read, of how many.

    Raises:
        ConfigError: where `out` cannot be written or holds something else, or `retrain` is no finished retraining.
        BankError: where there is no bank, or no image was scanned into it.
        TruthError, SourceError: where the data set cannot be opened.
    """
    config, say = config or ReportConfig(), on_step or (lambda text: None)
    out = Path(out)
    _require_ours(out)
    done = None if retrain is None else read_finished(retrain)
    with Bank(_bank_folder(bank, done)) as opened:
        say("counting what is in the bank")
        facts = facts_of(opened, workers=config.workers, on_progress=on_progress)
        mix = None if data is None else _ratio(data, split, opened.folder, config, say)
        if done is not None:
            say("comparing the rounds of the retraining")
        changed = None if done is None else retraining_facts(done)
        say("cutting out pictures")
        pictures = Pictures()
        galleries = _galleries(opened, facts, changed, pictures, config.hardest)
    shown = _shown(galleries, pictures)
    page = fill_page(_content(facts, mix, changed, galleries, config) | {"shown": shown})
    _write(out, page)
    return ReportResult(out, len(page), facts, mix, changed, shown.pictures, shown.missing, shown.left_out)


@dataclass(frozen=True, slots=True)
class _Shown:
    """How many pictures are in a report, and which are not."""

    pictures: int
    missing: tuple[tuple[str, int], ...]
    left_out: int


def _bank_folder(bank: str | Path | None, done: FinishedRetraining | None) -> Path:
    if bank is not None:
        return Path(bank)
    own = None if done is None else RetrainFolder(done.out).bank
    return own if own is not None and own.is_dir() else Path(DEFAULT_BANK)


def _ratio(data: str | Path, split: str | None, bank: Path, config: ReportConfig, say: OnStep) -> RatioResult:
    say("counting the images of the data set")
    return ratio(
        data,
        bank=bank,
        target=config.target,
        split=split,
        labels=config.labels,
        duplicates=False,
        workers=config.workers,
    )


def _galleries(
    bank: Bank, facts: BankFacts, changed: RetrainingFacts | None, pictures: Pictures, most: int
) -> _Galleries:
    """All pictures; those of a retraining first, since the budget may end."""
    changes = [] if changed is None or changed.changes is None else of_changes(changed.changes, pictures, most)
    if not most:
        return _Galleries([], [], [], changes)
    rows = NegativeRows(bank, pictures, most, digits(bank))
    return _Galleries(
        of_classes(rows, facts),
        of_clusters(rows, facts),
        of_verdicts(rows),
        changes,
    )


def _shown(galleries: _Galleries, pictures: Pictures) -> _Shown:
    every = [figure.picture for gallery in galleries.all for figure in gallery.figures]
    missing = Counter(each.missing for each in every if each.missing is not None)
    left_out = pictures.left_out
    reasons = tuple(sorted((reason, count) for reason, count in missing.items() if not reason.startswith("left out")))
    return _Shown(sum(each.uri is not None for each in every), reasons, left_out)


def _content(
    facts: BankFacts,
    mix: RatioResult | None,
    changed: RetrainingFacts | None,
    galleries: _Galleries,
    config: ReportConfig,
) -> dict[str, object]:
    return {
        "made_on": config.made_on,
        "tiles": tiles(facts, mix),
        "bank": bank_content(facts),
        "runs": runs_content(facts),
        "kinds": kinds_content(facts),
        "histograms": histograms(facts),
        "galleries": galleries,
        "more": without_row(facts),
        "ratio": None if mix is None else ratio_content(mix),
        "left_out": left_out_content(facts),
        "retraining": None if changed is None else retraining_content(changed, galleries.changes),
    }


def _require_ours(out: Path) -> None:
    """Refuse, before any work is done, a file that cannot be written, or that is something else than a report.

    Raises:
        ConfigError: where it is so.
    """
    where = printable(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"expected a file that ends in .html, found {where}; name another with --out")
    try:
        if out.is_dir() or not out.absolute().parent.is_dir():
            raise ConfigError(f"{where} cannot be written; name a file in a folder that exists with --out")
        if not out.exists():
            return
        with open_regular(out) as file:
            ours = MARK in file.read(_HEAD)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where} cannot be written: {reason_of(error)}; name another file with --out") from error
    if not ours:
        raise ConfigError(f"{where} is there and is no report of negmine; name another file with --out, or remove it")


def _write(out: Path, page: bytes) -> None:
    try:
        replace_file(out, lambda part: part.write_bytes(page))
    except OSError as error:
        raise ConfigError(
            f"{printable(out)} cannot be written: {reason_of(error)}; name another file with --out"
        ) from error
