"""A Faster R-CNN on the features of a detector of Ultralytics, or on none that were trained, for `ohem.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import batched_nms

from negmine import Detections
from negmine.detectors.function import FunctionDetector
from negmine.training.torchvision.roi_heads import AllRoIHeads

CHANNELS, HIDDEN = 96, 256
PROPOSALS = 1000  # an image, in training
ANCHORS = ((24, 40), (64, 96), (144, 224))  # pixels, of the strides 8, 16 and 32


class UltralyticsFeatures(nn.Module):
    """All layers of a detector of Ultralytics but the last; what that one would be given, at one width.

    Args:
        weights: such as `yolo11n.pt`.
    """

    out_channels = CHANNELS

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from ultralytics import YOLO

        *layers, head = YOLO(weights).model.float().model
        self.layers = nn.ModuleList(layers)
        self.given = list(head.f)
        widths = [int(branch[0].conv.in_channels) for branch in head.cv2]
        self.narrow = nn.ModuleList(nn.Conv2d(width, CHANNELS, 1) for width in widths)
        self.requires_grad_(True)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """[B, 3, H, W] to the features of each stride."""
        values: list[Tensor] = []
        value = images
        for layer in self.layers:
            sources: Any = layer.f
            if isinstance(sources, list):
                value = layer([value if source == -1 else values[source] for source in sources])
            else:
                value = layer(value if sources == -1 else values[sources])
            values.append(value)
        return {
            str(level): narrow(values[source])
            for level, (source, narrow) in enumerate(zip(self.given, self.narrow, strict=True))
        }


def make_model(backbone: Path | None, classes: int, imgsz: int, seed: int) -> Any:
    """A Faster R-CNN whose heads are random.

    Args:
        backbone: a detector of Ultralytics; None for a MobileNetV3 with random weights too.
        classes: without the background.
        imgsz: longer side of images, pixels.
        seed: of the random weights.
    """
    torch.manual_seed(seed)
    features: Any
    sizes: tuple[tuple[int, ...], ...]
    if backbone is None:
        features = mobilenet_backbone(
            backbone_name="mobilenet_v3_large", weights=None, fpn=True, trainable_layers=6, returned_layers=[3, 4, 5]
        )
        sizes = (*ANCHORS, (224, 320))  # torchvision adds a pooled level
    else:
        features, sizes = UltralyticsFeatures(backbone), ANCHORS
    width = features.out_channels
    return FasterRCNN(
        features,
        rpn_anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes)),
        box_head=TwoMLPHead(width * 7 * 7, HIDDEN),
        box_predictor=FastRCNNPredictor(HIDDEN, classes + 1),
        min_size=imgsz,
        max_size=imgsz,
        image_mean=[0.0, 0.0, 0.0],
        image_std=[1.0, 1.0, 1.0],
        rpn_pre_nms_top_n_train=PROPOSALS,
        rpn_post_nms_top_n_train=PROPOSALS,
        rpn_post_nms_top_n_test=300,
        box_score_thresh=0.001,
    )


class OnePassOhemRoIHeads(AllRoIHeads):
    """OHEM in one pass: gradients of every region are kept, and the chosen regions alone count.

    Args:
        heads: of a Faster R-CNN.
        batch: regions of all images together.
        nms_iou: as of `OhemRoIHeads`.
    """

    def __init__(self, heads: Any, *, batch: int = 128, nms_iou: float | None = 0.7) -> None:
        super().__init__(heads)
        self._batch, self._nms_iou = batch, nms_iou

    def forward(self, features: Any, proposals: Any, image_shapes: Any, targets: Any = None) -> Any:
        """The losses of the hardest regions."""
        boxes, _, labels, offsets = self.select_training_samples(proposals, targets)
        logits, regression = self.box_predictor(self.box_head(self.box_roi_pool(features, boxes, image_shapes)))
        target, wanted, rows = torch.cat(labels), torch.cat(offsets), torch.arange(len(logits))
        predicted = regression.reshape(len(target), -1, 4)[rows, target]
        cls_loss = nn.functional.cross_entropy(logits, target, reduction="none")
        wanted = torch.where(target[:, None] > 0, wanted, predicted.detach())  # background has no box, and no box loss
        box_loss = nn.functional.smooth_l1_loss(predicted, wanted, beta=1 / 9, reduction="none").sum(1)
        loss = (cls_loss + box_loss).detach()
        if self._nms_iou is None:
            order = loss.argsort(descending=True, stable=True)
        else:
            image = torch.repeat_interleave(torch.arange(len(boxes)), torch.tensor([len(each) for each in boxes]))
            order = batched_nms(torch.cat(boxes), loss, image, self._nms_iou)
        kept = order[: self._batch]
        count = max(len(kept), 1)
        return [], {"loss_classifier": cls_loss[kept].sum() / count, "loss_box_reg": box_loss[kept].sum() / count}


def as_detector(model: Any, class_names: Sequence[str], name: str) -> FunctionDetector:
    """The model, to be evaluated."""
    model.eval()

    def detect(image: Any) -> Detections:
        tensor = torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))).float() / 255
        with torch.inference_mode():
            found = model([tensor.to(next(model.parameters()).device)])[0]
        boxes = found["boxes"].cpu().numpy().astype(np.float64)
        detections = Detections(boxes, found["scores"].cpu().numpy(), found["labels"].cpu().numpy() - 1)
        return detections.select((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))

    return FunctionDetector(detect, class_names, name=name)
