"""What every loss asks of its arguments: shapes, dtypes, ranges, and a precision to compute in."""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor

_MILLION = 1_000_000


def at_least_float32(values: Tensor) -> Tensor:
    """The same values, half precision widened to float32: sums of losses overflow float16, and bfloat16 is coarse."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def exact_ratio(ratio: float) -> Fraction:
    """The ratio that was meant, to a millionth: 0.07 of 100 rows are 7, where 0.07 * 100 is 7.000000000000001."""
    return Fraction(ratio).limit_denominator(_MILLION)


def check_shape(name: str, tensor: Tensor, *sizes: int | str) -> None:
    """Raise ValueError unless the tensor has these sizes; a name such as "R" stands for any size."""
    found = tuple(tensor.shape)
    fits = len(found) == len(sizes) and all(
        isinstance(size, str) or size == dim for size, dim in zip(sizes, found, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected shape [{', '.join(map(str, sizes))}], found {list(found)}")


def check_float(name: str, tensor: Tensor) -> None:
    """Raise ValueError unless the tensor holds floating-point numbers."""
    if not tensor.is_floating_point():
        raise ValueError(f"{name}: expected floating-point numbers, found {tensor.dtype}")


def check_like(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise ValueError unless both tensors have the same shape."""
    if tensor.shape != other.shape:
        raise ValueError(f"{name}: expected the shape of {other_name}, {list(other.shape)}, found {list(tensor.shape)}")


def check_mask(name: str, mask: Tensor | None, other_name: str, other: Tensor) -> None:
    """Raise ValueError unless the mask is None, or bool and of the shape of the other tensor."""
    if mask is None:
        return
    check_like(name, mask, other_name, other)
    if mask.dtype != torch.bool:
        raise ValueError(f"{name}: expected bool, found {mask.dtype}")


def check_classes(name: str, target: Tensor, classes: int, ignore_index: int) -> None:
    """Raise ValueError unless every class index is one of 0 .. classes - 1, or `ignore_index`."""
    if target.dtype != torch.int64:
        raise ValueError(f"{name}: expected int64 class indices, found {target.dtype}")
    wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if wrong.any():
        where = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"{name}: expected classes 0 to {classes - 1} or {ignore_index}, found {int(target[wrong][0])} at {where}"
        )


def check_probabilities(name: str, values: Tensor) -> None:
    """Raise ValueError unless every value lies in [0, 1]."""
    outside = ~((values >= 0) & (values <= 1))
    if outside.any():
        where = outside.nonzero()[0].tolist()
        raise ValueError(f"{name}: expected values in [0, 1], found {float(values[outside][0])} at {where}")


def check_range(
    name: str, value: float, low: float, high: float = float("inf"), *, low_open: bool = False, high_open: bool = False
) -> None:
    """Raise ValueError unless the number is finite and between `low` and `high`, ends included unless open."""
    above = value > low if low_open else value >= low
    below = value < high if high_open or high == float("inf") else value <= high
    if not (above and below):
        interval = f"{'(' if low_open else '['}{low:g}, {high:g}{')' if high_open or high == float('inf') else ']'}"
        raise ValueError(f"{name}: expected a number in {interval}, found {value}")
