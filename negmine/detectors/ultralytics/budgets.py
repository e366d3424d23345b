"""Limits on what torch may make while a network is built: one that is described too large is refused before it is made.

Tensors that are made from numbers alone (parameters) may be as many as the file allows. The results of operations
(feature maps, for Ultralytics tries every network with an image) have a limit of their own, and so have the
multiplications that they take: each operation is first asked for the shapes of its results, without any memory. Random
numbers, which the tensors of the file replace, are not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from negmine.detectors.ultralytics.records import UnreadableError

_FACTORIES = frozenset({torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn})
_RANGES = frozenset({torch.arange, torch.linspace})
_DRAWN = frozenset({nn.init.kaiming_uniform_, nn.init.xavier_uniform_, nn.init.uniform_, nn.init.normal_})
_SLACK = 1 << 22  # elements; the image and small tensors that every network is tried with
_LARGEST_RESULT = 1 << 26  # elements of one operation on an image of 256x256
_LARGEST_SCORES = 1 << 21  # of every place with every other: they grow with the image twice over
_ALL_RESULTS = 1 << 29  # elements of all of them
_ALL_PRODUCTS = 1 << 36  # multiplications of all of them; the largest detectors take two fifths
_NO_LARGER = frozenset(  # than their first tensor; asking would take longer than they do
    "detach alias view clone _to_copy native_batch_norm native_layer_norm silu relu sigmoid clamp reciprocal _softmax "
    "split split_with_sizes t transpose permute unsqueeze lift_fresh".split()
)

_BROADCAST = frozenset("add sub mul div rsub pow maximum minimum where eq lt gt le ge".split())
_JOINING = frozenset({"cat", "stack"})
_MATRICES = frozenset("mm bmm addmm baddbmm".split())
_ATTENTION = "_scaled_dot_product"
_POOLS = frozenset("max_pool2d_with_indices max_pool2d avg_pool2d".split())


class _Budget(TorchFunctionMode):
    """Counts what is made from numbers alone."""

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


class _Results(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the results of operations on tensors, and what they multiply, before they are made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._left, self._products_left = _ALL_RESULTS, _ALL_PRODUCTS

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Of torch: False spares the import of its compiler, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, function: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if not function.overloadpacket.__name__.endswith("_"):  # those that work in place make nothing
            elements = _elements_of(function, args, named)
            self._left -= elements
            if elements > _LARGEST_RESULT or self._left < 0 or _scores_of(function, args, elements) > _LARGEST_SCORES:
                raise UnreadableError("its description is of a network that takes far more memory than any detector")
            self._products_left -= _products_of(function, args)
            if self._products_left < 0:
                raise UnreadableError("its description is of a network that takes far more time than any detector")
        return function(*args, **named)


def _elements_of(function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> int:
    """The elements that an operation makes; 0 for a view, and where they depend on what is in its tensors."""
    name = function.overloadpacket.__name__
    if name in _NO_LARGER:
        return int(args[0].numel())
    given = [leaf for leaf in tree_leaves((args, named)) if isinstance(leaf, torch.Tensor)]
    if not given:
        return 0
    if name in _JOINING:
        return sum(tensor.numel() for tensor in given)
    if name == "grid_sampler_2d":
        return math.prod((*args[0].shape[:2], *args[1].shape[1:3]))
    if name in _BROADCAST:
        return math.prod(max(sides) for sides in zip_longest(*(tensor.shape[::-1] for tensor in given), fillvalue=1))
    shaped = {id(tensor): _shape_of(tensor) for tensor in given}
    storages = {tensor.untyped_storage()._cdata for tensor in shaped.values()}
    try:
        results = function(*_on_meta(args, shaped), **_on_meta(named, shaped))
    except RuntimeError:  # torch says the same of the real tensors, where they do not fit
        return 0
    made = sum(
        each.numel()
        for each in tree_leaves(results)
        if isinstance(each, torch.Tensor) and each.untyped_storage()._cdata not in storages
    )
    if function is torch.ops.aten.convolution.default:  # may lay out every window that it looks at
        image, weight = args[0], args[1]
        window = weight[0].numel() if weight.numel() else 0
        made = max(made, window * max(math.prod(image.shape[2:]), math.prod(results.shape[2:])))
    return made


def _scores_of(function: Any, args: tuple[Any, ...], elements: int) -> int:
    """The elements of a matrix for each head of an attention; 0 for other operations."""
    name = function.overloadpacket.__name__
    if name.startswith(_ATTENTION):
        return int(math.prod(args[0].shape[:-1]) * args[1].shape[-2])
    return elements if name in ("bmm", "baddbmm") else 0


def _products_of(function: Any, args: tuple[Any, ...]) -> int:
    """The multiplications of an operation, or the comparisons of a pooling one, whose results can be made."""
    name = function.overloadpacket.__name__
    if name in _MATRICES:
        return int(args[-2].numel() * args[-1].shape[-1])
    if name.startswith(_ATTENTION):
        return int(2 * args[0].numel() * args[1].shape[-2])
    if name in _POOLS:
        return int(args[0].numel() * math.prod(args[1]))
    if function is not torch.ops.aten.convolution.default:
        return 0
    image, weight, transposed = args[0], args[1], args[6]
    made = image if transposed else function(*_on_meta(args, {id(each): _shape_of(each) for each in args[:2]}))
    return int(made.numel() * weight[0].numel()) if len(weight) else 0


def _on_meta(values: Any, shaped: Mapping[int, torch.Tensor]) -> Any:
    def converted(leaf: object) -> object:
        if isinstance(leaf, torch.device):
            return torch.device("meta")
        return shaped.get(id(leaf), leaf)

    return tree_map(converted, values)


def _shape_of(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of that shape without elements."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


@contextmanager
def budget_mode(elements: int) -> Iterator[None]:
    """Limit what torch makes.

    Args:
        elements: that parameters may have, beside some for trying the network.

    Raises:
        UnreadableError: in the block, where it would make more.
    """
    with _Results(), _Budget(elements):
        yield
