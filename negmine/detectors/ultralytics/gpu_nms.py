"""The best boxes of a whole batch at once: Ultralytics' non-maximum suppression, without its loop over the images.

On a GPU that loop has the host wait several times for each image. The rules are the same (best class of each box, a
score above the threshold, suppression within a class), and so is the arithmetic up to the overlap of two boxes. Two
limits of the loop are gone: its limit of time, past which it drops the images that are left, and that of 30,000 boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

_CLASS_APART = 7680  # pixels between the boxes of two classes, Ultralytics' own
_AT_ONCE = 8192  # candidates that are suppressed together: time and memory grow with the square


def best_of_raw(
    output: torch.Tensor, conf: float, iou: float, class_ids: Sequence[int] | None, most: int
) -> torch.Tensor:
    """Suppress the raw output of a model.

    Args:
        output: [B, 4 + C, N], centre x, centre y, width, height in pixels of the picture, and a score for each class.
        conf: boxes that do not score above are dropped.
        iou: overlap above which the lower score is dropped.
        class_ids: that are kept; None for all.
        most: boxes kept of an image.

    Returns:
        [M, 7] float32: image, x1, y1, x2, y2, score, class; image by image, falling scores.
    """
    from ultralytics.utils.ops import xywh2xyxy

    scores, labels = output[:, 4:].max(dim=1)  # [B, N]
    image, place = _wanted(scores, labels, conf, class_ids).nonzero(as_tuple=True)
    boxes = xywh2xyxy(output[image, :4, place]).float()  # [K, 4]
    score, label = scores[image, place].float(), labels[image, place].float()
    # classes are set apart in single precision, as Ultralytics does; images in double, where it costs no digits
    apart = (boxes + label[:, None] * _CLASS_APART).double()
    apart += (image * (output.shape[1] - 4 + 1) * _CLASS_APART)[:, None]
    kept = _suppressed(apart, score.double(), torch.bincount(image, minlength=len(output)).tolist(), iou)
    kept = kept[image[kept].argsort(stable=True)]
    kept = kept[_rank(image[kept]) < most]
    return torch.cat((image[kept, None].float(), boxes[kept], score[kept, None], label[kept, None]), dim=1)


def best_of_final(output: torch.Tensor, conf: float, class_ids: Sequence[int] | None, most: int) -> torch.Tensor:
    """What is kept of a model that needs no suppression.

    Args:
        output: [B, N, 6], x1, y1, x2, y2, score, class; falling scores.
        conf, class_ids, most: as of `best_of_raw`.

    Returns:
        As `best_of_raw` does.
    """
    image, place = _wanted(output[..., 4], output[..., 5], conf, class_ids).nonzero(as_tuple=True)
    first = _rank(image) < most
    image, place = image[first], place[first]
    return torch.cat((image[:, None].float(), output[image, place].float()), dim=1)


def _wanted(scores: torch.Tensor, labels: torch.Tensor, conf: float, class_ids: Sequence[int] | None) -> torch.Tensor:
    wanted = scores > conf
    if class_ids is not None:
        wanted &= torch.isin(labels, torch.tensor(class_ids, dtype=labels.dtype, device=labels.device))
    return wanted


def _suppressed(boxes: torch.Tensor, scores: torch.Tensor, counts: Sequence[int], iou: float) -> torch.Tensor:
    """Indices of the boxes that are left, of each run of images by falling score."""
    from torchvision.ops import nms

    kept = [start + nms(boxes[start:end], scores[start:end], iou) for start, end in _runs(counts)]
    return torch.cat([*kept, torch.zeros(0, dtype=torch.int64, device=boxes.device)])


def _runs(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Whole images together, as many as have `_AT_ONCE` candidates; alone where one has more."""
    start = end = 0
    for count in counts:
        if end > start and end + count - start > _AT_ONCE:
            yield start, end
            start = end
        end += count
    if end > start:
        yield start, end


def _rank(image: torch.Tensor) -> torch.Tensor:
    """The place of each row among those of its image; `image` does not fall."""
    return torch.arange(len(image), device=image.device) - torch.searchsorted(image, image)
