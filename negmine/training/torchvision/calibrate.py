"""Shifting the class logits of torchvision's detectors, in the biases of the layers that give them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import torch

from negmine.detectors.torchvision.builders import TorchvisionCheckpoint
from negmine.training.calibration import Calibration, logits, shifted
from negmine.training.losses import Family, family_of_builder


def calibrate_checkpoint(checkpoint: TorchvisionCheckpoint, calibration: Calibration) -> TorchvisionCheckpoint:
    """A checkpoint whose class logits are shifted. What is kept depends on the head:

    - RetinaNet has a sigmoid for each class: each score moves by exactly the shift of its class, and detections of a
      class stay in order.
    - SSD and Faster R-CNN have a softmax over the classes and the background, whose logit stays. With one class, each
      score moves by exactly the shift. With several, the sum of their scores does where all shifts are alike, and two
      detections of a class may change places where other classes share in their scores.
    - FCOS multiplies the class score by that of centre-ness and takes the root, so no bias moves scores exactly. The
      shift takes `score_before` to `conf` at a centre-ness of 1. At a centre-ness of 0.5, where 0.1 is to become 0.25,
      0.244 comes out. Two detections of a class may change places where their centre-ness differs.

    The score thresholds of classes, where there are any, move as scores do.
    """
    family = family_of_builder(checkpoint.builder)
    shift = _fcos_shift if family is Family.FCOS else Calibration.shift
    ids = range(len(checkpoint.class_names))
    by_label = torch.zeros(checkpoint.num_classes, dtype=torch.float64)
    for number in ids:
        by_label[number + checkpoint.first_label] = shift(calibration, number)
    state = {
        name: (value.double().view(-1, checkpoint.num_classes) + by_label).flatten().to(value.dtype)
        if _BIASES[family].fullmatch(name)
        else value
        for name, value in checkpoint.state.items()
    }
    before = checkpoint.score_thresholds
    thresholds = None if before is None else tuple(_moved(calibration, number, before[number]) for number in ids)
    return replace(checkpoint, state=state, score_thresholds=thresholds)


_BIASES = {  # of the layers that give class logits: [anchors * classes], the class running fastest
    Family.RETINANET: re.compile(r"head\.classification_head\.cls_logits\.bias"),
    Family.FCOS: re.compile(r"head\.classification_head\.cls_logits\.bias"),
    Family.SSD: re.compile(r"head\.classification_head\.module_list\.\d+(\.1)?\.bias"),
    Family.FASTER_RCNN: re.compile(r"roi_heads\.box_predictor\.cls_score\.bias"),
}


def _fcos_shift(calibration: Calibration, number: int) -> float:
    """Scores are the root of class score times centre-ness."""
    if not calibration.shift(number):
        return 0.0
    before, after = logits(np.array([calibration.score_before(number) ** 2, calibration.conf**2]))
    return float(after - before)


def _moved(calibration: Calibration, number: int, threshold: float) -> float:
    shift = calibration.shift(number)
    return float(shifted(np.array([threshold]), shift)[0]) if shift and 0 < threshold < 1 else threshold
