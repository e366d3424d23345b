"""Merging banks: everything by the hash of its content, so that merging again changes nothing.

What is here stays: where the same run has looked at the same image in both banks, its detections here are kept. What is
labelled in either bank counts for the negatives of both. A merge that is killed is finished by running it again: labels
are taken first, some images at a time, then negatives, and then the verdicts on what is in both.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from negmine.bank.bank import Bank
from negmine.bank.cells import BOX, RECT, SHA256, SIDE, WHOLE, Row
from negmine.bank.connection import DATABASE, against_writers, bank_errors
from negmine.bank.filters import ConflictRule
from negmine.bank.identity import sha256s_of
from negmine.bank.merge_result import BankMergeResult, MergedBank
from negmine.bank.merge_store import ReadyNegative, doubts_of
from negmine.bank.other_bank import OtherBank, OtherNegative, OtherSource, OtherVariant, read_other
from negmine.bank.other_files import CheckedFile, OtherFiles
from negmine.bank.settling import Conflict, Said, settle
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect, rect_touches, touched_pixels
from negmine.engines.threads import ThreadEngine
from negmine.errors import BankError
from negmine.paths import printable, real_path
from negmine.structures import IntArray, as_boxes_xyxy
from negmine.videos.contents import OnCount

_T = TypeVar("_T")

_PURPOSE = "negmine bank merge"
_AT_ONCE = 100  # images, or variants, in a transaction: a reviewer's verdict waits for its end
_LABELS_AT_ONCE = 500  # images whose labels are taken in one; no file is written there
_VERDICTS_AT_ONCE = 5000  # negatives that are here already; what is decided in one transaction is one act
_TURN, _PAUSE = 0.3, 0.11  # seconds: SQLite looks every 0.1 s at the latest whether it may write
_OWN_OBJECTS = """
SELECT s.sha256, o.x1, o.y1, o.x2, o.y2
FROM objects o JOIN truths t ON t.id = o.truth_id JOIN sources s ON s.id = t.source_id
"""
_OWN_CROPS = """
SELECT c.negative_id, s.sha256, c.x1, c.y1, c.x2, c.y2 FROM crops c JOIN sources s ON s.id = c.source_id
WHERE c.negative_id {}
"""


def merge_banks(
    bank: str | Path,
    others: Sequence[str | Path],
    *,
    conflicts: ConflictRule = "safer",
    workers: int | None = None,
    on_progress: OnCount | None = None,
) -> BankMergeResult:
    """Add to a bank what others hold: negatives, variants, where they come from, labels and verdicts.

    A negative that shows an object which any of the banks knows is not taken, or is withdrawn. The files of the others
    are taken by their hashes; one that is missing or damaged is left out and named.

    Args:
        bank: the folder of the bank that is added to; a new or empty one becomes a bank.
        others: folders of banks, which are left as they are.
        conflicts: which verdict holds where both banks have one and they differ: the safer (target, then rejected, then
            accepted), the own, or theirs.
        workers: threads that read files.
        on_progress: called with how many images of the others are done, of how many.

    Raises:
        BankError: where one of the others is no bank, or is the bank itself, where `bank` holds something else, or
            another process writes to one of them.
    """
    folder, report = Path(bank), on_progress or (lambda done, total: None)
    for other in map(Path, others):
        Bank(other).close()  # before a bank is made for it
        if real_path(other) == real_path(folder):
            raise BankError(f"bank {printable(other)} cannot be merged into itself; name another")
    with bank_errors(folder):
        is_new = not (folder / DATABASE).exists()
    merged = []
    with (
        BankWriter(folder, purpose=_PURPOSE) as writer,
        ThreadEngine(workers, name="negmine-merge") as engine,
    ):
        for other in map(Path, others):
            with against_writers(other, purpose=_PURPOSE), Bank(other) as opened:
                data = read_other(opened)
            merged.append(_Merge(writer, other, data, engine, report).run(conflicts))
        return BankMergeResult(folder, is_new, writer.negative_count(), tuple(merged))


class _Merge:
    """The merge of one other bank."""

    def __init__(
        self, writer: BankWriter, folder: Path, other: OtherBank, engine: ThreadEngine, report: OnCount
    ) -> None:
        self._writer, self._folder, self._other, self._engine, self._report = writer, folder, other, engine, report
        self._files = OtherFiles(folder, writer.stage)
        self._hashes = {negative.file.sha256: number for number, negative in other.negatives.items()}
        own = writer.rows("SELECT sha256, id FROM negatives", {"sha256": SHA256, "id": WHOLE})
        self._own = {self._hashes[sha256]: number for sha256, number in own if sha256 in self._hashes}
        self._unusable: dict[str, str] = {}
        self._since = time.monotonic()
        self._sources = self._agreed_sources()
        self._unplaced = self._without_place()
        self._refused = self._touching()

    def run(self, conflicts: ConflictRule) -> MergedBank:
        """Take what there is: labels first, so that no negative is taken while a label that forbids it is not here."""
        at_first = dict(self._own)
        withdrawn = self._label()
        both = {number: own for number, own in at_first.items() if own not in withdrawn}
        known = {number: own for number, own in both.items() if number not in self._unplaced}
        self._take(known)
        decided, found = self._decide(both, conflicts)
        decided += self._doubt(known)
        variants = self._take_variants(known)
        return MergedBank(
            other=self._folder,
            added=len([number for number in known if number not in at_first]),
            known=len(at_first),
            refused=self._named(self._refused - at_first.keys()),
            withdrawn=tuple(sorted(withdrawn.values())),
            unusable=dict(sorted(self._unusable.items())),
            variants=variants,
            verdicts=decided,
            conflicts=tuple(found),
        )

    def _named(self, numbers: set[int]) -> tuple[str, ...]:
        return tuple(sorted(self._other.negatives[number].file.sha256 for number in numbers))

    def _agreed_sources(self) -> tuple[OtherSource, ...]:
        """The images about whose size both banks say the same; an image of the other alone may be of any."""
        columns = {"sha256": SHA256, "width": SIDE, "height": SIDE}
        sizes = {
            sha256: (width, height)
            for sha256, width, height in self._writer.rows(f"SELECT {', '.join(columns)} FROM sources", columns)
        }
        agreed = []
        for source in self._other.sources:
            if sizes.get(source.sha256, source.size_wh) == source.size_wh:
                agreed.append(source)
            else:
                self._unusable[f"image {source.sha256}"] = "the banks do not agree about its size"
        return tuple(agreed)

    def _without_place(self) -> set[int]:
        """The negatives of the other of which it does not say where in an image they were cut, or not rightly."""
        wrong = dict[int, str]()
        for source in self._other.sources:
            whole, placed = Rect(0, 0, *source.size_wh), {number for number, _ in source.crops}
            for number, rect in source.crops:
                if not whole.contains(rect) or rect.area <= 0:
                    wrong[number] = "its crop is not inside its image"
            for *_, found, _ in (row for rows in source.detections.values() for row in rows):
                if found is not None and found not in placed:
                    wrong[found] = "its bank does not say where in its image it was cut"
        wrong = {number: reason for number, reason in wrong.items() if number in self._other.negatives}
        self._unusable |= {self._other.negatives[number].file.name: reason for number, reason in wrong.items()}
        return set(wrong)

    def _touching(self) -> set[int]:
        """The negatives of the other that touch an object which a bank knows.

        All places that either bank cut a negative from are looked at.
        """
        boxes: dict[str, list[Row]] = defaultdict(list)
        for sha256, *box in self._writer.rows(_OWN_OBJECTS, {"sha256": SHA256, **BOX}):
            boxes[sha256].append(tuple(box))
        for source in self._other.sources:
            boxes[source.sha256] += source.boxes()
        blocked = {sha256: touched_pixels(as_boxes_xyxy(each)) for sha256, each in boxes.items() if each}
        refused = set[int]()
        for source in self._other.sources:
            touching = {number for number, rect in source.crops if _touches(rect, blocked.get(source.sha256))}
            refused |= touching & self._other.negatives.keys()
        there = {own: number for number, own in self._own.items()}
        within, asked = self._writer.among([*there])
        rows = self._writer.rows(_OWN_CROPS.format(within), {"negative_id": WHOLE, "sha256": SHA256, **RECT}, asked)
        return refused | {there[own] for own, sha256, *rect in rows if _touches(Rect(*rect), blocked.get(sha256))}

    def _take(self, known: dict[int, int]) -> None:
        """Take images with what runs found in them, and the negatives that are not here yet."""
        store = self._writer.merge_store()
        with self._transaction():
            runs = store.runs(self._other)
        done = 0
        for sources in _in_parts(self._sources, _AT_ONCE):
            ready, frames = self._ready(sources, known), self._frames(sources)
            if ready or frames:
                self._writer.settle()
            with self._transaction():
                for source in sources:
                    store.take(source, runs, known, ready)
                    store.gap_reviews(source)
                unused = [file for source, file in frames if not store.frame(source, file.staged)]
            for file in unused:
                file.staged.path.unlink(missing_ok=True)
            for number in ready.keys() - known.keys():  # the same run has seen its image here
                ready[number].staged.path.unlink(missing_ok=True)
            done += len(sources)
            self._report(done, len(self._sources))

    def _ready(self, sources: Sequence[OtherSource], known: Mapping[int, int]) -> dict[int, ReadyNegative]:
        """The negatives of some images that are new and whose files are sound."""
        found = dict.fromkeys(
            negative for each in sources for rows in each.detections.values() for *_, negative, _ in rows
        )
        wanted = [
            self._other.negatives[number]
            for number in found
            if number in self._other.negatives and number not in known and number not in self._refused
        ]
        wanted = [negative for negative in wanted if negative.file.name not in self._unusable]
        checked = self._checked(wanted)
        return {
            negative.id: ReadyNegative(negative, file.staged, file.agreed_phash(negative.phash))
            for negative, file in checked
        }

    def _frames(self, sources: Sequence[OtherSource]) -> list[tuple[OtherSource, CheckedFile]]:
        """The frames of cameras among some images that are not here yet and whose files are sound."""
        question = "SELECT s.sha256 FROM frames f JOIN sources s ON s.id = f.source_id"
        here = {sha256 for (sha256,) in self._writer.rows(question, {"sha256": SHA256})}
        wanted = [(each, each.frame.file) for each in sources if each.frame is not None and each.sha256 not in here]
        sound = []
        for (source, file), found in zip(
            wanted, self._engine.map(self._files.check, [file for _, file in wanted]), strict=True
        ):
            if isinstance(found, str):
                self._unusable[file.name] = found
            else:
                sound.append((source, found))
        return sound

    def _checked(self, wanted: Sequence[OtherNegative]) -> Iterator[tuple[OtherNegative, CheckedFile]]:
        for negative, file in zip(
            wanted, self._engine.map(self._files.check, [each.file for each in wanted]), strict=True
        ):
            if isinstance(file, str):
                self._unusable[negative.file.name] = file
            else:
                yield negative, file

    def _label(self) -> dict[int, str]:
        """Take labels, and withdraw the negatives here that show an object; their hashes, by number."""
        store, withdrawn = self._writer.merge_store(), dict[int, str]()
        for sources in _in_parts(self._sources, _LABELS_AT_ONCE):
            with self._transaction():
                withdrawn |= self._withdraw({number for source in sources for number in store.label(source)})
        for part in _in_parts([own for number, own in self._own.items() if number in self._refused], _AT_ONCE):
            with self._transaction():
                withdrawn |= self._withdraw(set(part))
        return withdrawn

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction, after which those who wait with a verdict may write.

        One right behind the other would keep them out.
        """
        with self._writer.transaction():
            yield
        if time.monotonic() - self._since > _TURN:
            time.sleep(_PAUSE)
            self._since = time.monotonic()

    def _withdraw(self, negatives: set[int]) -> dict[int, str]:
        named = sha256s_of(self._writer, sorted(negatives))
        self._writer.merge_store().withdraw(set(named))
        return named

    def _decide(self, both: Mapping[int, int], conflicts: ConflictRule) -> tuple[int, list[Conflict]]:
        """Store the verdicts of the other on negatives that are in both, and hold back what it holds back.

        Returns:
            How many verdicts changed, and what contradicts.
        """
        decided, found = 0, list[Conflict]()
        by_hash = sorted(both.items(), key=lambda each: self._other.negatives[each[0]].file.sha256)
        said = [pair for pair in by_hash if self._other.negatives[pair[0]].is_doubted_or_judged]
        for part in _in_parts(said, _VERDICTS_AT_ONCE):
            with self._transaction():
                self._hold(part)
                changed, conflicting = self._decide_part(part, conflicts)
            decided += changed
            found += conflicting
        return decided, found

    def _hold(self, both: Sequence[tuple[int, int]]) -> None:
        likely = {own: self._other.negatives[number].unlabelled for number, own in both}
        self._writer.merge_store().hold({own: value for own, value in likely.items() if value is not None})

    def _decide_part(self, both: Sequence[tuple[int, int]], conflicts: ConflictRule) -> tuple[int, list[Conflict]]:
        negatives = self._other.negatives
        said = [Said(own, negatives[number].file.sha256, {negatives[number].state: None}) for number, own in both]
        changed, found = settle(self._writer, said, conflicts, origin="merge")
        return sum(map(len, changed.values())), found

    def _doubt(self, known: Mapping[int, int]) -> int:
        """Keep the other's doubts about places whose negatives are not here; how many negatives here got a verdict."""
        store, decided = self._writer.merge_store(), 0
        doubted = [(source, found) for source in self._sources if (found := doubts_of(source, self._other, known))]
        for part in _in_parts(doubted, _AT_ONCE):
            with self._transaction():
                decided += sum(store.doubt(source, found) for source, found in part)
        return decided

    def _take_variants(self, known: Mapping[int, int]) -> int:
        """Take variants and repeats of the negatives that are here; how many variants."""
        tried = {own: self._writer.tried(own) for own in set(known.values())} if self._other.variants else {}
        wanted = [
            each
            for each in self._other.variants
            if each.negative in known and (each.operation, each.as_json()) not in tried[known[each.negative]]
        ]
        taken = 0
        for part in _in_parts(wanted, _AT_ONCE):
            files = list(self._engine.map(self._files.check, [each.file for each in part]))
            with self._transaction():
                for variant, file in zip(part, files, strict=True):
                    taken += self._add(variant, file, known[variant.negative])
        for repeats in _in_parts(self._other.repeats, _LABELS_AT_ONCE):
            with self._transaction():
                for negative, operation, parameters in repeats:
                    if negative in known and (operation, parameters) not in self._writer.tried(known[negative]):
                        self._writer.add_repeat(known[negative], operation, json.loads(parameters))
        return taken

    def _add(self, variant: OtherVariant, file: CheckedFile | str, negative: int) -> bool:
        if isinstance(file, str):
            self._unusable[variant.file.name] = file
            return False
        parameters = json.loads(variant.parameters)
        return self._writer.add_variant(negative, file.staged, variant.file.size_wh, variant.operation, parameters)


def _touches(rect: Rect, blocked: IntArray | None) -> bool:
    return blocked is not None and rect_touches(rect, blocked)


def _in_parts(every: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(every), most):
        yield every[start : start + most]
