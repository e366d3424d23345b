"""Losses and samplers against the imbalance of foreground and background, as pure functions of tensors.

They import torch alone, keep no state and draw from no generator but the one passed in. Half precision comes in,
float32 goes out. Where nothing is left to count, a loss is a 0 that still has a gradient.
"""

from negmine.losses.focal import focal_loss
from negmine.losses.ghm import ghm_c_loss, ghm_c_weights, ghm_r_loss
from negmine.losses.hard_negative import hard_negative_loss, hardest, hardest_negatives
from negmine.losses.ohem import ohem_classification_loss, ohem_loss, ohem_row_losses, ohem_select
from negmine.losses.sampling import biased_minibatch, iou_balanced_negatives
from negmine.losses.sampling_free import class_adaptive_thresholds, guided_scale, optimal_bias
from negmine.losses.suppression import nms

__all__ = [
    "biased_minibatch",
    "class_adaptive_thresholds",
    "focal_loss",
    "ghm_c_loss",
    "ghm_c_weights",
    "ghm_r_loss",
    "guided_scale",
    "hard_negative_loss",
    "hardest",
    "hardest_negatives",
    "iou_balanced_negatives",
    "nms",
    "ohem_classification_loss",
    "ohem_loss",
    "ohem_row_losses",
    "ohem_select",
    "optimal_bias",
]
