"""Ultralytics' letterbox on the device that the model runs on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from negmine.detectors.letterbox import PADDING, Placement


def letterboxed(stacks: Sequence[torch.Tensor], places: Sequence[Placement], count: int) -> torch.Tensor:
    """Resize images and lay them into pictures of one size.

    Args:
        stacks: images of one size each, [S, H, W, 3] uint8, all on one device.
        places: of the images of each stack; their pictures are of one size.
        count: of pictures; those without an image are grey.

    Returns:
        [count, H, W, 3] uint8.
    """
    pictures = torch.full((count, *places[0].picture_hw, 3), PADDING, dtype=torch.uint8, device=stacks[0].device)
    start = 0
    for stack, place in zip(stacks, places, strict=True):
        (height, width), end = place.resized_hw, start + len(stack)
        rows, columns = slice(place.top, place.top + height), slice(place.left, place.left + width)
        pictures[start:end, rows, columns] = _resized(stack, place.resized_hw)
        start = end
    return pictures


def _resized(stack: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
    """As `cv2.resize` with `INTER_LINEAR` does, to the last digit of its whole numbers.

    torch's own bilinear resize has other roundings: one level in eight is one higher.
    """
    if tuple(stack.shape[1:3]) == size_hw:
        return stack
    upper, lower = _neighbours(stack.shape[1], size_hw[0], stack.device)
    left, right = _neighbours(stack.shape[2], size_hw[1], stack.device)
    total = torch.full((), 2, dtype=torch.int32, device=stack.device)
    for row, row_weight in (upper, lower):
        line = sum(
            stack[:, row[:, None], column].int() * weight[:, None] for column, weight in (left, right)
        )  # [S, H, W, 3], levels times 2 ** 11
        total = total + ((line >> 4) * row_weight[:, None, None] >> 16)  # quarters of a level
    return (total >> 2).to(torch.uint8)


_Neighbour = tuple[torch.Tensor, torch.Tensor]


def _neighbours(size: int, target: int, device: torch.device) -> tuple[_Neighbour, _Neighbour]:
    """For each of `target` pixels the one before and the one after it of `size`, and their weights of 2 ** 11."""
    at = ((torch.arange(target, dtype=torch.float64, device=device) + 0.5) * (size / target) - 0.5).float()
    first = at.floor()
    share = at - first
    index = first.long()
    return (
        (index.clamp(0, size - 1), (share.neg().add(1) * 2048).round().int()),
        ((index + 1).clamp(0, size - 1), (share * 2048).round().int()),
    )


def model_input(pictures: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """From [N, H, W, 3] uint8 BGR to [N, 3, H, W] RGB from 0 to 1, channels last in memory."""
    planes = pictures.permute(0, 3, 1, 2).flip(1).to(dtype).div_(255)
    return planes.contiguous(memory_format=torch.channels_last)
