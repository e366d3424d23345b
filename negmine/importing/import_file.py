"""Taking up verdicts and labels that were made in another tool.

Labels come first: a negative that shows a labelled object is withdrawn, as a scan with labels would do it. Then come
the verdicts on what is left. Importing again changes nothing, and finishes an import that was killed.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from negmine.bank.bank import Bank
from negmine.bank.browsing import from_crop
from negmine.bank.filters import ConflictRule, ReviewState
from negmine.bank.image_index import ImageIndex
from negmine.bank.index import decided_states
from negmine.bank.settling import Conflict, Said, settle
from negmine.bank.writer import BankWriter
from negmine.errors import LabelError
from negmine.importing.entry import Entry
from negmine.importing.matching_images import ImageMatcher, Match
from negmine.importing.recognise import read_entries
from negmine.importing.result import ImportFileResult
from negmine.paths import printable, real_path
from negmine.structures import GroundTruth

_T = TypeVar("_T")
_PURPOSE = "negmine import"
_AT_ONCE = 200  # images in a transaction: a reviewer's verdict waits for its end
_VERDICTS_AT_ONCE = 5000  # in one transaction, which are one act


def import_file(file: str | Path, bank: str | Path, *, conflicts: ConflictRule = "safer") -> ImportFileResult:
    """Take up what another tool says of the images of a bank: verdicts on negatives, and labels.

    A negative that shows a labelled object is withdrawn. Where a labelled object has no place that can be used, the
    negatives of the image are marked as targets, whatever `conflicts` is. What is said of no image of the
    bank, or cannot be used, is counted and named. Labels of an image replace those that an earlier import took for it.

    Args:
        file: a CSV with hashes and verdicts, the JSON export of Label Studio, CVAT for images, COCO, or the
            `samples.json` of FiftyOne.
        bank: its folder.
        conflicts: which verdict holds where the bank has another one: the safer (target, then rejected, then accepted),
            the own, or theirs. Of several in the file the safer counts.

    Raises:
        TruthError: where the file cannot be read, or is of no such format.
        BankError: where the folder is not a bank.
        BankLockedError: where another process is writing to it.
    """
    file, folder = Path(file), Path(bank)
    Bank(folder).close()  # before a bank is made there
    format_name, entries = read_entries(file)
    home = real_path(file) if file.is_dir() else real_path(file).parent
    with BankWriter(folder, purpose=_PURPOSE) as writer:
        return _Import(writer, ImageIndex.read(writer), home).run(entries, conflicts, file, format_name)


@dataclass(slots=True, eq=False)
class _Counts:
    labelled: int = 0
    unchanged: int = 0
    objects: int = 0
    withdrawn: dict[int, str] = field(default_factory=dict)
    withdrawn_before: set[str] = field(default_factory=set)


class _Import:
    """One import.

    Args:
        writer: the bank.
        index: its images.
        home: the folder of the file.
    """

    def __init__(self, writer: BankWriter, index: ImageIndex, home: Path) -> None:
        self._writer, self._index = writer, index
        self._matcher = ImageMatcher(index, home)
        self._hashes = {negative.id: sha256 for sha256, negative in index.negatives.items()}
        self._unmatched, self._unusable = list[tuple[str, str]](), list[tuple[str, str]]()
        self._unplaced = list[tuple[Entry, Match, tuple[str, ...]]]()
        self._counts = _Counts()

    def run(self, entries: Sequence[Entry], conflicts: ConflictRule, file: Path, format_name: str) -> ImportFileResult:
        """Take up what the entries say."""
        silent = sum(map(_is_silent, entries))
        found = self._matched([each for each in entries if not _is_silent(each)])
        labels = self._labels(found)
        for part in _in_parts(list(labels.items()), _AT_ONCE):
            with self._writer.transaction():
                for (source, scope), truth in part:
                    self._label(source, scope, truth)
        said = self._verdicts(found)
        changed, contradicting = self._decide(said, conflicts)
        skipped = _in_order([*self._unmatched, *self._unusable], entries)
        return ImportFileResult(
            bank=self._writer.folder,
            file=file,
            format=format_name,
            entries=len(entries),
            silent=silent,
            labelled=self._counts.labelled,
            unchanged=self._counts.unchanged,
            objects=self._counts.objects,
            withdrawn=tuple(sorted(self._counts.withdrawn.values())),
            unexplained=self._unexplained(
                {source for source, scope in labels if source == scope}
                - {match.sha256 for _, match, _ in self._unplaced}
            ),
            verdicts=dict(sorted(changed.items())),
            conflicts=tuple(contradicting),
            unmatched=tuple(self._unmatched),
            unplaced=tuple((_name_of(entry), "; ".join(problems)) for entry, _, problems in self._unplaced),
            unusable=_in_order(self._unusable, entries),
            skipped=skipped,
            is_useless=bool(skipped) and not said and len(skipped) >= len(entries) - silent,
        )

    def _matched(self, entries: Sequence[Entry]) -> list[tuple[Entry, Match]]:
        found = []
        for each in entries:
            try:
                match = self._matcher.find(each)
            except LabelError as error:
                self._unusable.append((_name_of(each), str(error)))
                continue
            if isinstance(match, Match):
                found.append((_judged(each, match), match))
            else:
                self._unmatched.append((_name_of(each), match))
        return found

    def _labels(self, found: Sequence[tuple[Entry, Match]]) -> dict[tuple[str, str], GroundTruth]:
        """The objects of each source, by its hash and that of what was labelled: itself, or a negative cut from it."""
        labels = dict[tuple[str, str], GroundTruth]()
        for entry, match in found:
            if entry.read is None:
                continue
            try:
                placed, problems = self._placed(entry, match)
            except LabelError as error:
                self._unusable.append((_name_of(entry), str(error)))
                continue
            if problems:
                self._unplaced.append((entry, match, problems))
            for source, truth in placed:
                before = labels.get((source, match.sha256))
                labels[source, match.sha256] = truth if before is None else before.joined(truth)
        return labels

    def _placed(self, entry: Entry, match: Match) -> tuple[list[tuple[str, GroundTruth]], tuple[str, ...]]:
        """The objects in pixels of each source, and why others have no place.

        None for a negative that an earlier import withdrew. Where no object has a place, the image is not empty.
        """
        assert entry.read is not None
        negative = self._index.negatives.get(match.sha256)
        if match.is_negative and negative is None:
            self._count_known(match.sha256)
            return [], ()
        truth, problems = entry.read(negative.size_wh if negative else self._index.sources[match.sha256])
        if problems and not len(truth):
            return [], problems
        return self._in_sources(match, truth), problems

    def _in_sources(self, match: Match, truth: GroundTruth) -> list[tuple[str, GroundTruth]]:
        """The objects in an image, in pixels of each source."""
        if not match.is_negative:
            return [(match.sha256, truth)]
        negative = self._index.negatives[match.sha256]
        placed = []
        for cut in self._writer.cuts([negative.id])[negative.id]:
            boxes = [from_crop(box, cut.rect, negative.size_wh) for box in truth.boxes_xyxy.tolist()]
            kept = [(box, name) for box, name in zip(boxes, truth.class_names, strict=True) if box is not None]
            placed.append((cut.sha256, GroundTruth.of([box for box, _ in kept], [name for _, name in kept])))
        return placed

    def _count_known(self, sha256: str) -> None:
        """Count the labels of a negative that an earlier import withdrew, once for each source as that import did."""
        counts = self._counts
        if sha256 not in counts.withdrawn_before:
            counts.withdrawn_before.add(sha256)
            before = self._index.labelled_elsewhere[sha256]
            counts.unchanged += len(before)
            counts.objects += sum(before)

    def _label(self, source: str, scope: str, truth: GroundTruth) -> None:
        gone = self._writer.import_labels(source, scope, _hash_of(truth), truth)
        counts = self._counts
        counts.objects += len(truth)
        counts.labelled += gone is not None
        counts.unchanged += gone is None
        counts.withdrawn |= gone or {}

    def _verdicts(self, found: Sequence[tuple[Entry, Match]]) -> list[Said]:
        """The verdicts on each negative that is still there; one on a source image is on all that was cut from it.

        A negative that may show an object of unknown place is a target.
        """
        states: dict[int, dict[ReviewState, str | None]] = defaultdict(dict)
        for entry, match in found:
            for number in self._negatives_of(match) if entry.verdicts else ():
                for verdict in entry.verdicts:
                    states[number].setdefault(verdict, entry.where)
        for entry, match, _ in self._unplaced:
            for number in self._negatives_of(match):
                states[number].setdefault("target", entry.where)
        return [Said(number, self._hashes[number], several) for number, several in sorted(states.items())]

    def _negatives_of(self, match: Match) -> list[int]:
        index = self._index
        if match.is_negative:
            numbers = [index.negatives[match.sha256].id] if match.sha256 in index.negatives else []
        else:
            numbers = list(index.cut_from.get(match.sha256, ()))
        return [number for number in numbers if number not in self._counts.withdrawn]

    def _decide(
        self, said: Sequence[Said], conflicts: ConflictRule
    ) -> tuple[Mapping[ReviewState, int], list[Conflict]]:
        doubtful = {number for _, match, _ in self._unplaced for number in self._negatives_of(match)}
        by_rule: list[tuple[ConflictRule, list[Said]]] = [
            ("safer", [each for each in said if each.negative in doubtful]),
            (conflicts, [each for each in said if each.negative not in doubtful]),
        ]
        counts, found = Counter[ReviewState](), list[Conflict]()
        for rule, part in ((rule, part) for rule, every in by_rule for part in _in_parts(every, _VERDICTS_AT_ONCE)):
            with self._writer.transaction():
                changed, contradicting = settle(self._writer, part, rule, origin="import")
            counts.update({state: len(numbers) for state, numbers in changed.items()})
            found += contradicting
        return counts, found

    def _unexplained(self, labelled: set[str]) -> tuple[str, ...]:
        """Negatives of labelled sources that a person marked as targets, and that no labelled object touches."""
        numbers = [number for sha256 in labelled for number in self._index.cut_from.get(sha256, ())]
        states = decided_states(self._writer, [each for each in numbers if each not in self._counts.withdrawn])
        return tuple(sorted(self._hashes[number] for number, state in states.items() if state == "target"))


def _is_silent(entry: Entry) -> bool:
    return not entry.verdicts and entry.read is None and entry.problem is None


def _judged(entry: Entry, match: Match) -> Entry:
    """The entry, with the verdict that it implies: who confirms that a negative is empty accepts it."""
    implied = match.is_negative and entry.is_confirmed_empty and not entry.verdicts
    return replace(entry, verdicts=("accepted",)) if implied else entry


def _name_of(entry: Entry) -> str:
    name = entry.sha256 or entry.name
    return entry.where if name is None or name in entry.where else f"{entry.where} ({printable(name)})"


def _in_order(skipped: Sequence[tuple[str, str]], entries: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    """Entries that are skipped, in the order of the file."""
    order = {_name_of(entry): number for number, entry in enumerate(entries)}
    return tuple(sorted(skipped, key=lambda each: order.get(each[0], len(order))))


def _hash_of(truth: GroundTruth) -> str:
    marks = (truth.class_names, truth.difficult.tolist(), truth.crowd.tolist())
    said = repr((truth.boxes_xyxy.tolist(), *marks))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _in_parts(every: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(every), most):
        yield every[start : start + most]
