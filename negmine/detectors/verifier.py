"""A verifier: a linear second stage that looks at each detection again, and lowers the scores of false positives.

It multiplies the detector's score with the probability that the box holds what the detector says, as Decoupled
Classification Refinement does (Cheng et al., "Revisiting RCNN: On Awakening the Classification Power of Faster RCNN",
ECCV 2018). Unlike DCR's own network it reads features that the detector has computed anyway, so it costs little.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from negmine.structures import FloatArray, IntArray

Features = npt.NDArray[np.float32]

CONTEXTS = (1.0, 2.0)  # the box itself, and the box with what is around it
TINY_SCORE = 1e-9  # scores and probabilities keep so far away from 0 and 1
MARGIN_LIMIT = 60.0  # what is beyond it is as certain


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """A feature map that goes into a detector's head.

    Attributes:
        stride: pixels of the input for each cell.
        channels: numbers in each cell.
    """

    stride: int
    channels: int


@dataclass(frozen=True, slots=True)
class RegionFeatures:
    """Which numbers describe a box: the mean of each feature map in it, one vector per map and context.

    Each vector is scaled to length 1, so that no map outweighs the others.

    Attributes:
        maps: those that go into the head, in its order.
        contexts: factors that the box is enlarged by about its centre.
    """

    maps: tuple[FeatureMap, ...]
    contexts: tuple[float, ...] = CONTEXTS

    @property
    def size(self) -> int:
        """How many numbers describe a box."""
        return len(self.contexts) * sum(each.channels for each in self.maps)


@dataclass(frozen=True, slots=True, eq=False)
class Verifier:
    """A trained second stage for one checkpoint; `rescored` applies it.

    Attributes:
        weights: name of the checkpoint, for people.
        weights_sha256: of the checkpoint that it was trained for, hex.
        class_names: of that checkpoint, by class id.
        features: what it looks at.
        class_ids: [K] the classes that it verifies; the scores of others stay as they are.
        coefficients: [K, D] float32, of each class.
        intercepts: [K] float32.
        shift: added to the logit of every new score of a verified class, so that recall at the user's score threshold
            stays what it was.
        imgsz: input size that it was trained at, pixels.
        conf: the score threshold at which recall is kept.
        report: how it was trained and what cross-validation found; JSON values.
    """

    weights: str
    weights_sha256: str
    class_names: Mapping[int, str]
    features: RegionFeatures
    class_ids: IntArray
    coefficients: Features
    intercepts: Features
    shift: float
    imgsz: int
    conf: float
    report: Mapping[str, object] = field(default_factory=dict)

    def rescored(self, scores: FloatArray, class_ids: IntArray, features: Features) -> FloatArray:
        """New scores of detections.

        Args:
            scores: [N] of the detector, 0 to 1.
            class_ids: [N].
            features: [N, D] that describe the boxes, as `features` says.

        Returns:
            [N] in [0, 1].
        """
        found = np.array(scores, dtype=np.float64)
        for row, number in enumerate(self.class_ids):
            own = class_ids == number
            margins = features[own].astype(np.float64) @ self.coefficients[row] + float(self.intercepts[row])
            found[own] = combined(found[own], margins, self.shift)
        return found

    def detector_conf(self, conf: float) -> float:
        """The score that a detection must have before, so that its new one can be `conf`."""
        if not 0 < conf < 1:
            return conf
        return min(conf, _sigmoid(_logit(conf) - self.shift))


def combined(scores: FloatArray, margins: FloatArray, shift: float) -> FloatArray:
    """Multiply scores [N] with the probabilities of margins [N], and shift the logits of the products."""
    probabilities = 1 / (1 + np.exp(-np.clip(margins, -MARGIN_LIMIT, MARGIN_LIMIT)))
    products = np.clip(scores * probabilities, TINY_SCORE, 1 - TINY_SCORE)
    shifted: FloatArray = 1 / (1 + (1 / products - 1) * math.exp(-shift))
    return shifted


def logits(scores: FloatArray) -> FloatArray:
    """The logits of scores [N], finite for 0 and 1 too."""
    inside = np.clip(scores, TINY_SCORE, 1 - TINY_SCORE)
    found: FloatArray = np.log(inside) - np.log1p(-inside)
    return found


def _logit(score: float) -> float:
    return math.log(score) - math.log1p(-score)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
