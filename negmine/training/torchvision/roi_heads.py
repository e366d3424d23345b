"""Which regions the box head of a Faster R-CNN is trained on: torchvision's heads, with another choice.

The heads share the modules of the heads that they are made from, so a state_dict and the results are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.ops import box_iou

from negmine.losses.ohem import ohem_loss, ohem_row_losses, ohem_select
from negmine.losses.sampling import biased_minibatch
from negmine.training.config import TrainConfig

_BETA = 1 / 9  # of torchvision's smooth L1
_CHUNK = 2048  # regions of one forward of the read-only pass: its memory does not grow with their number

Features = Mapping[str, Tensor]
Sizes = Sequence[tuple[int, int]]
Targets = Sequence[Mapping[str, Tensor]]
_Regions = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]  # boxes, matched object, label, offsets
_Output = tuple[list[dict[str, Tensor]], dict[str, Tensor]]  # detections of each image, losses


def ohem(config: TrainConfig) -> Callable[[RoIHeads], RoIHeads]:
    """OHEM as in the paper."""
    return partial(OhemRoIHeads, batch=config.ohem_batch, nms_iou=config.ohem_nms)


def heuristic(config: TrainConfig) -> Callable[[RoIHeads], RoIHeads]:
    """The biased sample of Fast R-CNN."""
    return partial(BiasedRoIHeads, batch=config.ohem_batch, bg_lo=config.bg_lo)


def random(config: TrainConfig) -> Callable[[RoIHeads], RoIHeads]:
    """A sample of all regions alike."""
    return partial(BiasedRoIHeads, batch=config.ohem_batch, positive_fraction=None)


def _arguments(heads: RoIHeads) -> dict[str, Any]:
    """What heads are made of, as the arguments of their class."""
    return {
        "box_roi_pool": heads.box_roi_pool,
        "box_head": heads.box_head,
        "box_predictor": heads.box_predictor,
        "fg_iou_thresh": heads.proposal_matcher.high_threshold,
        "bg_iou_thresh": heads.proposal_matcher.low_threshold,
        "batch_size_per_image": heads.fg_bg_sampler.batch_size_per_image,
        "positive_fraction": heads.fg_bg_sampler.positive_fraction,
        "bbox_reg_weights": heads.box_coder.weights,
        "score_thresh": heads.score_thresh,
        "nms_thresh": heads.nms_thresh,
        "detections_per_img": heads.detections_per_img,
    }


class _ChoosingRoIHeads(RoIHeads):  # type: ignore[misc]
    """torchvision's heads, but with a loss of 0, not NaN, where no region was chosen."""

    def __init__(self, heads: RoIHeads) -> None:
        super().__init__(**_arguments(heads))
        self._chosen = 0

    def select_training_samples(self, proposals: list[Tensor], targets: Targets | None) -> _Regions:
        """As torchvision's; counts the regions."""
        regions: _Regions = super().select_training_samples(proposals, targets)
        self._chosen = sum(map(len, regions[0]))
        return regions

    def forward(
        self, features: Features, proposals: list[Tensor], image_shapes: Sizes, targets: Targets | None = None
    ) -> _Output:
        """As torchvision's."""
        result, losses = super().forward(features, proposals, image_shapes, targets)
        if self.training and not self._chosen:
            nothing = torch.stack([feature.sum() for feature in features.values()]).sum() * 0
            losses = dict.fromkeys(losses, nothing)
        return result, losses


class AllRoIHeads(_ChoosingRoIHeads):
    """Trains on every region: the ground truth and all proposals, background from an overlap of 0.

    Args:
        heads: of a Faster R-CNN; its modules become those of this one.
    """

    def subsample(self, labels: list[Tensor]) -> list[Tensor]:
        """Indices, for each image, of the regions that count: all but those between two thresholds."""
        return [torch.where(label >= 0)[0] for label in labels]


class OhemRoIHeads(AllRoIHeads):
    """Trains on the regions of highest loss: Shrivastava et al., CVPR 2016, section 4 and figure 2.

    A read-only pass gives every region's loss, of class and box, without keeping an activation. Of regions of an image
    that overlap, the one of highest loss stays; of those that stay, the `batch` hardest of all images go through the
    second pass, which makes the gradients. Both losses are divided by their number.

    In the read-only pass, batch normalisation in the box head uses its running statistics and does not update them.

    Args:
        heads: of a Faster R-CNN.
        batch: regions of all images of a step together; 128 in the paper, with two images.
        nms_iou: overlap above which of two regions only the harder can be chosen; 0.7 in the paper; None for none.
    """

    def __init__(self, heads: RoIHeads, *, batch: int = 128, nms_iou: float | None = 0.7) -> None:
        super().__init__(heads)
        self._batch = batch
        self._nms_iou = nms_iou

    def forward(
        self, features: Features, proposals: list[Tensor], image_shapes: Sizes, targets: Targets | None = None
    ) -> _Output:
        """As torchvision's; in training with the losses of the hardest regions."""
        if not self.training:
            output: _Output = super().forward(features, proposals, image_shapes, targets)
            return output
        boxes, labels, offsets = self.hardest_regions(features, proposals, image_shapes, targets)
        logits, regression = self._predicted(features, boxes, image_shapes)
        target = torch.cat(labels)
        classification, box = ohem_loss(  # of all rows: they are the hardest already, `batch` at most
            logits, target, _of_class(regression, target), torch.cat(offsets), keep=self._batch, beta=_BETA
        )
        return [], {"loss_classifier": classification, "loss_box_reg": box}

    def hardest_regions(
        self, features: Features, proposals: list[Tensor], sizes: Sizes, targets: Targets | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Boxes, labels and offsets of the hardest regions of all images, for each image the hardest first."""
        boxes, _, labels, offsets = self.select_training_samples(proposals, targets)
        chosen = self._hardest(self._read(features, sizes, boxes, labels, offsets), boxes)
        return (
            [each[rows] for each, rows in zip(boxes, chosen, strict=True)],
            [each[rows] for each, rows in zip(labels, chosen, strict=True)],
            [each[rows] for each, rows in zip(offsets, chosen, strict=True)],
        )

    @torch.no_grad()
    def _read(
        self, features: Features, sizes: Sizes, boxes: list[Tensor], labels: list[Tensor], offsets: list[Tensor]
    ) -> list[Tensor]:
        """The read-only pass: the loss of every region, for each image [R]."""
        normalisations = [
            module for module in self.box_head.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
        ]
        training = [module.training for module in normalisations]
        for module in normalisations:
            module.eval()
        try:
            return [
                torch.cat(
                    [
                        self._losses(_of_image(features, image), [part], [sizes[image]], label, offset)
                        for part, label, offset in zip(
                            torch.split(boxes[image], _CHUNK),
                            torch.split(labels[image], _CHUNK),
                            torch.split(offsets[image], _CHUNK),
                            strict=True,
                        )
                    ]
                )
                for image in range(len(boxes))
            ]
        finally:
            for module, was in zip(normalisations, training, strict=True):
                module.train(was)

    def _losses(self, features: Features, boxes: list[Tensor], sizes: Sizes, labels: Tensor, offsets: Tensor) -> Tensor:
        logits, regression = self._predicted(features, boxes, sizes)
        return ohem_row_losses(logits, labels, _of_class(regression, labels), offsets, beta=_BETA)

    def _predicted(self, features: Features, boxes: list[Tensor], sizes: Sizes) -> tuple[Tensor, Tensor]:
        """Logits [R, C] and offsets [R, 4 C] of regions."""
        predicted: tuple[Tensor, Tensor] = self.box_predictor(self.box_head(self.box_roi_pool(features, boxes, sizes)))
        return predicted

    def _hardest(self, losses: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Rows of each image: of those that suppression leaves, the hardest of all images together."""
        left = [
            ohem_select(loss, keep=self._batch, boxes=None if self._nms_iou is None else box, nms_iou=self._nms_iou)
            for loss, box in zip(losses, boxes, strict=True)
        ]
        ranked = torch.cat([loss[rows] for loss, rows in zip(losses, left, strict=True)])
        kept = torch.zeros(len(ranked), dtype=torch.bool, device=ranked.device)
        kept[ohem_select(ranked, keep=self._batch)] = True
        return [rows[mask] for rows, mask in zip(left, torch.split(kept, [len(rows) for rows in left]), strict=True)]


class BiasedRoIHeads(_ChoosingRoIHeads):
    """Trains on a random sample with at most a share of objects: the heuristic that OHEM replaces.

    Girshick, "Fast R-CNN", ICCV 2015, section 2.3. With `bg_lo` 0.1 an image without objects gives no region at all.

    Args:
        heads: of a Faster R-CNN.
        batch: regions of all images of a step together.
        positive_fraction: share of objects, at most; None draws from all regions alike.
        bg_lo: overlap from which a region without an object may be drawn.
    """

    def __init__(
        self, heads: RoIHeads, *, batch: int = 128, positive_fraction: float | None = 0.25, bg_lo: float = 0.1
    ) -> None:
        super().__init__(heads)
        self._batch = batch
        self._positive_fraction = positive_fraction
        self._bg_lo = bg_lo
        self._max_iou: list[Tensor] = []

    def assign_targets_to_proposals(
        self, proposals: list[Tensor], gt_boxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """As torchvision's; keeps the largest overlap of each region."""
        self._max_iou = [
            box_iou(region, objects).amax(1) if len(objects) else region.new_zeros(len(region))
            for region, objects in zip(proposals, gt_boxes, strict=True)
        ]
        assigned: tuple[list[Tensor], list[Tensor]] = super().assign_targets_to_proposals(
            proposals, gt_boxes, gt_labels
        )
        return assigned

    def subsample(self, labels: list[Tensor]) -> list[Tensor]:
        """Indices of a sample, for each image an equal part of the batch; drawn by torch's generator of the CPU."""
        share = self._batch // len(labels)
        return [self._drawn(label, iou, share) for label, iou in zip(labels, self._max_iou, strict=True)]

    def _drawn(self, labels: Tensor, max_iou: Tensor, count: int) -> Tensor:
        if self._positive_fraction is None:
            places = torch.where(labels >= 0)[0]
            order = torch.randperm(len(places), generator=torch.default_generator)[:count]
            return places[order.to(places.device)].sort().values
        hi = float(self.proposal_matcher.low_threshold)
        positive, negative = biased_minibatch(
            max_iou.cpu(),
            generator=torch.default_generator,
            batch_size=count,
            positive_fraction=self._positive_fraction,
            fg_iou=float(self.proposal_matcher.high_threshold),
            bg_lo=self._bg_lo,
            bg_hi=hi,
        )
        return torch.cat([positive, negative]).sort().values.to(labels.device)


def _of_image(features: Features, image: int) -> Features:
    """The features of one image, [1, C, H, W] each."""
    return {name: feature[image : image + 1] for name, feature in features.items()}


def _of_class(regression: Tensor, labels: Tensor) -> Tensor:
    """The offsets [R, 4] for each region's own class, of those for all, [R, 4 C]."""
    rows = torch.arange(len(labels), device=labels.device)
    return regression.reshape(len(labels), -1, 4)[rows, labels.clamp(min=0)]
