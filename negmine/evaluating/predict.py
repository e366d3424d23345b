"""What one detector says of an image, and the matcher's verdict on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from negmine.detectors.base import Detector
from negmine.detectors.batches import predict_each
from negmine.errors import BoxError
from negmine.evaluating.config import EvalConfig
from negmine.labels.base import Truth
from negmine.labels.classes import match_class_names
from negmine.matching import Kind, match_detections
from negmine.mining.judge import canonical
from negmine.mining.reading import DecodedImage
from negmine.mining.result import SkippedImage
from negmine.paths import printable
from negmine.structures import Detections, FloatArray, GroundTruth

ClassArray = npt.NDArray[np.int32]
CodeArray = npt.NDArray[np.uint8]  # a detection takes 13 bytes in a background, where there are many of many images

_KINDS = tuple(Kind)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_NO_BOXES = np.zeros((0, 4))
_NO_OBJECTS = GroundTruth.empty()


def code_of(kind: Kind) -> int:
    """The number that stands for a kind in arrays."""
    return _CODES[kind]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A decoded image that is measured on.

    Attributes:
        decoded: pixels and objects.
        background: whether it was named as a background, not as an image of the data.
    """

    decoded: DecodedImage
    background: bool


@dataclass(frozen=True, slots=True, eq=False)
class SeenImage:
    """One image with what the detector said of it.

    Attributes:
        path: of the file.
        sha256: of its bytes, hex.
        background: whether it was named as a background, not as an image of the data.
        truth: its objects; none in a background.
        boxes_xyxy: [N, 4] pixels, detections at the floor or above; [0, 4] in a background, where no figure needs them.
        scores: [N].
        classes: [N] index of the class among those that the data lists; -1 for one that it does not list.
        codes: [N] the verdict on each, as `code_of` a kind. It holds at every threshold up to the detection's score,
            since matching goes by falling score.
    """

    path: Path
    sha256: str
    background: bool
    truth: GroundTruth
    boxes_xyxy: FloatArray
    scores: FloatArray
    classes: ClassArray
    codes: CodeArray

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The verdicts."""
        return tuple(_KINDS[code] for code in self.codes)

    @property
    def without_targets(self) -> bool:
        """Whether nothing is in it: a background, or a labelled image with an empty label."""
        return len(self.truth) == 0


class Judge:
    """Runs one detector, and matches what it finds.

    Args:
        detector: gives its detections down to the floor.
        truth: lists the classes.
        judged: those of them that are judged.
        config: thresholds.

    Raises:
        TruthError: where the detector has no class in common with the truth.
    """

    def __init__(self, detector: Detector, truth: Truth, judged: Sequence[str], config: EvalConfig) -> None:
        self.identity = detector.identity
        self._detector = detector
        self._names = match_class_names(detector.class_names, truth.class_names)
        self._index = {name: index for index, name in enumerate(truth.class_names)}
        self._judged: Collection[str] = frozenset(judged)
        self._config = config

    @property
    def known(self) -> frozenset[str]:
        """The classes of the truth that the detector knows."""
        return frozenset(self._names.values())

    def look(self, subjects: Sequence[Subject], pool: ThreadPoolExecutor) -> list[SeenImage | SkippedImage]:
        """One result for each image, in order."""
        decoded = [subject.decoded for subject in subjects]
        paths = [each.path for each in decoded]
        found = predict_each(self._detector, [each.image for each in decoded], paths)
        return list(pool.map(self._seen, subjects, found))

    def _seen(self, subject: Subject, found: Detections | BoxError) -> SeenImage | SkippedImage:
        decoded, truth = subject.decoded, subject.decoded.truth
        if isinstance(found, BoxError):
            return SkippedImage(decoded.path, "detector", f"{printable(self.identity.name)}: {found}")
        detections = canonical(found, decoded.size_wh)
        detections = detections.select(detections.scores >= self._config.floor)
        matches = match_detections(detections, truth, self._names, judged=self._judged, config=self._config.match)
        names = [self._names.get(int(number)) for number in detections.class_ids]
        return SeenImage(
            path=decoded.path,
            sha256=decoded.sha256,
            background=subject.background,
            truth=_NO_OBJECTS if subject.background else truth,
            boxes_xyxy=_NO_BOXES if subject.background else detections.boxes_xyxy,
            scores=detections.scores,
            classes=np.array([-1 if name is None else self._index[name] for name in names], dtype=np.int32),
            codes=np.array([code_of(kind) for kind in matches.kinds], dtype=np.uint8),
        )
