"""Losses and samplers against the imbalance of foreground and background: the functions that the trainers call.

They are pure functions of tensors: they keep no state and draw from no generator but the one passed in. Half precision
comes in, float32 goes out. Where nothing is left to count, a loss is a 0 that still has a gradient. Which of them
`--loss` offers, and for which detectors, is declared in `negmine.training.losses`.
"""

from negmine.losses.focal import focal_loss, quality_focal_weights
from negmine.losses.ghm import ghm_c_loss, ghm_c_weights, ghm_r_loss
from negmine.losses.hard_negative import hard_negative_loss, hard_negative_mean, hardest_negatives
from negmine.losses.nms import overlapping_negatives
from negmine.losses.ohem import ohem_loss, ohem_row_losses, ohem_select
from negmine.losses.sampling import biased_minibatch
from negmine.losses.sampling_free import class_adaptive_thresholds, guided_scale, optimal_bias

__all__ = [
    "biased_minibatch",
    "class_adaptive_thresholds",
    "focal_loss",
    "ghm_c_loss",
    "ghm_c_weights",
    "ghm_r_loss",
    "guided_scale",
    "hard_negative_loss",
    "hard_negative_mean",
    "hardest_negatives",
    "ohem_loss",
    "ohem_row_losses",
    "ohem_select",
    "optimal_bias",
    "overlapping_negatives",
    "quality_focal_weights",
]
