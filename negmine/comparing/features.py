"""What negatives and targets are compared by: vectors of a detector's neck, or the perceptual hashes of the crops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from negmine.bank.embeddings import Embeddings, HardestFinding, Vector
from negmine.boxes import Box
from negmine.comparing.clusters import HASH_LIKENESS, Vectors, hash_vectors
from negmine.comparing.config import CompareConfig
from negmine.comparing.embedding import Described, Tally, Wanted, describe, key_of
from negmine.comparing.result import By
from negmine.comparing.targets import LabelledBoxes
from negmine.detectors.ultralytics.regions import RegionReader


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonFeatures:
    """What negatives and targets are compared by.

    Attributes:
        by: what it is.
        negatives: [N, D] of length 1; zeros where nothing is known of a negative.
        targets: [T, D] of length 1.
        target_sources: T, the sha256 of the image of each.
        likeness: cosine from which two look alike.
        computed: how many vectors were not there before.
        tally: what came of the images.
    """

    by: By
    negatives: Vectors
    targets: Vectors
    target_sources: Sequence[str]
    likeness: float
    computed: int = 0
    tally: Tally = field(default_factory=Tally)


def by_hash(findings: Sequence[HardestFinding]) -> ComparisonFeatures:
    """Compare by the perceptual hashes, which the bank has: a vector of 64 signs for each."""
    vectors = hash_vectors([each.phash for each in findings])
    return ComparisonFeatures("perceptual hash", vectors, hash_vectors([]), (), HASH_LIKENESS)


def by_neck(
    bank: Embeddings, reader: RegionReader, findings: Sequence[HardestFinding], labelled: Sequence[LabelledBoxes],
    config: CompareConfig, on_progress: Callable[[int, int], object],
) -> ComparisonFeatures:  # fmt: skip
    """Compare by what a detector's neck sees. Vectors that the bank lacks are computed, and kept in it.

    Args:
        bank: open.
        reader: the detector.
        findings: of the negatives.
        labelled: the targets, by image.
        config: the settings.
        on_progress: called with how many images are done, of how many.
    """
    key, size = key_of(reader), reader.features.size
    targets = [(each.sha256, box) for each in labelled for box in each.large_enough(reader.imgsz)]
    of_negatives, of_objects = bank.negative_vectors(key, size), bank.object_vectors(key, size)
    before = len(of_negatives) + len(of_objects)

    def keep(described: Described) -> None:
        bank.keep_vectors(key, described.negatives, described.objects)
        of_negatives.update({(each.id, each.box_xyxy): vector for each, vector in described.negatives})
        of_objects.update(described.objects)

    missing = [each for each in findings if (each.id, each.box_xyxy) not in of_negatives]
    lacking = [each for each in targets if each not in of_objects]
    paths = {each.sha256: [each.path] for each in labelled} | (bank.source_paths() if missing else {})
    tally = describe(reader, _wanted(missing, lacking, paths), keep, workers=config.workers, on_progress=on_progress)
    targets = [each for each in targets if each in of_objects]
    return ComparisonFeatures(
        by="neck",
        negatives=_rows([of_negatives.get((each.id, each.box_xyxy)) for each in findings], size),
        targets=_rows([of_objects[each] for each in targets], size),
        target_sources=[sha256 for sha256, _ in targets],
        likeness=config.likeness,
        computed=len(of_negatives) + len(of_objects) - before,
        tally=tally,
    )


def _wanted(
    negatives: Sequence[HardestFinding], objects: Sequence[tuple[str, Box]], paths: Mapping[str, Sequence[Path]]
) -> list[Wanted]:
    """What is to be looked at, by image."""
    cut: dict[str, list[HardestFinding]] = {}
    for each in negatives:
        cut.setdefault(each.source_sha256, []).append(each)
    boxes: dict[str, list[Box]] = {}
    for sha256, box in objects:
        boxes.setdefault(sha256, []).append(box)
    return [
        Wanted(
            sha256,
            tuple(dict.fromkeys([*(each.source for each in cut.get(sha256, ())), *paths.get(sha256, ())])),
            tuple(cut.get(sha256, ())),
            tuple(boxes.get(sha256, ())),
        )
        for sha256 in sorted({*cut, *boxes})
    ]


def _rows(vectors: Sequence[Vector | None], size: int) -> Vectors:
    """Vectors as rows [N, D], zeros where there is none."""
    rows = np.zeros((len(vectors), size), dtype=np.float32)
    for index, vector in enumerate(vectors):
        if vector is not None:
            rows[index] = vector
    return rows
