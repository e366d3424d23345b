"""Matching for an evaluation: once, at the lowest score asked for; every figure is derived from that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from negmine.detectors.base import Detector
from negmine.errors import BoxError
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.findings import EvalFinding
from negmine.files import sha256_of
from negmine.labels.base import Truth
from negmine.labels.classes import match_class_names
from negmine.matching import Kind, match_detections
from negmine.mining.judge import canonical
from negmine.mining.result import SkippedImage
from negmine.paths import printable
from negmine.structures import Detections, FloatArray, GroundTruth, Image

ClassArray = npt.NDArray[np.int32]
CodeArray = npt.NDArray[np.uint8]  # a detection in a background takes 13 bytes; there are many, in many images

_KINDS = tuple(Kind)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_BOXES = 10  # of a background that are kept, those of its hardest false positives
_NO_OBJECTS = GroundTruth.empty()


def code_of(kind: Kind) -> int:
    """The number that stands for a kind in arrays."""
    return _CODES[kind]


@dataclass(frozen=True, slots=True, eq=False)
class EvalImage:
    """A decoded image of an evaluation.

    Attributes:
        path: of the file.
        sha256: of its bytes, hex.
        image: [H, W, 3] uint8 BGR.
        truth: its objects.
        background: whether it was given as a background, not as an image of the data.
    """

    path: Path
    sha256: str
    image: Image
    truth: GroundTruth
    background: bool

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedImage:
    """The matched detections of one detector in one image.

    Attributes:
        path: of the file.
        sha256: of its bytes, hex.
        background: whether it was given as a background, not as an image of the data.
        truth: its objects; none in a background.
        boxes_xyxy: [N, 4] pixels, detections at the floor or above. In a background [K, 4], of the first K detections:
            no figure needs them, and people look at a few.
        scores: [N]; in a background, highest first.
        classes: [N] index of the class among those that the data lists; -1 for a class that it does not list.
        codes: [N] the kind of each, as `code_of` gives it. A kind holds at every threshold up to the detection's score,
            since detections are matched by falling score.
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
        """The kind of each detection."""
        return tuple(_KINDS[code] for code in self.codes)

    @property
    def without_targets(self) -> bool:
        """Whether it is a background, or a labelled image with an empty label."""
        return len(self.truth) == 0


@dataclass(frozen=True, slots=True, eq=False)
class MatchedDetections:
    """The matched detections of one detector in all images: enough for every figure, without running it again.

    Attributes:
        name: of the detector, for people.
        sha256: of its weights, hex.
        data_classes: the classes that the data lists; `MatchedImage.classes` indexes them.
        judged: those of them that are judged.
        lacking: the judged classes that the detector does not know; their objects are missed.
        images: those that every detector of the evaluation gave detections for, the labelled ones first.
        skipped: images that were skipped, the same for every detector, with the reasons.
        findings: what is suspicious about the images.
    """

    name: str
    sha256: str
    data_classes: tuple[str, ...]
    judged: tuple[str, ...]
    lacking: tuple[str, ...]
    images: tuple[MatchedImage, ...]
    skipped: tuple[SkippedImage, ...] = ()
    findings: tuple[EvalFinding, ...] = ()


def merge_matched(parts: Sequence[MatchedDetections]) -> MatchedDetections:
    """The matched detections of several detectors, each in images of its own, as those of one detector in all of them.

    Args:
        parts: one or more, of the same data and classes; no image is in two.

    Returns:
        Under the name of the first. The hash of its weights is that of the hashes of all, where there are several.
    """
    if len(parts) == 1:
        return parts[0]
    images = [image for part in parts for image in part.images]
    return replace(
        parts[0],
        sha256=sha256_of("".join(part.sha256 for part in parts).encode()),
        lacking=tuple(name for name in parts[0].judged if any(name in part.lacking for part in parts)),
        images=tuple(sorted(images, key=lambda image: image.background)),  # stable: the labelled ones first
        skipped=tuple(each for part in parts for each in part.skipped),
        findings=tuple(each for part in parts for each in part.findings),
    )


class ImageMatcher:
    """Matches the detections of one detector with the objects of each image. Threads may share one.

    Args:
        detector: gives its name and its classes.
        truth: lists the classes of the data.
        judged: those of them that are judged.
        config: thresholds.

    Raises:
        TruthError: if detector and data have no class in common.
    """

    def __init__(self, detector: Detector, truth: Truth, judged: Sequence[str], config: EvalConfig) -> None:
        self.identity = detector.identity
        self._names = match_class_names(detector.class_names, truth.class_names, config.labels.class_map)
        self._index = {name: index for index, name in enumerate(truth.class_names)}
        self._judged: Collection[str] = frozenset(judged)
        self._config = config

    @property
    def known(self) -> frozenset[str]:
        """The classes of the data that the detector knows."""
        return frozenset(self._names.values())

    def match(self, image: EvalImage, found: Detections | BoxError) -> MatchedImage | SkippedImage:
        """Match one image.

        Args:
            image: the image.
            found: what the detector found in it, or what is wrong with that.
        """
        if isinstance(found, BoxError):
            return SkippedImage(image.path, "detector", f"{printable(self.identity.name)}: {found}")
        detections = canonical(found, image.size_wh)
        detections = detections.select(detections.scores >= self._config.floor)
        if image.background:
            detections = detections.select(np.argsort(-detections.scores, kind="stable"))
        matches = match_detections(detections, image.truth, self._names, judged=self._judged, config=self._config.match)
        names = [self._names.get(int(number)) for number in detections.class_ids]
        return MatchedImage(
            path=image.path,
            sha256=image.sha256,
            background=image.background,
            truth=_NO_OBJECTS if image.background else image.truth,
            boxes_xyxy=detections.boxes_xyxy[:_BOXES].copy() if image.background else detections.boxes_xyxy,
            scores=detections.scores,
            classes=np.array([-1 if name is None else self._index[name] for name in names], dtype=np.int32),
            codes=np.array([code_of(kind) for kind in matches.kinds], dtype=np.uint8),
        )
