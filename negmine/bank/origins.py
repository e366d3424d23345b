"""What a bank knows of its negatives beside their own rows: the false positives in them, the detectors and times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from negmine.bank.bank import Bank
from negmine.bank.browsing import in_crop
from negmine.bank.cells import BOX, NUMBER, SHA256, TEXT, WHOLE
from negmine.bank.records import Negative
from negmine.boxes import Box
from negmine.paths import printable

_FOUND = """
SELECT d.negative_id, s.sha256, d.run_id, d.class_name, d.score, d.x1, d.y1, d.x2, d.y2
FROM detections d JOIN sources s ON s.id = d.source_id WHERE d.negative_id IS NOT NULL
ORDER BY d.negative_id, d.score DESC, d.id
"""
_RUNS = "SELECT id, weights, weights_sha256 FROM runs"
_TAKEN = "SELECT s.sha256, f.taken_ms FROM frames f JOIN sources s ON s.id = f.source_id"
_SHORT = 7  # digits of a hash that are shown


@dataclass(frozen=True, slots=True)
class FoundInSource:
    """A false positive that a negative was cut around.

    Attributes:
        source_sha256: of the image that it was found in.
        run: the number of the run that found it.
        class_name, score: as the detector gave them.
        box_xyxy: pixels of that image.
    """

    source_sha256: str
    run: int
    class_name: str
    score: float
    box_xyxy: Box


@dataclass(frozen=True, slots=True)
class Origins:
    """What is known of all negatives.

    Attributes:
        found: the false positives of each, by its number, hardest first.
        runs: what each run is called, by its number.
        taken_ms: when a camera took an image, by the sha256 of that, in milliseconds since 1970.
    """

    found: Mapping[int, list[FoundInSource]]
    runs: Mapping[int, str]
    taken_ms: Mapping[str, int]

    @classmethod
    def read(cls, bank: Bank) -> Origins:
        """Read a bank that is open."""
        columns = {
            "negative_id": WHOLE, "sha256": SHA256, "run": WHOLE, "class_name": TEXT, "score": NUMBER, **BOX,
        }  # fmt: skip
        found: dict[int, list[FoundInSource]] = defaultdict(list)
        for number, sha256, run, name, score, x1, y1, x2, y2 in bank.rows(_FOUND, columns):
            found[number].append(FoundInSource(sha256, run, name, score, (x1, y1, x2, y2)))
        runs = bank.rows(_RUNS, {"id": WHOLE, "weights": TEXT, "weights_sha256": TEXT})
        taken = bank.rows(_TAKEN, {"sha256": SHA256, "taken_ms": WHOLE})
        return cls(found, {number: f"{printable(name)} {sha[:_SHORT]}" for number, name, sha in runs}, dict(taken))

    def found_in(self, negative: Negative) -> list[tuple[FoundInSource, Box]]:
        """The false positives of a negative, hardest first, each with its box in pixels of the negative."""
        here = (each for each in self.found.get(negative.id, ()) if each.source_sha256 == negative.source_sha256)
        boxes = ((each, in_crop(each.box_xyxy, negative.rect, negative.size_wh)) for each in here)
        return [(each, box) for each, box in boxes if box is not None]

    def runs_of(self, negative: Negative) -> tuple[str, ...]:
        """The runs that found something in a negative, oldest first."""
        numbers = sorted({each.run for each in self.found.get(negative.id, ())})
        return tuple(self.runs[number] for number in numbers if number in self.runs)
