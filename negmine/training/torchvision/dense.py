"""Other classification losses for the one-stage detectors of torchvision: RetinaNet, FCOS and SSD.

The three end in one method of one signature, `compute_loss(targets, head_outputs, anchors, matched_idxs)`, which knows
every anchor's object. It is called unchanged, and a rule replaces the parts of the loss that it changes in what the
method returns; on the live model alone, so that a state_dict is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from negmine.losses.focal import focal_loss
from negmine.losses.ghm import ghm_c_loss, ghm_r_loss
from negmine.losses.hard_negative import hard_negative_loss, hard_negative_mean, hardest_negatives
from negmine.losses.nms import overlapping_negatives
from negmine.losses.sampling_free import guided_scale
from negmine.training.config import TrainConfig

CLASSIFICATION, BOXES = "classification", "bbox_regression"  # names of torchvision
_IGNORED = -2  # the index of an anchor that is neither, of torchvision's matcher
_NEITHER = -1  # the class of such an anchor, for `hard_negative_loss`
_TINY = 1e-12

Losses = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What a one-stage detector predicted for every anchor of a batch, and what it should have predicted.

    Attributes:
        logits: [B, A, C].
        labels: [B, A] int64, the object's label; meaningless where there is none.
        positive: [B, A] bool, the anchors that an object was matched to.
        ignored: [B, A] bool, those that count as neither.
        decode: gives the boxes [B, A, 4], xyxy, detached, of float32.
        offsets: predicted and wanted offsets of the positives, [P, 4] each; None where the box loss is no distance.
    """

    logits: Tensor
    labels: Tensor
    positive: Tensor
    ignored: Tensor
    decode: Callable[[], Tensor]
    offsets: tuple[Tensor, Tensor] | None

    @property
    def one_hot(self) -> Tensor:
        """[B, A, C] of 0 and 1."""
        target = torch.zeros_like(self.logits)
        images, anchors = torch.where(self.positive)
        target[images, anchors, self.labels[images, anchors]] = 1
        return target


class Rule(Protocol):
    """Changes the losses of a batch."""

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Return the losses that count; `losses` are torchvision's."""


def ohem_of_retinanet(config: TrainConfig) -> Rule:
    """OHEM; RetinaNet divides each image by its own positives."""
    return FocalHardest(HardestAnchors(config.neg_per_pos, config.min_neg, config.nms_iou), each_image=True)


def ohem_of_fcos(config: TrainConfig) -> Rule:
    """OHEM; FCOS divides all images by the positives of the batch."""
    return FocalHardest(HardestAnchors(config.neg_per_pos, config.min_neg, config.nms_iou), each_image=False)


def ohem_of_ssd(config: TrainConfig) -> Rule:
    """OHEM for a softmax over the classes: SSD's rule, after suppression among the negatives."""
    return SoftmaxHardest(HardestAnchors(config.neg_per_pos, config.min_neg, config.nms_iou))


def hard_negative(config: TrainConfig) -> Rule:
    """SSD's rule for a head of sigmoids."""
    return SigmoidHardest(HardestAnchors(config.neg_per_pos, config.min_neg, None))


def hard_negative_of_ssd(config: TrainConfig) -> Rule:
    """SSD's rule as in the paper, and with images without objects."""
    return SoftmaxHardest(HardestAnchors(config.neg_per_pos, config.min_neg, None))


def ghm(config: TrainConfig) -> Rule:
    """Gradient harmonising."""
    return HarmonisedLosses()


def guided(config: TrainConfig) -> Rule:
    """Guided loss scaling."""
    return scaled_to_boxes


def install_anchor_loss(model: nn.Module, builder: str, rule: Rule) -> None:
    """Put a rule behind the losses of a one-stage detector.

    Args:
        model: of the builder; changed in place.
        builder: its name in torchvision.
        rule: may hold a state to resume with (`state_dict`).
    """
    owner = _owner(model, builder)
    owner.compute_loss = _RuledLoss(owner.compute_loss, rule, _coder(model, builder), offsets="fcos" not in builder)


@contextmanager
def ruled_by(model: nn.Module, builder: str, rule: Rule) -> Iterator[None]:
    """Put a rule behind the losses for a while; afterwards they are as before."""
    owner = _owner(model, builder)
    before = owner.compute_loss
    compute = before.compute if isinstance(before, _RuledLoss) else before
    owner.compute_loss = _RuledLoss(compute, rule, _coder(model, builder), offsets="fcos" not in builder)
    try:
        yield
    finally:
        owner.compute_loss = before


def _owner(model: Any, builder: str) -> Any:
    """The module whose `compute_loss` it is."""
    return model if builder.startswith("ssd") else model.head


class _RuledLoss:
    """torchvision's `compute_loss`, with a rule behind it."""

    def __init__(self, compute: Callable[..., Losses], rule: Rule, coder: Any, *, offsets: bool) -> None:
        self.compute = compute
        self._rule = rule
        self._coder = coder
        self._offsets = offsets

    def __call__(
        self,
        targets: Sequence[Mapping[str, Tensor]],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        matched_idxs: Sequence[Tensor],
    ) -> Losses:
        losses = self.compute(targets, head_outputs, anchors, matched_idxs)
        indices = torch.stack(list(matched_idxs))  # [B, A]
        labels = torch.stack([_labels(target, index) for target, index in zip(targets, matched_idxs, strict=True)])
        regression = head_outputs["bbox_regression"]
        matched = Matched(
            logits=head_outputs["cls_logits"],
            labels=labels,
            positive=indices >= 0,
            ignored=indices == _IGNORED,
            decode=lambda: _decoded(self._coder, regression.detach().float(), anchors),
            offsets=_offsets(self._coder, regression, targets, anchors, matched_idxs) if self._offsets else None,
        )
        return self._rule(matched, losses)


@dataclass(frozen=True, slots=True)
class HardestAnchors:
    """Which negatives of an image count: those of highest loss, a number for each positive.

    Attributes:
        neg_per_pos: negatives for each positive anchor of an image with objects.
        min_neg: negatives of an image without.
        nms_iou: overlap of decoded boxes above which the lower loss is dropped; None for no suppression.
    """

    neg_per_pos: float
    min_neg: int
    nms_iou: float | None

    def left_out(self, loss: Tensor, matched: Matched) -> Tensor:
        """Mask [B, A] of the anchors that can count as neither, by the loss [B, A] of each anchor."""
        if self.nms_iou is None:
            return matched.ignored
        ranked = loss.detach().masked_fill(matched.ignored, 0)
        return matched.ignored | overlapping_negatives(ranked, matched.positive, matched.decode(), iou=self.nms_iou)


class FocalHardest:
    """OHEM on top of the focal loss: of each image's negatives the hardest alone, scaled to what all of them weighed.

    Each image's sum, and with it the classification term, has torchvision's value at every step; what changes is which
    anchors its gradient comes from.

    Args:
        hardest: which negatives count.
        each_image: divide each image by its own positives, or the batch by all.
    """

    def __init__(self, hardest: HardestAnchors, *, each_image: bool) -> None:
        self._hardest = hardest
        self._each_image = each_image

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss."""
        loss = focal_loss(matched.logits, matched.one_hot).sum(2).masked_fill(matched.ignored, 0)  # [B, A]
        hardest = hardest_negatives(
            loss,
            matched.positive,
            neg_per_pos=self._hardest.neg_per_pos,
            min_neg=self._hardest.min_neg,
            ignore=self._hardest.left_out(loss, matched),
        )
        kept = torch.where(matched.positive | hardest, loss, 0)
        factor = loss.detach().sum(1) / kept.detach().sum(1).clamp(min=_TINY)
        sums = kept.sum(1) * factor  # [B]
        positives = matched.positive.sum(1)
        if self._each_image:
            total = (sums / positives.clamp(min=1)).mean()
        else:
            total = sums.sum() / positives.sum().clamp(min=1)
        return {**losses, CLASSIFICATION: total}


class SigmoidHardest:
    """SSD's rule for a head of sigmoids: binary cross entropy of the positives and the hardest negatives."""

    def __init__(self, hardest: HardestAnchors) -> None:
        self._hardest = hardest

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss."""
        loss = functional.binary_cross_entropy_with_logits(matched.logits, matched.one_hot, reduction="none").sum(2)
        total = hard_negative_mean(
            loss,
            matched.positive,
            neg_per_pos=self._hardest.neg_per_pos,
            min_neg=self._hardest.min_neg,
            ignore=self._hardest.left_out(loss, matched),
        )
        return {**losses, CLASSIFICATION: total}


class SoftmaxHardest:
    """SSD's own rule, which also learns from images without objects; torchvision's takes no negative of theirs."""

    def __init__(self, hardest: HardestAnchors) -> None:
        self._hardest = hardest

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss."""
        classes = torch.where(matched.positive, matched.labels, 0)
        with torch.no_grad():  # to rank by
            loss = functional.cross_entropy(matched.logits.flatten(0, 1), classes.flatten(), reduction="none")
            left_out = self._hardest.left_out(loss.view(classes.shape), matched)
        total = hard_negative_loss(
            matched.logits,
            classes.masked_fill(left_out, _NEITHER),
            neg_per_pos=self._hardest.neg_per_pos,
            min_neg=self._hardest.min_neg,
            ignore_index=_NEITHER,
        )
        return {**losses, CLASSIFICATION: total}


class HarmonisedLosses:
    """GHM-C for the classes and, where boxes are offsets, GHM-R for them: Li et al., AAAI 2019.

    The two averages of the bins go from batch to batch.
    """

    def __init__(self) -> None:
        self._classes: Tensor | None = None
        self._boxes: Tensor | None = None

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss, and that of the boxes."""
        valid = (~matched.ignored)[..., None].expand_as(matched.logits)
        classification, self._classes = ghm_c_loss(matched.logits, matched.one_hot, acc=self._classes, valid=valid)
        losses = {**losses, CLASSIFICATION: classification}
        if matched.offsets is not None:
            predicted, wanted = matched.offsets
            losses[BOXES], self._boxes = ghm_r_loss(predicted, wanted, acc=self._boxes)
        return losses

    def state_dict(self) -> dict[str, Tensor | None]:
        """What is kept from batch to batch."""
        return {"classes": self._classes, "boxes": self._boxes}

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        """Restore what `state_dict` returned."""
        self._classes, self._boxes = state["classes"], state["boxes"]


def scaled_to_boxes(matched: Matched, losses: Losses) -> Losses:
    """Binary cross entropy of every anchor, scaled to the loss of the boxes: Chen et al., "Is Sampling Heuristics
    Necessary in Training Deep Object Detectors?", 2019. A batch without objects has no box to be guided by.
    """
    loss = functional.binary_cross_entropy_with_logits(matched.logits, matched.one_hot, reduction="none").sum(2)
    total = loss.masked_fill(matched.ignored, 0).sum() / matched.positive.sum().clamp(min=1)
    boxes = torch.stack([value for name, value in losses.items() if name != CLASSIFICATION]).sum()
    if not bool(matched.positive.any()):
        total = total / matched.labels.numel()  # the mean over the anchors: divided by 1 it would drown all else
    return {**losses, CLASSIFICATION: guided_scale(total, boxes) * total}


def _coder(model: Any, builder: str) -> Any:
    if builder.startswith("retinanet"):
        return model.head.regression_head.box_coder
    return model.head.box_coder if builder.startswith("fcos") else model.box_coder


def _labels(target: Mapping[str, Tensor], index: Tensor) -> Tensor:
    """The label of each anchor's object, [A]; 0 where it has none."""
    if len(target["labels"]) == 0:
        return torch.zeros_like(index)
    return torch.where(index >= 0, target["labels"][index.clamp(min=0)], 0)


def _decoded(coder: Any, regression: Tensor, anchors: Sequence[Tensor]) -> Tensor:
    if hasattr(coder, "decode_single"):
        return torch.stack(
            [coder.decode_single(part, anchor) for part, anchor in zip(regression, anchors, strict=True)]
        )
    decoded: Tensor = coder.decode(regression, torch.stack(list(anchors)))
    return decoded


def _offsets(
    coder: Any,
    regression: Tensor,
    targets: Sequence[Mapping[str, Tensor]],
    anchors: Sequence[Tensor],
    matched_idxs: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """Predicted and wanted offsets of the positives of all images, [P, 4] each."""
    predicted, wanted = [], []
    for part, target, anchor, index in zip(regression, targets, anchors, matched_idxs, strict=True):
        rows = torch.where(index >= 0)[0]
        predicted.append(part[rows])
        wanted.append(coder.encode_single(target["boxes"][index[rows]], anchor[rows]))
    return torch.cat(predicted), torch.cat(wanted)
