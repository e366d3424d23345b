"""Suppression of a whole batch, against Ultralytics' loop over its images, and by hand."""

from __future__ import annotations

import pytest
import torch

from negmine.detectors.ultralytics.gpu_nms import best_of_final, best_of_raw
from negmine.detectors.ultralytics.quiet import import_ultralytics

import_ultralytics()

from ultralytics.utils.nms import non_max_suppression  # noqa: E402


def raw(images: int, boxes: int, classes: int = 5, seed: int = 0) -> torch.Tensor:
    """Boxes that crowd, [B, 4 + C, N]; the first image has none that scores."""
    generator = torch.Generator().manual_seed(seed)
    xy = torch.rand((images, 2, boxes), generator=generator) * 200 + 100
    wh = torch.rand((images, 2, boxes), generator=generator) * 80 + 20
    scores = torch.rand((images, classes, boxes), generator=generator) ** 2
    scores[0] = 0
    return torch.cat((xy, wh, scores), dim=1)


def per_image(rows: torch.Tensor, images: int) -> list[torch.Tensor]:
    return [rows[rows[:, 0] == index, 1:] for index in range(images)]


@pytest.mark.parametrize("output", [torch.zeros((0, 9, 20)), torch.zeros((3, 9, 20)), torch.zeros((3, 9, 0))])
def test_where_nothing_scores_nothing_is_kept(output: torch.Tensor) -> None:
    assert best_of_raw(output, 0.25, 0.7, None, 300).shape == (0, 7)
    assert best_of_final(output[:, :6].transpose(1, 2), 0.25, None, 300).shape == (0, 7)


@pytest.mark.parametrize("conf", [0.0, 0.25, 0.8])
@pytest.mark.parametrize("iou", [0.0, 0.45, 0.7, 1.0])
@pytest.mark.parametrize(("class_ids", "most"), [(None, 300), ([1, 4], 300), (None, 7), ([], 300)])
def test_it_keeps_what_ultralytics_keeps(conf: float, iou: float, class_ids: list[int] | None, most: int) -> None:
    output = raw(4, 600)
    expected = non_max_suppression(output.clone(), conf, iou, class_ids, max_det=most)
    for theirs, ours in zip(expected, per_image(best_of_raw(output, conf, iou, class_ids, most), 4), strict=True):
        assert torch.equal(ours, theirs)


def test_more_candidates_than_are_suppressed_together_change_nothing() -> None:
    output = raw(7, 3000, classes=2, seed=3)  # 18,000 candidates, and one image of 9,000
    crowd = output[1:4].transpose(0, 1).reshape(1, 6, 9000)
    for batch in (output, crowd, torch.cat((crowd, crowd))):
        expected = non_max_suppression(batch.clone(), 0.0001, 0.2, max_det=300)
        ours = per_image(best_of_raw(batch, 0.0001, 0.2, None, 300), len(batch))
        assert sum(map(len, expected)) > 100 and max(map(len, expected)) < 300
        assert all(torch.equal(one, other) for one, other in zip(ours, expected, strict=True))


def test_boxes_of_two_images_and_of_two_classes_do_not_suppress_each_other() -> None:
    box = torch.tensor([50.0, 60.0, 20.0, 10.0])
    output = torch.zeros((2, 6, 3))
    output[:, :4] = box[:, None]
    output[0, 4] = torch.tensor([0.5, 0.9, 0.0])  # one class: the better one is left
    output[1, 4, 0], output[1, 5, 1] = 0.6, 0.7  # two classes: both are
    assert best_of_raw(output, 0.25, 0.5, None, 300).tolist() == [
        pytest.approx([0, 40, 55, 60, 65, 0.9, 0]),
        pytest.approx([1, 40, 55, 60, 65, 0.7, 1]),
        pytest.approx([1, 40, 55, 60, 65, 0.6, 0]),
    ]


@pytest.mark.parametrize(("class_ids", "most"), [(None, 300), ([0, 2], 300), (None, 2)])
def test_final_rows_are_only_chosen_from(class_ids: list[int] | None, most: int) -> None:
    generator = torch.Generator().manual_seed(5)
    scores = torch.rand((3, 20, 1), generator=generator).sort(dim=1, descending=True).values
    labels = torch.randint(0, 3, (3, 20, 1), generator=generator).float()
    output = torch.cat((torch.rand((3, 20, 4), generator=generator), scores, labels), dim=2)
    output[1, :, 4] = 0.1  # an image without
    expected = non_max_suppression(output.clone(), 0.3, classes=class_ids, max_det=most, end2end=True)
    ours = per_image(best_of_final(output, 0.3, class_ids, most), 3)
    assert all(torch.equal(one, other) for one, other in zip(ours, expected, strict=True))
