"""All negatives of a bank in memory, so that a window that shows them is sorted and filtered at once.

`browse` asks the database, which is what a command needs that asks once. The two answer alike.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from negmine.bank.bank import Bank
from negmine.bank.cells import FLAG, KEY, NUMBER, NUMBER_OR_NULL, REVIEW, SHA256, TEXT, WHOLE, WHOLE_OR_NULL
from negmine.bank.filters import STATES, NegativeFilter, ReviewState, Sort
from negmine.structures import BoolArray, FloatArray, IntArray

HASH_DIGITS = 8
NO_GROUP = -1  # in place of the number of a cluster or place
_NEGATIVES = """
SELECT d.negative_id, n.sha256, d.score, d.class_name, d.source_id, l.unlabelled, l.cluster, l.place, d.is_flicker
FROM (SELECT negative_id, max(score) AS score, class_name, source_id, sum(kind <> 'flicker') = 0 AS is_flicker
      FROM detections
      WHERE negative_id IS NOT NULL GROUP BY negative_id) d
JOIN negatives n ON n.id = d.negative_id
JOIN sources s ON s.id = d.source_id
LEFT JOIN likenesses l ON l.negative_id = d.negative_id
ORDER BY d.negative_id
"""
_SOURCES = """
SELECT id, key FROM sources WHERE id IN (SELECT source_id FROM detections WHERE negative_id IS NOT NULL)
ORDER BY path, id
"""
_RUNS = "SELECT DISTINCT run_id, negative_id FROM detections WHERE negative_id IS NOT NULL"
_REVIEWS = "SELECT negative_id, state FROM reviews"
_CONTENT = """
SELECT (SELECT count(*) FROM negatives), (SELECT coalesce(max(id), 0) FROM negatives),
       (SELECT count(*) FROM detections), (SELECT coalesce(max(id), 0) FROM detections),
       (SELECT total(score) FROM detections WHERE negative_id IS NOT NULL),
       (SELECT count(*) FROM likenesses),
       (SELECT total((negative_id % 256 + 1) * (coalesce(cluster, -1) + 1024 * coalesce(place, -1))) FROM likenesses),
       (SELECT total((negative_id % 256 + 1) * unlabelled) FROM likenesses),
       (SELECT total((id % 256 + 1) * (unicode(sha256) + 128 * unicode(substr(sha256, 2)))) FROM negatives)
"""
_DECISIONS = """
SELECT (SELECT coalesce(max(id), 0) FROM acts), (SELECT total(undone) FROM acts),
       (SELECT count(*) FROM reviews), (SELECT total(negative_id) FROM reviews)
"""
Codes = npt.NDArray[np.int32]


Stamp = tuple[float, ...]  # stays the same while something does


def content_stamp(bank: Bank) -> Stamp:
    """That of the negatives and of what is known of them; tens of milliseconds for 100,000."""
    return next(bank.rows(_CONTENT, {str(number): NUMBER for number in range(9)}))


def decision_stamp(bank: Bank) -> Stamp:
    """That of what people decided: the last act, how many were undone, and sums over the verdicts."""
    return next(bank.rows(_DECISIONS, {str(number): NUMBER for number in range(4)}))


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Every negative of a bank, N of them, in the order of their numbers.

    Attributes:
        ids: [N], their numbers; that of a negative which went away may be another's later.
        hashes: [N], the first `HASH_DIGITS` hex digits of their sha256.
        scores: [N], of the hardest false positive of each.
        classes: [N], indices into `class_names`.
        class_names: in order.
        sources: [N], indices into `keys`.
        keys: of the images that they were cut from, in the order of their paths.
        states: [N], indices into `STATES`; changed in place by `set_states`.
        unlabelled: [N], how much each looks like a target that nobody labelled; NaN where nobody knows.
        clusters, places: [N], or NO_GROUP.
        flickers: [N], whether all that speaks for each is that its detections are alone in time.
        runs: the numbers of the negatives that each run found, by its number.
    """

    ids: IntArray
    hashes: npt.NDArray[np.uint32]
    scores: FloatArray
    classes: Codes
    class_names: tuple[str, ...]
    sources: Codes
    keys: tuple[bytes, ...]
    states: npt.NDArray[np.uint8]
    unlabelled: FloatArray
    clusters: IntArray
    places: IntArray
    flickers: BoolArray
    runs: Mapping[int, IntArray]
    _folder_masks: dict[bytes, BoolArray] = field(default_factory=dict)

    @classmethod
    def read(cls, bank: Bank) -> Index:
        """Read a bank; less than a second for 100,000 negatives."""
        columns = {
            "negative_id": WHOLE, "sha256": SHA256, "score": NUMBER, "class_name": TEXT, "source_id": WHOLE,
            "unlabelled": NUMBER_OR_NULL, "cluster": WHOLE_OR_NULL, "place": WHOLE_OR_NULL, "is_flicker": FLAG,
        }  # fmt: skip
        ids, sha256s, scores, names, source_ids, *compared = bank.columns(_NEGATIVES, columns)
        unlabelled, clusters, places, flickers = compared
        class_names = tuple(sorted(set(names), key=str.encode))
        code = {name: number for number, name in enumerate(class_names)}
        sources = list(bank.rows(_SOURCES, {"id": WHOLE, "key": KEY}))
        rank = {source_id: number for number, (source_id, _) in enumerate(sources)}
        numbers = np.array(ids, dtype=np.int64)
        index = cls(
            ids=numbers,
            hashes=_first_digits(sha256s),
            scores=np.array(scores, dtype=np.float64),
            classes=np.array([code[name] for name in names], dtype=np.int32),
            class_names=class_names,
            sources=np.array([rank[source_id] for source_id in source_ids], dtype=np.int32),
            keys=tuple(key for _, key in sources),
            states=np.zeros(len(ids), dtype=np.uint8),
            unlabelled=np.array([np.nan if value is None else value for value in unlabelled], dtype=np.float64),
            clusters=_groups(clusters),
            places=_groups(places),
            flickers=np.array(flickers, dtype=bool),
            runs=_runs(bank, numbers),
        )
        index.set_states(decided_states(bank))
        return index

    def set_states(self, states: Mapping[int, ReviewState], *, others: bool = False) -> None:
        """Note what was decided.

        Args:
            states: by the number of the negative; those that are not here are passed over.
            others: whether all others are undecided.
        """
        numbers = np.fromiter(states, dtype=np.int64, count=len(states))
        codes = np.array([STATES.index(state) for state in states.values()], dtype=np.uint8)
        here = np.isin(numbers, self.ids)
        changed = np.zeros_like(self.states) if others else self.states.copy()
        changed[np.searchsorted(self.ids, numbers[here])] = codes[here]
        self.states[:] = changed

    def select(self, which: NegativeFilter, sort: Sort, *, also: Iterable[int] = ()) -> IntArray:
        """The places here of the negatives that are meant, in order, as `browse` has it.

        Args:
            which: of them.
            sort: their order.
            also: numbers of negatives that are meant whatever was decided about them.
        """
        chosen = np.flatnonzero(self._meant(which, also))
        keys: Mapping[Sort, Callable[[], tuple[npt.NDArray[np.generic], ...]]] = {
            "score": lambda: (-self.scores[chosen],),
            "class": lambda: (self.classes[chosen], -self.scores[chosen]),
            "source": lambda: (self.sources[chosen], -self.scores[chosen]),
            "newest": lambda: (-self.ids[chosen],),
            "unlabelled": lambda: (-self.unlabelled[chosen], -self.scores[chosen]),  # NaN comes last
            "cluster": lambda: (_last(self.clusters[chosen]), -self.scores[chosen]),
        }
        return chosen[np.lexsort(keys[sort]()[::-1])]  # stable, so equal ones stay in the order of their numbers

    def count(self, which: NegativeFilter) -> int:
        """How many negatives are meant."""
        return int(self._meant(which, ()).sum())

    def class_counts(self) -> dict[str, int]:
        """How many negatives each class has, the most frequent first."""
        counted = np.bincount(self.classes, minlength=len(self.class_names)).tolist()
        return dict(sorted(zip(self.class_names, counted, strict=True), key=lambda pair: -pair[1]))

    def state_counts(self) -> dict[ReviewState, int]:
        """How many negatives are in each state."""
        return dict(zip(STATES, np.bincount(self.states, minlength=len(STATES)).tolist(), strict=True))

    def folder_counts(self) -> dict[bytes, int]:
        """How many negatives were cut from images right in each folder, in the order of the folders."""
        per_source = np.bincount(self.sources, minlength=len(self.keys)).tolist()
        counted: Counter[bytes] = Counter()
        for key, count in zip(self.keys, per_source, strict=True):
            counted[os.path.dirname(key)] += count  # noqa: PTH120  (bytes)
        return dict(sorted(counted.items()))

    def _meant(self, which: NegativeFilter, also: Iterable[int]) -> BoolArray:
        meant = np.ones(len(self.ids), dtype=bool)
        if which.classes:
            wanted = [number for number, name in enumerate(self.class_names) if name in which.classes]
            meant &= np.isin(self.classes, wanted)
        if which.states:
            kept = np.isin(self.states, [STATES.index(state) for state in which.states])
            meant &= kept | np.isin(self.ids, np.fromiter(also, dtype=np.int64))
        if which.runs:
            meant &= np.isin(self.ids, np.concatenate([self.runs.get(run, np.zeros(0, int)) for run in which.runs]))
        if which.min_score is not None:
            meant &= self.scores >= which.min_score
        if which.max_score is not None:
            meant &= self.scores <= which.max_score
        if which.below is not None:
            meant &= self._under(which.below)[self.sources]
        for number, groups in ((which.cluster, self.clusters), (which.place, self.places)):
            if number is not None:
                meant &= groups == number
        if which.min_unlabelled is not None:
            meant &= (self.unlabelled >= which.min_unlabelled) | (self.flickers & which.or_flicker)
        return meant

    def _under(self, below: bytes) -> BoolArray:
        """Which images are in a folder; kept, as a folder is asked for again and again."""
        if below not in self._folder_masks:
            self._folder_masks[below] = np.array([key.startswith(below) for key in self.keys], dtype=bool)
        return self._folder_masks[below]


def decided_states(bank: Bank, negative_ids: Sequence[int] | None = None) -> dict[int, ReviewState]:
    """What was decided, by the number of the negative.

    Args:
        bank: open.
        negative_ids: of these, with `unreviewed` for those without a verdict; None for all that have one.
    """
    columns = {"negative_id": WHOLE, "state": REVIEW}
    if negative_ids is None:
        return dict(bank.rows(_REVIEWS, columns))
    within, asked = bank.among(negative_ids)
    found: dict[int, ReviewState] = dict(bank.rows(f"{_REVIEWS} WHERE negative_id {within}", columns, asked))
    return {number: found.get(number, "unreviewed") for number in negative_ids}


def _first_digits(sha256s: Sequence[str]) -> npt.NDArray[np.uint32]:
    digits = bytes.fromhex("".join(sha256[:HASH_DIGITS] for sha256 in sha256s))
    return np.frombuffer(digits, dtype=">u4").astype(np.uint32)


def _groups(numbers: Sequence[int | None]) -> IntArray:
    return np.array([NO_GROUP if number is None else number for number in numbers], dtype=np.int64)


def _last(groups: IntArray) -> IntArray:
    """Numbers of groups to sort by: what is in no group comes last."""
    return np.where(groups == NO_GROUP, np.iinfo(np.int64).max, groups)


def _runs(bank: Bank, ids: IntArray) -> dict[int, IntArray]:
    every = [number for (number,) in bank.rows("SELECT id FROM runs ORDER BY id LIMIT 2", {"id": WHOLE})]
    if len(every) == 1:
        return {every[0]: ids}
    runs, negative_ids = bank.columns(_RUNS, {"run_id": WHOLE, "negative_id": WHOLE})
    numbers, of_runs = np.array(negative_ids, dtype=np.int64), np.array(runs, dtype=np.int64)
    return {int(run): np.sort(numbers[of_runs == run]) for run in np.unique(of_runs)}
