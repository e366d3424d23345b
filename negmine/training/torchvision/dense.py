"""Classification losses of the one-stage detectors of torchvision, in place of their own.

RetinaNet, FCOS and SSD end in one method of one signature, `compute_loss(targets, head_outputs, anchors,
matched_idxs)`, which knows every anchor's object. It is called as it is, and the parts of the loss that a rule changes
are replaced in what it returns; on the live model alone, so that a state_dict is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from negmine.errors import WeightsError
from negmine.losses.ghm import ghm_c_loss, ghm_r_loss
from negmine.losses.hard_negative import hardest_negatives
from negmine.losses.sampling_free import guided_scale
from negmine.training.config import TrainConfig
from negmine.training.suppression import suppressed

CLASSIFICATION, BOXES = "classification", "bbox_regression"  # names of torchvision
_IGNORED = -2  # the index of an anchor that is neither, of torchvision's matcher
_TINY = 1e-12

Losses = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What a one-stage detector said of every anchor of a batch, and what it should have said.

    Attributes:
        logits: [B, A, C].
        labels: [B, A] int64, the object's label; of no meaning elsewhere.
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


def teach(model: nn.Module, builder: str, config: TrainConfig) -> Rule | None:
    """Put a rule behind the losses of a one-stage detector.

    Args:
        model: of the builder; changed in place.
        builder: its name in torchvision.
        config: which loss, and its numbers.

    Returns:
        The rule, which may hold a state to go on with (`state_dict`); None where torchvision's own loss stays.

    Raises:
        WeightsError: where the family has no such loss.
    """
    rule = _rule(builder, config)
    if rule is None:
        return None
    place = _place(model, builder)
    place.compute_loss = _Ruled(place.compute_loss, rule, _coder(model, builder), offsets="fcos" not in builder)
    return rule


@contextmanager
def ruled_by(model: nn.Module, builder: str, rule: Rule) -> Iterator[None]:
    """Put a rule behind the losses for a while; afterwards they are what they were."""
    place = _place(model, builder)
    before = place.compute_loss
    compute = before.compute if isinstance(before, _Ruled) else before
    place.compute_loss = _Ruled(compute, rule, _coder(model, builder), offsets="fcos" not in builder)
    try:
        yield
    finally:
        place.compute_loss = before


def _place(model: Any, builder: str) -> Any:
    """The module whose `compute_loss` it is."""
    return model if builder.startswith("ssd") else model.head


def _rule(builder: str, config: TrainConfig) -> Rule | None:
    if config.loss == "stock":
        return None
    hardest = Hardest(config.neg_per_pos, config.min_neg, config.nms_iou if config.loss == "ohem" else None)
    if builder.startswith("ssd"):
        if config.loss in ("ohem", "hard-negative"):
            return SoftmaxHardest(hardest)
        raise WeightsError(
            f"{builder} has a softmax over the classes, which the loss {config.loss} is not made for; expected a loss "
            "of stock, hard-negative, ohem"
        )
    rules: Mapping[str, Callable[[], Rule | None]] = {
        "focal": lambda: None,  # is their own
        "ohem": lambda: FocalHardest(hardest, each_image=builder.startswith("retinanet")),
        "hard-negative": lambda: SigmoidHardest(hardest),
        "ghm": GradientHarmonised,
        "guided": lambda: guided,
    }
    if config.loss is None or config.loss not in rules:
        raise WeightsError(
            f"{builder} has no regions to sample, which the loss {config.loss} does; expected a loss of stock, "
            f"{', '.join(rules)}"
        )
    return rules[config.loss]()


class _Ruled:
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
class Hardest:
    """Which negatives of an image count: those of highest loss, a number for each positive.

    Attributes:
        neg_per_pos: negatives for each positive anchor of an image with objects.
        min_neg: negatives of an image without.
        nms_iou: overlap of decoded boxes above which the lower loss is passed over; None for no suppression.
    """

    neg_per_pos: float
    min_neg: int
    nms_iou: float | None

    def __call__(self, loss: Tensor, matched: Matched) -> Tensor:
        """Mask [B, A] of the negatives that count, by the loss [B, A] of each anchor."""
        loss = loss.detach()
        ignore = matched.ignored
        if self.nms_iou is not None:
            ignore = ignore | suppressed(
                loss.masked_fill(matched.ignored, 0), matched.positive, matched.decode(), iou=self.nms_iou
            )
        return hardest_negatives(
            loss, matched.positive, neg_per_pos=self.neg_per_pos, min_neg=self.min_neg, ignore=ignore
        )


class FocalHardest:
    """OHEM on top of the focal loss: of each image's negatives the hardest alone, scaled to what all of them weighed.

    Each image's sum, and with it the classification term, has torchvision's value at every step; what changes is which
    anchors its gradient comes from.
    """

    def __init__(self, hardest: Hardest, *, each_image: bool) -> None:
        self._hardest = hardest
        self._each_image = (
            each_image  # RetinaNet divides each image by its own positives, FCOS all by those of the batch
        )

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss."""
        loss = sigmoid_focal_loss(matched.logits, matched.one_hot).sum(2)  # [B, A]
        loss = loss.masked_fill(matched.ignored, 0)
        kept = torch.where(matched.positive | self._hardest(loss, matched), loss, 0)
        factor = loss.detach().sum(1) / kept.detach().sum(1).clamp(min=_TINY)
        sums = kept.sum(1) * factor  # [B]
        positives = matched.positive.sum(1)
        if self._each_image:
            total = (sums / positives.clamp(min=1)).mean()
        else:
            total = sums.sum() / positives.sum().clamp(min=1)
        return {**losses, CLASSIFICATION: total}


class SigmoidHardest:
    """SSD's rule for a head of sigmoids: binary cross entropy of positives and hardest negatives; see `_divided`."""

    def __init__(self, hardest: Hardest) -> None:
        self._hardest = hardest

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss."""
        loss = functional.binary_cross_entropy_with_logits(matched.logits, matched.one_hot, reduction="none").sum(2)
        return {**losses, CLASSIFICATION: _divided(loss, matched, self._hardest(loss, matched))}


class SoftmaxHardest:
    """SSD's own rule, which also learns from images without objects; torchvision's takes no negative of theirs."""

    def __init__(self, hardest: Hardest) -> None:
        self._hardest = hardest

    def __call__(self, matched: Matched, losses: Losses) -> Losses:
        """Replace the classification loss."""
        target = torch.where(matched.positive, matched.labels, 0)
        loss = functional.cross_entropy(matched.logits.flatten(0, 1), target.flatten(), reduction="none")
        loss = loss.view(target.shape)
        return {**losses, CLASSIFICATION: _divided(loss, matched, self._hardest(loss, matched))}


class GradientHarmonised:
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
        """What was kept from batch to batch."""
        return {"classes": self._classes, "boxes": self._boxes}

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        """Go on from there."""
        self._classes, self._boxes = state["classes"], state["boxes"]


def guided(matched: Matched, losses: Losses) -> Losses:
    """Binary cross entropy of every anchor, scaled to the loss of the boxes: Chen et al., "Is Sampling Heuristics
    Necessary in Training Deep Object Detectors?", 2019. A batch without objects has no box to be guided by.
    """
    loss = functional.binary_cross_entropy_with_logits(matched.logits, matched.one_hot, reduction="none").sum(2)
    total = loss.masked_fill(matched.ignored, 0).sum() / matched.positive.sum().clamp(min=1)
    boxes = torch.stack([value for name, value in losses.items() if name != CLASSIFICATION]).sum()
    if not bool(matched.positive.any()):
        total = total / matched.labels.numel()  # the mean over the anchors: divided by 1 it would drown all else
    return {**losses, CLASSIFICATION: guided_scale(total, boxes) * total}


def _divided(loss: Tensor, matched: Matched, negative: Tensor) -> Tensor:
    """The loss [B, A] of positives and chosen negatives, divided as `negmine.losses.hard_negative_loss` says."""
    sums = torch.where(matched.positive | negative, loss, 0).sum(1)  # [B]
    positives = matched.positive.sum(1)
    has_object = positives > 0
    with_objects = sums[has_object].sum() / positives.sum().clamp(min=1)
    without = sums[~has_object].sum() / negative[~has_object].sum().clamp(min=1)
    return with_objects + without * (~has_object).sum() / max(len(sums), 1)


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
