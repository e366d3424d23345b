"""From what is alone in time to negatives, for one frame of a video that nobody labelled."""

from __future__ import annotations

import numpy as np

from negmine.bank.records import JudgedDetection, LikelyMiss, NewNegative
from negmine.matching import Kind, match_detections
from negmine.mining.config import ScanConfig
from negmine.mining.flicker.finder import FrameFindings
from negmine.mining.judge import Classes, cut_negatives
from negmine.structures import Detections, GroundTruth, Image, as_boxes_xyxy


def judge_frame(
    image: Image,
    detections: Detections,
    findings: FrameFindings,
    truth: GroundTruth,
    classes: Classes,
    config: ScanConfig,
) -> tuple[tuple[JudgedDetection, ...], tuple[NewNegative, ...]]:
    """Cut a negative around each flicker. It keeps clear of all that other frames confirm, and of likely misses.

    Args:
        image: [H, W, 3].
        detections: canonical, of all classes, N of them.
        findings: what is said of them.
        truth: every object that the bank knows in the frame.
        classes: names, and which classes are mined.
        config: thresholds and crop.

    Returns:
        The detections of the classes to mine, and the negatives that they refer to.
    """
    is_mined = np.full(len(detections), True)
    if classes.mined is not None:
        is_mined = np.isin(detections.class_ids, classes.mined)
    gaps_xyxy = as_boxes_xyxy([gap.box_xyxy for gap in findings.gaps])
    confirmed_xyxy = detections.boxes_xyxy[~findings.is_alone]
    others_xyxy = detections.boxes_xyxy[findings.is_alone & ~is_mined]
    mined = detections.select(is_mined)
    matches = match_detections(mined, truth, classes.truth_names, judged=None, config=config.match)
    kinds = [
        (Kind.FLICKER if is_alone else Kind.UNJUDGED) if kind is Kind.BACKGROUND else kind
        for kind, is_alone in zip(matches.kinds, findings.is_alone[is_mined], strict=True)
    ]
    targets_xyxy = np.concatenate([truth.boxes_xyxy, confirmed_xyxy, gaps_xyxy])
    return cut_negatives(image, mined, kinds, (targets_xyxy, others_xyxy), classes, config)


def likely_misses(findings: FrameFindings, classes: Classes) -> tuple[LikelyMiss, ...]:
    """The gaps of the classes to mine, as the bank has them."""
    return tuple(
        LikelyMiss(classes.model_names[gap.class_id], round(gap.score, 5), _rounded(gap.box_xyxy))
        for gap in findings.gaps
        if classes.mined is None or gap.class_id in classes.mined
    )


def _rounded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(side, 2) for side in box)
    return x1, y1, x2, y2
