"""The suppression without torch, against Ultralytics' and torchvision's own, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import nms as torchvision_nms

from negmine.detectors.nms import nms, nms_raw, top_scores
from negmine.detectors.ultralytics.quiet import import_ultralytics

import_ultralytics()

from ultralytics.nn.modules.head import Detect  # noqa: E402
from ultralytics.utils.nms import non_max_suppression  # noqa: E402


def raw(classes: int, count: int, seed: int) -> np.ndarray:
    """Clusters of boxes that overlap, the best of each class among many; [4 + C, N] float32."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 640, (2, count // 10 + 1)).repeat(10, axis=1)[:, :count] + rng.normal(0, 6, (2, count))
    sides = rng.uniform(20, 120, (2, count // 10 + 1)).repeat(10, axis=1)[:, :count] + rng.normal(0, 4, (2, count))
    return np.concatenate([centres, sides, rng.beta(0.3, 3, (classes, count))]).astype(np.float32)


@pytest.mark.parametrize("class_ids", [None, [0, 2]])
@pytest.mark.parametrize(("conf", "iou"), [(0.25, 0.7), (0.001, 0.5), (0.6, 0.0), (0.0, 1.0), (0.9999, 0.7)])
@pytest.mark.parametrize(("classes", "count"), [(3, 900), (80, 2100), (3, 1)])
def test_it_keeps_the_rows_that_ultralytics_keeps(
    classes: int, count: int, conf: float, iou: float, class_ids: list[int] | None
) -> None:
    output = raw(classes, count, seed=count)
    (theirs,) = non_max_suppression(
        torch.from_numpy(output.copy())[None], conf, iou, classes=class_ids, max_det=300, max_time_img=100.0
    )
    ours = nms_raw(output, conf, iou, class_ids, 300)
    assert ours.dtype == np.float32 and np.array_equal(ours, theirs.numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("iou", [0.0, 0.3, 0.7, 1.0])
def test_boxes_are_suppressed_as_torchvision_does(iou: float, dtype: type) -> None:
    rng = np.random.default_rng(7)
    corners = rng.integers(0, 30, (400, 2)).astype(dtype)
    boxes = np.concatenate(
        [corners, corners + rng.integers(0, 12, (400, 2)).astype(dtype)], axis=1
    )  # some without area, some alike
    scores = (rng.integers(0, 50, 400) / 50).astype(dtype)  # with ties
    expected = torchvision_nms(torch.from_numpy(boxes), torch.from_numpy(scores), iou).numpy()
    assert nms(boxes, scores, iou).tolist() == expected.tolist()
    assert nms(boxes, scores, iou, 5).tolist() == expected[:5].tolist()
    assert nms(boxes[:0], scores[:0], iou).tolist() == []


@pytest.mark.parametrize("class_ids", [None, [1, 4]])
@pytest.mark.parametrize("conf", [0.001, 0.3, 1.0])
@pytest.mark.parametrize("count", [1000, 40, 1])
def test_it_picks_what_a_head_without_suppression_picks(count: int, conf: float, class_ids: list[int] | None) -> None:
    rng = np.random.default_rng(count)
    scores = rng.permutation(np.arange(1, count * 6 + 1)).reshape(count, 6) / (count * 6)  # no two alike
    output = np.concatenate([rng.uniform(0, 640, (count, 4)), scores], axis=1).astype(np.float32)
    head = Detect(nc=6, ch=(8,))
    picked = head.postprocess(torch.from_numpy(output)[None])
    (theirs,) = non_max_suppression(picked, conf, classes=class_ids, max_det=300, end2end=True)
    ours = top_scores(output, conf, class_ids, 300)
    assert np.array_equal(ours, theirs.numpy())
