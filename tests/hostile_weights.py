"""What checkpoints that would run, fetch or write something are made of, and how it is seen that they do not."""

from __future__ import annotations

import copy
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from small_networks import DESCRIPTION
from torch import nn

from negmine.detectors.ultralytics.loading import open_model
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.errors import WeightsError

_WATCHED = ("exec", "compile", "open", "os.", "subprocess.", "socket.", "shutil.", "pickle.find_class", "ctypes.dlopen")
_OURS = frozenset({"None", "True", "False", "nearest", "nc", "kpt_shape"})  # words that Ultralytics parses
_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is None or not event.startswith(_WATCHED):
        return
    if event == "open" and not (
        isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    ):
        return
    if event == "compile" and isinstance(arguments[0], bytes):
        parsed = arguments[0].decode(errors="replace")
        if parsed in _OURS or parsed.startswith("torch.nn."):
            return
    if event not in ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv"):
        _seen.append(f"{event} {arguments!r}"[:200])


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is run, fetched or written in the block."""
    global _seen
    found = _seen = []
    try:
        yield found
    finally:
        _seen = None


def run(path: Path) -> None:
    """Open a checkpoint that nobody vouches for, and detect with it."""
    with quiet_ultralytics(), torch.inference_mode():
        model = open_model(path, trusted=False)
        model.model(torch.zeros(1, 3, 64, 64))


def refuse(path: Path, marker: Path) -> None:
    """See that a checkpoint is refused in one line, and that nothing was run, fetched or written."""
    with watched() as events, pytest.raises(WeightsError) as caught:
        run(path)
    assert events == []
    assert not marker.exists()
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


class Calls:
    """Calls a function while it is unpickled."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __call__(self) -> None:
        """So that a pickle may call it in turn."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def bare(kind: type[nn.Module], **state: object) -> nn.Module:
    """A module with any attributes, never built."""
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    module.__dict__.update(state)
    return module


def text(marker: Path) -> str:
    return f"open({str(marker)!r}, 'w').close() or torch.nn.SiLU()"


def described(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DESCRIPTION), **changes}


def layer(name: str, *arguments: object) -> dict[str, Any]:
    """A description with another first layer."""
    return described(backbone=[[-1, 1, name, list(arguments)], *DESCRIPTION["backbone"][1:]])


def of(module: str, name: str) -> Callable[..., object]:
    """A class or function of Ultralytics."""
    found: Callable[..., object] = getattr(importlib.import_module(f"ultralytics.{module}"), name)
    return found
