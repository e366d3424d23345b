"""What negatives and labelled objects are compared by, and what comparing them said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from negmine.bank.cells import BOX, KEY, NEGATIVE_FILE, NUMBER, PHASH, RECT, REVIEW, SHA256, SIDE, TEXT, VECTOR, WHOLE
from negmine.bank.content_files import source_path
from negmine.bank.filters import ReviewState
from negmine.bank.shared import SharedBank
from negmine.boxes import Box, Rect

Vector = npt.NDArray[np.float16]
_K = TypeVar("_K")

_HARDEST = """
SELECT n.id, n.sha256, n.file, n.width, n.height, n.phash, coalesce(r.state, 'unreviewed'), d.class_name, d.score,
       d.x1, d.y1, d.x2, d.y2, s.sha256, s.key, s.width, s.height, c.x1, c.y1, c.x2, c.y2
FROM negatives n
JOIN detections d ON d.id = (SELECT id FROM detections WHERE negative_id = n.id ORDER BY score DESC, id LIMIT 1)
JOIN crops c ON c.id = (SELECT min(id) FROM crops WHERE negative_id = n.id AND source_id = d.source_id)
JOIN sources s ON s.id = d.source_id
LEFT JOIN reviews r ON r.negative_id = n.id
ORDER BY d.score DESC, n.sha256
"""
_OBJECTS = """
SELECT DISTINCT s.sha256, s.key, s.width, s.height, o.class_name, o.x1, o.y1, o.x2, o.y2
FROM objects o JOIN truths t ON t.id = o.truth_id JOIN sources s ON s.id = t.source_id
WHERE NOT o.difficult AND NOT o.crowd ORDER BY s.sha256, o.x1, o.y1, o.x2, o.y2
"""
_KEEP_NEGATIVE = """
INSERT OR REPLACE INTO negative_features (negative_id, key, x1, y1, x2, y2, vector)
SELECT id, ?, ?, ?, ?, ?, ? FROM negatives WHERE id = ? AND sha256 = ?
"""
_KEEP_OBJECT = (
    "INSERT OR REPLACE INTO object_features (sha256, key, x1, y1, x2, y2, vector) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_KEEP_LIKENESS = """
INSERT INTO likenesses (negative_id, unlabelled, cluster, place)
SELECT id, ?, ?, ? FROM negatives WHERE id = ? AND sha256 = ?
ON CONFLICT (negative_id) DO UPDATE SET
    unlabelled = coalesce(excluded.unlabelled, unlabelled), cluster = excluded.cluster, place = excluded.place
"""


@dataclass(frozen=True, slots=True)
class HardestFinding:
    """A negative, by the false positive in it that has the highest score.

    Attributes:
        id, sha256: of the negative.
        path: of its file.
        size_wh: of its image, pixels.
        phash: perceptual hash of its image.
        review: what a person said of it.
        class_name, score: what the detector took the false positive for, and how surely.
        box_xyxy: of the false positive, pixels of the source.
        source, source_sha256, source_wh: the image that it was cut from.
        rect: where it was cut, pixels of the source.
    """

    id: int
    sha256: str
    path: Path
    size_wh: tuple[int, int]
    phash: int
    review: ReviewState
    class_name: str
    score: float
    box_xyxy: Box
    source: Path
    source_sha256: str
    source_wh: tuple[int, int]
    rect: Rect


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object that the bank knows from the labels of a scan: its class, its box in pixels, and its image."""

    source: Path
    source_sha256: str
    source_wh: tuple[int, int]
    class_name: str
    box_xyxy: Box


@dataclass(frozen=True, slots=True)
class Likeness:
    """What comparing said of one negative.

    Attributes:
        id, sha256: of the negative.
        unlabelled: 0 to 1, how much it looks like a target without a label; None where nobody knows.
        cluster, place: numbers, from 1.
    """

    id: int
    sha256: str
    unlabelled: float | None
    cluster: int
    place: int


class Embeddings(SharedBank):
    """A bank, opened to compare its negatives; a scan may be writing to it meanwhile."""

    def hardest(self) -> list[HardestFinding]:
        """Every negative, hardest first, and equal scores by hash."""
        columns = {
            "id": WHOLE, "sha256": SHA256, "file": NEGATIVE_FILE, "width": SIDE, "height": SIDE, "phash": PHASH,
            "state": REVIEW, "class_name": TEXT, "score": NUMBER, **BOX, "source": SHA256, "key": KEY,
            "source_width": SIDE, "source_height": SIDE, **{f"rect_{name}": cell for name, cell in RECT.items()},
        }  # fmt: skip
        found = []
        for row in self.rows(_HARDEST, columns):
            number, sha256, file, width, height, phash, state, class_name, score, *box, source, key = row[:15]
            found.append(
                HardestFinding(
                    id=number,
                    sha256=sha256,
                    path=self.folder / file,
                    size_wh=(width, height),
                    phash=int(phash, 16),
                    review=state,
                    class_name=class_name,
                    score=score,
                    box_xyxy=(box[0], box[1], box[2], box[3]),
                    source=source_path(self.folder, key),
                    source_sha256=source,
                    source_wh=(row[15], row[16]),
                    rect=Rect(*row[17:]),
                )
            )
        return found

    def known_objects(self) -> list[KnownObject]:
        """The labelled objects that the bank knows, without difficult ones and crowds."""
        columns = {"sha256": SHA256, "key": KEY, "width": SIDE, "height": SIDE, "class_name": TEXT, **BOX}
        return [
            KnownObject(source_path(self.folder, key), sha256, (width, height), class_name, (x1, y1, x2, y2))
            for sha256, key, width, height, class_name, x1, y1, x2, y2 in self.rows(_OBJECTS, columns)
        ]

    def source_paths(self) -> dict[str, list[Path]]:
        """Everywhere that an image was found, by its sha256."""
        question = "SELECT s.sha256, i.key FROM items i JOIN sources s ON s.id = i.source_id ORDER BY i.key"
        found: dict[str, list[Path]] = {}
        for sha256, key in self.rows(question, {"sha256": SHA256, "key": KEY}):
            found.setdefault(sha256, []).append(source_path(self.folder, key))
        return found

    def negative_vectors(self, key: str, size: int) -> dict[tuple[int, Box], Vector]:
        """The vectors that are kept, by negative and box of the false positive; those of another size are none."""
        question = "SELECT negative_id, x1, y1, x2, y2, vector FROM negative_features WHERE key = ?"
        rows = self.rows(question, {"negative_id": WHOLE, **BOX, "vector": VECTOR}, (key,))
        return _sound({(number, (x1, y1, x2, y2)): data for number, x1, y1, x2, y2, data in rows}, size)

    def object_vectors(self, key: str, size: int) -> dict[tuple[str, Box], Vector]:
        """The vectors that are kept of objects, by image and box; those of another size are none."""
        question = "SELECT sha256, x1, y1, x2, y2, vector FROM object_features WHERE key = ?"
        rows = self.rows(question, {"sha256": SHA256, **BOX, "vector": VECTOR}, (key,))
        return _sound({(sha256, (x1, y1, x2, y2)): data for sha256, x1, y1, x2, y2, data in rows}, size)

    def keep_vectors(
        self,
        key: str,
        negatives: Sequence[tuple[HardestFinding, Vector]],
        objects: Mapping[tuple[str, Box], Vector],
    ) -> None:
        """Store vectors, all or none. A negative that is gone meanwhile gets none."""
        of_negatives = [(key, *each.box_xyxy, _bytes(vector), each.id, each.sha256) for each, vector in negatives]
        of_objects = [(sha256, key, *box, _bytes(vector)) for (sha256, box), vector in objects.items()]
        with self._write() as connection:
            connection.executemany(_KEEP_NEGATIVE, of_negatives)
            connection.executemany(_KEEP_OBJECT, of_objects)

    def keep_likenesses(self, likenesses: Iterable[Likeness]) -> None:
        """Store what comparing said in place of what was said before. A negative that is gone meanwhile gets none.

        Where this comparison could not tell how much a negative looks like an unlabelled target, what is known stays.
        """
        rows = [(each.unlabelled, each.cluster, each.place, each.id, each.sha256) for each in likenesses]
        with self._write() as connection:
            connection.execute("UPDATE likenesses SET cluster = NULL, place = NULL")
            connection.executemany(_KEEP_LIKENESS, rows)


def _bytes(vector: Vector) -> bytes:
    return vector.astype("<f2").tobytes()


def _sound(kept: Mapping[_K, bytes], size: int) -> dict[_K, Vector]:
    """The vectors of so many finite numbers; others are damage, and are computed again."""
    vectors = {key: np.frombuffer(data, dtype="<f2") for key, data in kept.items() if len(data) == 2 * size}
    return {key: vector for key, vector in vectors.items() if np.isfinite(vector).all()}
