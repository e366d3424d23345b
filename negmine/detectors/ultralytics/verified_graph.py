"""A detector, its NMS and a verifier as one graph of ONNX, which needs neither torch nor negmine.

The NMS is that of ONNX, within each class; for the heads that need none, their own choice of the best. Boxes are
clipped to the part of the input that is not a letterbox's grey, as Ultralytics clips them to the image.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import nms

from negmine.detectors.letterbox import PADDING
from negmine.detectors.ultralytics.detector import MOST_DETECTIONS
from negmine.detectors.ultralytics.neck import Neck, region_features
from negmine.detectors.ultralytics.tracing import EXAMPLE_HW, exportable, tracing
from negmine.detectors.verifier import MARGIN_LIMIT, TINY_SCORE, Verifier

INPUT, OUTPUT = "images", "output0"  # Ultralytics' names

_OPSET = 17
_GREY, _HALF_STEP = PADDING / 255, 0.5 / 255  # of the padding, and what 8 bits can tell apart


class VerifiedGraph(torch.nn.Module):
    """From images [N, 3, H, W], RGB of 0 to 1, to the best 300 detections of each, [N, 300, 6].

    A row is x1, y1, x2, y2 in pixels of the input, the verifier's score, and the class; by falling score, with rows of
    zeros at the end. That is the layout of Ultralytics' end-to-end models.
    """

    def __init__(self, module: torch.nn.Module, verifier: Verifier, *, end2end: bool, conf: float, iou: float) -> None:
        """Take a copy of a detector, and the tensors of a verifier.

        Args:
            module: as Ultralytics' predictor runs it.
            verifier: trained for it.
            end2end: whether its head needs no NMS.
            conf: detections that do not score above it are dropped.
            iou: overlap above which the NMS drops the lower score.
        """
        super().__init__()
        self.module = exportable(module, "onnx")
        self._neck = Neck()
        self._neck.watch(self.module)
        self._features, self._end2end, self._iou = verifier.features, end2end, iou
        self._conf, self._detector_conf, self._shift = conf, verifier.detector_conf(conf), verifier.shift
        classes = max(verifier.class_names) + 1
        own = torch.from_numpy(verifier.class_ids)
        self.classes: Tensor
        self.coefficients: Tensor
        self.intercepts: Tensor
        self.is_verified: Tensor
        self.register_buffer("classes", torch.arange(classes))
        rows = torch.zeros(classes, verifier.features.size).index_copy(0, own, torch.from_numpy(verifier.coefficients))
        self.register_buffer("coefficients", rows)  # [C, D]
        self.register_buffer("intercepts", torch.zeros(classes).index_copy(0, own, torch.tensor(verifier.intercepts)))
        self.register_buffer("is_verified", (self.classes[:, None] == own).any(1))  # [C]

    def forward(self, images: Tensor) -> Tensor:
        """Detect, verify, and sort again."""
        raw = self.module(images)
        boxes, scores, labels = self._picked(raw) if self._end2end else self._suppressed(raw)
        boxes = _clipped(boxes, picture_boxes(images))
        image, slot = (scores > self._detector_conf).nonzero(as_tuple=True)  # [K], [K]
        rescored = self._rescored(boxes[image, slot], scores[image, slot], labels[image, slot], image)
        scores, order = torch.zeros_like(scores).index_put((image, slot), rescored).topk(MOST_DETECTIONS, 1)
        rows = torch.cat([_taken(boxes, order), scores[..., None], _taken(labels[..., None].float(), order)], 2)
        return rows * (scores > 0)[..., None]

    def _suppressed(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best boxes [N, 300, 4], scores [N, 300] and classes [N, 300] of a raw output [N, 4 + C, A]."""
        centre, half, by_class = raw[:, :2], raw[:, 2:4] / 2, raw[:, 4:]
        boxes = torch.cat([centre - half, centre + half], 1).transpose(1, 2)  # [N, A, 4]
        best, labels = by_class.max(1)  # [N, A]
        own = by_class * (labels[:, None] == self.classes[:, None])  # [N, C, A]
        found: Tensor = _Suppress.apply(boxes, own, self._iou, self._detector_conf)
        where = (found[:, 0], found[:, 2])
        scores, places = _padded(torch.zeros_like(best).index_put(where, best[where])).topk(MOST_DETECTIONS, 1)
        return _taken(_padded(boxes), places), scores, _taken(_padded(labels[..., None]), places)[..., 0]

    def _picked(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same of an end-to-end model's raw output [N, A, 4 + C], as its head picks them."""
        boxes, by_class = _padded(raw[..., :4]), _padded(raw[..., 4:])
        first = by_class.amax(2).topk(MOST_DETECTIONS, 1).indices
        scores, best = _taken(by_class, first).flatten(1).topk(MOST_DETECTIONS, 1)
        count = len(self.classes)
        return _taken(_taken(boxes, first), best // count), scores, best % count

    def _rescored(self, boxes: Tensor, scores: Tensor, labels: Tensor, image: Tensor) -> Tensor:
        """New scores [K], 0 where they do not exceed the threshold; `Verifier.rescored` in float32."""
        features = region_features(self._neck.maps, boxes, image, self._features)
        margins = (features * self.coefficients[labels]).sum(1) + self.intercepts[labels]
        products = scores * torch.sigmoid(margins.clamp(-MARGIN_LIMIT, MARGIN_LIMIT))
        shifted = 1 / (1 + (1 / products.clamp(min=TINY_SCORE) - 1) * math.exp(-self._shift))
        found = torch.where(self.is_verified[labels], shifted, scores)
        return found * (found > self._conf)


class _Suppress(torch.autograd.Function):
    """`suppressed`, which ONNX has an operator for."""

    @staticmethod
    def forward(ctx: Any, boxes: Tensor, scores: Tensor, iou: float, conf: float) -> Tensor:
        """See `suppressed`."""
        return suppressed(boxes, scores, iou, conf)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, iou: float, conf: float) -> Any:
        """That operator."""
        most, most_overlap, least = (
            g.op("Constant", value_t=torch.tensor([each])) for each in (MOST_DETECTIONS, iou, conf)
        )
        found = g.op("NonMaxSuppression", boxes, scores, most, most_overlap, least)
        found.setType(boxes.type().with_dtype(torch.int64).with_sizes([None, 3]))
        return found


def suppressed(boxes: Tensor, scores: Tensor, iou: float, conf: float) -> Tensor:
    """NMS within each class of each image.

    Args:
        boxes: [N, A, 4].
        scores: [N, C, A].
        iou: overlap above which the lower score is dropped.
        conf: boxes that do not score above it are dropped.

    Returns:
        [K, 3]: image, class and box of what is kept, 300 of each class at most.
    """
    found = [torch.zeros((0, 3), dtype=torch.int64)]
    for image, label in itertools.product(range(scores.shape[0]), range(scores.shape[1])):
        own = scores[image, label]
        sure = (own > conf).nonzero()[:, 0]
        kept = sure[nms(boxes[image, sure], own[sure], iou)][:MOST_DETECTIONS]
        found.append(torch.stack([torch.full_like(kept, image), torch.full_like(kept, label), kept], 1))
    return torch.cat(found)


def to_verified_onnx(graph: VerifiedGraph, metadata: Mapping[str, object]) -> bytes:
    """Convert a graph, for any number of images of any size; the same graph gives the same bytes.

    Args:
        graph: what to convert.
        metadata: what the file says about itself.
    """
    import onnx

    with tracing(), tempfile.TemporaryDirectory(prefix="negmine-") as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            graph.eval(),
            (torch.zeros(2, 3, *EXAMPLE_HW),),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch", 2: "height", 3: "width"}, OUTPUT: {0: "batch"}},
        )
        model = onnx.load_model_from_string(path.read_bytes())
    rows, columns = model.graph.output[0].type.tensor_type.shape.dim[1:]
    rows.dim_value, columns.dim_value = MOST_DETECTIONS, 6
    onnx.helper.set_model_props(model, {name: str(value) for name, value in metadata.items()})
    found: bytes = model.SerializeToString(deterministic=True)
    return found


def _padded(values: Tensor) -> Tensor:
    """[N, A, ...] with zeros after it, so that there are 300 to choose from."""
    return torch.cat([values, torch.zeros_like(values[:, :1]).repeat(1, MOST_DETECTIONS, *[1] * (values.ndim - 2))], 1)


def _taken(values: Tensor, places: Tensor) -> Tensor:
    """The rows [N, M, ...] of values [N, A, ...] at places [N, M]."""
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[2]))


def picture_boxes(images: Tensor) -> Tensor:
    """Where the letterboxed images are in the inputs, [N, 4]: without the grey around them."""
    drawn = (images - _GREY).abs().amax(1) > _HALF_STEP  # [N, H, W]
    left, right = _ends(drawn.any(1))
    top, bottom = _ends(drawn.any(2))
    return torch.stack([left, top, right, bottom], 1).to(images.dtype)


def _ends(drawn: Tensor) -> tuple[Tensor, Tensor]:
    """The first place [N] that is set in [N, L], and the one after the last; 0 and L where none is."""
    values = drawn.to(torch.int32)
    return values.argmax(1), values.shape[1] - values.flip(1).argmax(1)


def _clipped(boxes: Tensor, within: Tensor) -> Tensor:
    """Boxes [N, M, 4] clipped to a rectangle [N, 4] of each image."""
    low, high = within[:, None, :2].repeat(1, 1, 2), within[:, None, 2:].repeat(1, 1, 2)
    return torch.minimum(torch.maximum(boxes, low), high)
