"""torch devices, by the names that Ultralytics gives them."""

from __future__ import annotations

import ctypes
import importlib.util
import runpy
import sys
from pathlib import Path
from typing import Any

from negmine.errors import ConfigError


def open_device(name: str) -> Any:
    """The torch device of a name: `auto`, `cpu`, `0`, `cuda:0`, `mps`.

    Raises:
        ConfigError: for a device that does not exist here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cpu"):
        return torch.device("cpu")
    try:
        device = torch.device(f"cuda:{name}" if name.isdigit() else name)
        torch.empty(0, device=device).cpu()  # `meta` has no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"expected a device that is there, found {name!r}; use auto or cpu") from error
    return device


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch, or Python, found too little memory."""
    texts = ("allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(text in str(error).lower() for text in texts)
    )


def may_have_gpu() -> bool:
    """Whether `torch.cuda.is_available()` may be true, without importing torch; False only if it cannot be."""
    try:
        found = importlib.util.find_spec("torch")
        if found is None:
            return False
        built_for = runpy.run_path(str(Path(found.origin or "").with_name("version.py")))
    except Exception:  # an unusual build of torch
        return True
    if built_for.get("hip"):
        return True
    return bool(built_for.get("cuda")) and _has_nvidia_driver()


def _has_nvidia_driver() -> bool:
    """Whether the library that torch talks to GPUs through can be loaded."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
