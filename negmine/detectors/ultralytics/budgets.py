"""A limit on what torch may make: a network that is described larger than its file is refused before it takes memory.

Random numbers, which the tensors of the file replace, are not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from negmine.detectors.ultralytics.records import UnreadableError

_FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})
_RANGES = frozenset({torch.arange, torch.linspace})
_DRAWN = frozenset({nn.init.kaiming_uniform_, nn.init.xavier_uniform_, nn.init.uniform_, nn.init.normal_})
_SLACK = 1 << 22  # elements; what every network is tried with


class _Budget(TorchFunctionMode):
    def __init__(self, elements: int) -> None:
        super().__init__()
        self._left = elements + _SLACK

    def __torch_function__(
        self, function: Callable[..., Any], types: object, args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        named = kwargs or {}
        if function in _DRAWN:
            return named["tensor"] if "tensor" in named else args[0]
        if function in _FACTORIES:
            self._spend(named.get("size", args[0] if args and isinstance(args[0], (tuple, list)) else args))
        elif function in _RANGES and args:
            self._spend([max((each for each in args if isinstance(each, (int, float))), default=0)])
        return function(*args, **named)

    def _spend(self, sides: Any) -> None:
        self._left -= math.prod(int(side) for side in sides if isinstance(side, (int, float)))
        if self._left < 0:
            raise UnreadableError("its description is of a network that is larger than its file")


@contextmanager
def budget_mode(elements: int) -> Iterator[None]:
    """Let torch make tensors of so many elements in all, and some for trying them."""
    with _Budget(elements):
        yield
