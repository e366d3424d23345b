"""What a model's neck sees in a box: the mean of each feature map that goes into the head, by RoIAlign.

RoIAlign is that of He et al., "Mask R-CNN", ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from negmine.detectors.letterbox import Letterbox
from negmine.detectors.verifier import FeatureMap, Features, RegionFeatures
from negmine.errors import NoNeckError
from negmine.paths import printable
from negmine.structures import FloatArray

if TYPE_CHECKING:
    from torch import Tensor, nn

SAMPLES = 6  # of a map, along each side of a box
TINY = 1e-6  # keeps the length of a vector from 0
_TASKS = ("detect", "segment", "pose")


class Neck:
    """Keeps the feature maps that last went into a head, and describes boxes by them."""

    def __init__(self) -> None:
        self._maps: list[Tensor] = []
        self._head: nn.Module | None = None
        self._hook: Any = None

    def watch(self, module: nn.Module) -> None:
        """Keep the maps of this model from now on; another one is let go of."""
        head = head_of(module)
        if head is self._head:
            return
        if self._hook is not None:
            self._hook.remove()
        self._head, self._hook = head, head.register_forward_pre_hook(self._keep)

    def _keep(self, head: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._maps = list(inputs[0])

    @property
    def maps(self) -> list[Tensor]:
        """The maps that last went in, each [N, C, H, W]."""
        return self._maps

    def let_go(self) -> None:
        """Free the maps."""
        self._maps = []

    def describe(self, index: int, boxes_xyxy: FloatArray, shape: Sequence[int], features: RegionFeatures) -> Features:
        """Describe boxes of one image.

        Args:
            index: of the image in the batch that ran last.
            boxes_xyxy: [N, 4] pixels of the image.
            shape: of the image: height, width, and anything else.
            features: which numbers.

        Returns:
            [N, D] float32.
        """
        import torch

        if not len(boxes_xyxy):
            return np.zeros((0, features.size), dtype=np.float32)
        maps = [each[index : index + 1] for each in self._maps]
        stride = features.maps[0].stride
        place = Letterbox.into(shape, (maps[0].shape[2] * stride, maps[0].shape[3] * stride))
        height, width = place.resized_hw
        scale = np.array([width / shape[1], height / shape[0]] * 2)
        offset = np.array([place.left, place.top, place.left, place.top])
        with torch.inference_mode():
            boxes = torch.from_numpy((boxes_xyxy * scale + offset).astype(np.float32)).to(maps[0].device)
            found: Features = region_features(maps, boxes, torch.zeros_like(boxes[:, 0]), features).cpu().numpy()
        return found


def region_features(
    maps: Sequence[Tensor], boxes_xyxy: Tensor, images: Tensor, features: RegionFeatures
) -> Tensor:  # fmt: skip
    """Describe boxes by the maps of their images.

    Args:
        maps: each [B, C, H, W].
        boxes_xyxy: [N, 4] pixels of the input.
        images: [N] the place in the batch of each box's image.
        features: which numbers.

    Returns:
        [N, D].
    """
    import torch
    from torchvision.ops import roi_align

    centre, half = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2
    columns = []
    for context in features.contexts:
        grown = torch.cat([centre - half * context, centre + half * context], 1)
        rois = torch.cat([images[:, None].to(grown.dtype), grown], 1)  # [N, 5]
        for each, about in zip(maps, features.maps, strict=True):
            pooled = roi_align(each.float(), rois, 1, 1 / about.stride, SAMPLES, aligned=True).flatten(1)  # [N, C]
            columns.append(pooled / (pooled.norm(dim=1, keepdim=True) + TINY))
    return torch.cat(columns, 1)


def head_of(module: nn.Module) -> nn.Module:
    """The head of a model: its last layer."""
    layers: Any = module.model
    head: nn.Module = layers[-1]
    return head


def require_features(module: nn.Module, task: str, name: str) -> RegionFeatures:
    """The features that there are in a model.

    Args:
        module: the model.
        task: what it is for, by Ultralytics' name.
        name: of its weights, for a message.

    Raises:
        NoNeckError: where its head does not take feature maps, one for each stride.
    """
    from ultralytics.nn.modules import Detect, RTDETRDecoder

    head: Any = head_of(module) if hasattr(module, "model") else None
    if task not in _TASKS or not isinstance(head, Detect) or isinstance(head, RTDETRDecoder):
        raise NoNeckError(
            f"{printable(name)}: only the feature maps that go into the head of a YOLO can be read, one that detects, "
            f"segments or finds poses; found a {type(head or module).__name__} for the task {task!r}"
        )
    branches: Any = head.cv2 if head.cv2 is not None else head.one2one_cv2
    channels = [next(branch.parameters()).shape[1] for branch in branches]
    strides = [round(float(each)) for each in head.stride]
    return RegionFeatures(tuple(FeatureMap(stride, int(each)) for stride, each in zip(strides, channels, strict=True)))
