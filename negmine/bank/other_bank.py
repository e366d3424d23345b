"""All that another bank says, read at once, so that it can be merged. It may be anybody's: every cell is checked."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from negmine.bank.bank import Bank, as_json
from negmine.bank.cells import (
    BOX,
    CLASS_NAMES,
    FLAG,
    FRAME_FILE,
    KEY,
    KIND,
    NEGATIVE_FILE,
    NUMBER,
    NUMBER_OR_NULL,
    PARAMETERS,
    PHASH,
    RECT,
    REVIEW,
    SHA256,
    SIDE,
    STAMP,
    TEXT,
    TEXT_OR_NULL,
    VARIANT_FILE,
    WHOLE,
    WHOLE_OR_NULL,
    Cell,
    Row,
)
from negmine.bank.filters import ReviewState
from negmine.boxes import Rect

_RUN: dict[str, Cell] = {
    "id": WHOLE, "weights": TEXT, "weights_sha256": TEXT, "class_names": CLASS_NAMES, "detector_settings": TEXT,
    "scan_settings": TEXT, "versions": TEXT,
}  # fmt: skip
_DETECTION: dict[str, Cell] = {
    "source_id": WHOLE, "run_id": WHOLE, "class_name": TEXT, "score": NUMBER, **BOX, "kind": KIND,
    "negative_id": WHOLE_OR_NULL, "skipped": TEXT_OR_NULL,
}  # fmt: skip
_DOUBT: dict[str, Cell] = {
    "source_id": WHOLE, "state": REVIEW, "unlabelled": NUMBER_OR_NULL, "class_name": TEXT, "score": NUMBER, **BOX,
}  # fmt: skip
_GAP: dict[str, Cell] = {"source_id": WHOLE, "run_id": WHOLE, "class_name": TEXT, "score": NUMBER, **BOX}
_GAP_REVIEW: dict[str, Cell] = {"source_id": WHOLE, "class_name": TEXT, "state": REVIEW, "score": NUMBER, **BOX}
_FRAME: dict[str, Cell] = {"source_id": WHOLE, "file": FRAME_FILE, "camera": TEXT, "taken_ms": STAMP}
_NEGATIVES = """
SELECT n.id, n.sha256, n.file, n.width, n.height, n.phash, coalesce(r.state, 'unreviewed'), l.unlabelled
FROM negatives n LEFT JOIN reviews r ON r.negative_id = n.id LEFT JOIN likenesses l ON l.negative_id = n.id
ORDER BY n.sha256
"""
_OBJECTS = """
SELECT t.source_id, t.hash, o.class_name, o.difficult, o.crowd, o.x1, o.y1, o.x2, o.y2
FROM objects o JOIN truths t ON t.id = o.truth_id ORDER BY o.id
"""


@dataclass(frozen=True, slots=True)
class OtherFile:
    """The file of a negative or a variant: its name in the bank, the hash of its bytes, its size in pixels."""

    name: str
    sha256: str
    size_wh: tuple[int, int]


@dataclass(frozen=True, slots=True)
class OtherFrame:
    """A frame of a camera: its file, the camera, and when it came, in milliseconds since 1970."""

    file: OtherFile
    camera: str
    taken_ms: int


@dataclass(frozen=True, slots=True)
class OtherNegative:
    """A negative.

    Attributes:
        id: its number there.
        file: its file.
        phash: its perceptual hash.
        state: what a person said of it.
        unlabelled: 0 to 1, how much it looks like a target without a label; None where nobody knows.
    """

    id: int
    file: OtherFile
    phash: str
    state: ReviewState
    unlabelled: float | None

    @property
    def is_doubted_or_judged(self) -> bool:
        """Whether anything is said of it."""
        return self.state != "unreviewed" or self.unlabelled is not None


@dataclass(frozen=True, slots=True)
class OtherVariant:
    """A variant: of which negative, its file, and what made it, parameters as JSON."""

    negative: int
    file: OtherFile
    operation: str
    parameters: str

    def as_json(self) -> str:
        """Its parameters as a bank writes them."""
        return as_json(json.loads(self.parameters))


@dataclass(slots=True, eq=False)
class OtherSource:
    """An image.

    Attributes:
        sha256: of its bytes.
        key: the bytes of its first path.
        size_wh: pixels.
        items: key, size, time, label and whether it is background, of each file that it was found in.
        labels: the objects (class, difficult, crowd, box) of each label, by its hash.
        scans: the key of the labels that each run knew, by the run's number.
        detections: class, score, box, kind, number of the negative and why there is none; by the run's number.
        crops: number of the negative, and where it was cut.
        gaps: class, score and box of likely misses; by the run's number.
        gap_reviews: class, verdict, score and box of the places of likely misses that a person judged.
        frame: its file in the bank, for an image of a camera.
        doubts: verdict, likeness, class, score and box of false positives whose negatives are gone there.
    """

    sha256: str
    key: bytes
    size_wh: tuple[int, int]
    items: list[tuple[bytes, int, int, str | None, int]] = field(default_factory=list)
    labels: dict[str, list[Row]] = field(default_factory=dict)
    scans: dict[int, str] = field(default_factory=dict)
    detections: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    crops: list[tuple[int, Rect]] = field(default_factory=list)
    gaps: dict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    gap_reviews: list[Row] = field(default_factory=list)
    frame: OtherFrame | None = None
    doubts: list[Row] = field(default_factory=list)

    def boxes(self) -> list[Row]:
        """The boxes of all its objects."""
        return [row[3:] for rows in self.labels.values() for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class OtherBank:
    """What a bank holds.

    Attributes:
        runs: their columns without the number, by that.
        sources: by hash.
        negatives: by number.
        variants: by negative and in the order of making.
        repeats: number of the negative, operation and parameters of each that makes no new file.
    """

    runs: Mapping[int, Row]
    sources: tuple[OtherSource, ...]
    negatives: Mapping[int, OtherNegative]
    variants: tuple[OtherVariant, ...]
    repeats: tuple[tuple[int, str, str], ...]


def read_other(bank: Bank) -> OtherBank:
    """Read a bank that shall be merged into another.

    Raises:
        BankError: where a cell holds something else than it should.
    """
    return OtherBank(
        runs={
            number: tuple(row) for number, *row in bank.rows(f"SELECT {', '.join(_RUN)} FROM runs ORDER BY id", _RUN)
        },
        sources=_sources(bank),
        negatives=_negatives(bank),
        variants=_variants(bank),
        repeats=tuple(
            bank.rows(
                "SELECT negative_id, operation, parameters FROM repeats ORDER BY 1, 2, 3",
                {"negative_id": WHOLE, "operation": TEXT, "parameters": PARAMETERS},
            )
        ),
    )


def _negatives(bank: Bank) -> dict[int, OtherNegative]:
    columns = {
        "id": WHOLE, "sha256": SHA256, "file": NEGATIVE_FILE, "width": SIDE, "height": SIDE, "phash": PHASH,
        "state": REVIEW, "unlabelled": NUMBER_OR_NULL,
    }  # fmt: skip
    return {
        number: OtherNegative(number, OtherFile(file, sha256, (width, height)), phash, state, unlabelled)
        for number, sha256, file, width, height, phash, state, unlabelled in bank.rows(_NEGATIVES, columns)
    }


def _variants(bank: Bank) -> tuple[OtherVariant, ...]:
    columns = {
        "negative_id": WHOLE, "sha256": SHA256, "file": VARIANT_FILE, "width": SIDE, "height": SIDE, "operation": TEXT,
        "parameters": PARAMETERS,
    }  # fmt: skip
    return tuple(
        OtherVariant(negative, OtherFile(file, sha256, (width, height)), operation, parameters)
        for negative, sha256, file, width, height, operation, parameters in bank.rows(
            f"SELECT {', '.join(columns)} FROM variants ORDER BY negative_id, id", columns
        )
    )


def _sources(bank: Bank) -> tuple[OtherSource, ...]:
    columns: dict[str, Cell] = {"id": WHOLE, "sha256": SHA256, "key": KEY, "width": SIDE, "height": SIDE}
    found = {
        number: OtherSource(sha256, key, (width, height))
        for number, sha256, key, width, height in bank.rows(
            f"SELECT {', '.join(columns)} FROM sources ORDER BY sha256", columns
        )
    }
    _add_items_and_labels(bank, found)
    scan = {"source_id": WHOLE, "run_id": WHOLE, "truth_key": TEXT}
    for source, run, truth_key in bank.rows("SELECT source_id, run_id, truth_key FROM scans", scan):
        if source in found:
            found[source].scans[run] = truth_key
    question = f"SELECT {', '.join(_DETECTION)} FROM detections ORDER BY id"
    for source, run, *row in bank.rows(question, _DETECTION):
        if source in found:
            found[source].detections[run].append(tuple(row))
    crop = {"source_id": WHOLE, "negative_id": WHOLE, **RECT}
    for source, negative, *rect in bank.rows(f"SELECT {', '.join(crop)} FROM crops ORDER BY id", crop):
        if source in found:
            found[source].crops.append((negative, Rect(*rect)))
    for source, run, *row in bank.rows(f"SELECT {', '.join(_GAP)} FROM gaps ORDER BY id", _GAP):
        if source in found:
            found[source].gaps[run].append(tuple(row))
    for source, *row in bank.rows(f"SELECT {', '.join(_GAP_REVIEW)} FROM gap_reviews ORDER BY 1, 2, 5", _GAP_REVIEW):
        if source in found:
            found[source].gap_reviews.append(tuple(row))
    for source, file, camera, taken_ms in bank.rows(f"SELECT {', '.join(_FRAME)} FROM frames", _FRAME):
        if source in found:
            image = found[source]
            image.frame = OtherFrame(OtherFile(file, image.sha256, image.size_wh), camera, taken_ms)
    for source, *row in bank.rows(f"SELECT {', '.join(_DOUBT)} FROM doubts", _DOUBT):
        if source in found:
            found[source].doubts.append(tuple(row))
    return tuple(found.values())


def _add_items_and_labels(bank: Bank, sources: Mapping[int, OtherSource]) -> None:
    item = {
        "source_id": WHOLE, "key": KEY, "size": STAMP, "mtime_ns": STAMP, "truth_hash": TEXT_OR_NULL,
        "is_background": FLAG,
    }  # fmt: skip
    for source, *row in bank.rows(f"SELECT {', '.join(item)} FROM items ORDER BY key", item):
        if source in sources:
            key, size, mtime_ns, truth_hash, is_background = row
            sources[source].items.append((key, size, mtime_ns, truth_hash, is_background))
    for source, truth_hash in bank.rows("SELECT source_id, hash FROM truths", {"source_id": WHOLE, "hash": TEXT}):
        if source in sources:
            sources[source].labels[truth_hash] = []
    columns = {"source_id": WHOLE, "hash": TEXT, "class_name": TEXT, "difficult": FLAG, "crowd": FLAG, **BOX}
    for source, truth_hash, *row in bank.rows(_OBJECTS, columns):
        if source in sources:
            sources[source].labels[truth_hash].append(tuple(row))
