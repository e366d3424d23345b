"""Copies to a device, and the size of a batch; what only a GPU has is reached by the same calls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from negmine.detectors.ultralytics.gpu_memory import Uploader, batch_for, fitting_batch

CPU = torch.device("cpu")


def test_images_arrive_as_they_are_whatever_their_memory_is_like() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in [(4, 5), (1, 1), (30, 2), (7, 9)]]
    images[1].flags.writeable = False
    images[2] = images[2][::-1, :, ::-1]  # upside down, and red for blue: not contiguous
    sent = Uploader(CPU).send(images)
    expected = [image.copy() for image in images]
    images[0][:] = 0  # the caller's, again
    assert all(np.array_equal(there[0].numpy(), here) for there, here in zip(sent.stacks(), expected, strict=True))


def test_images_of_one_shape_that_follow_each_other_arrive_together() -> None:
    images = [np.full((*size, 3), index, dtype=np.uint8) for index, size in enumerate([(2, 3), (2, 3), (3, 2), (2, 3)])]
    stacks = Uploader(CPU).send(images).stacks()
    assert [tuple(stack.shape) for stack in stacks] == [(2, 2, 3, 3), (1, 3, 2, 3), (1, 2, 3, 3)]
    assert np.array_equal(torch.cat([stack[:, 0, 0, 0] for stack in stacks]), range(4))


def test_no_images_are_no_copy() -> None:
    assert Uploader(CPU).send([]).stacks() == []


@pytest.mark.parametrize(
    ("free", "peak", "batch"),
    [
        (0, 100, 1),
        (199, 100, 1),
        (200, 100, 1),
        (399, 100, 1),
        (400, 100, 2),  # half of it
        (1599, 100, 4),
        (1600, 100, 8),
        (6400, 100, 32),
        (10**12, 100, 32),
        (10**12, 0, 32),
    ],
)
def test_a_batch_takes_half_of_the_free_memory_at_most(free: int, peak: int, batch: int) -> None:
    assert fitting_batch(free, peak) == batch


def test_on_a_cpu_one_image_runs_at_once_and_nothing_is_measured() -> None:
    assert batch_for(CPU, lambda: pytest.fail("it ran")) == 1
