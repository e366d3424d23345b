"""Devices of torch, by the names that Ultralytics gives them."""

from __future__ import annotations

from typing import Any

from negmine.errors import ConfigError


def open_device(name: str) -> Any:
    """The device that Ultralytics' names mean: `auto`, `cpu`, `0`, `cuda:0`, `mps`.

    Raises:
        ConfigError: for one that is not there.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cpu"):
        return torch.device("cpu")
    try:
        device = torch.device(f"cuda:{name}" if name.isdigit() else name)
        torch.empty(0, device=device).cpu()  # `meta` has no numbers
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"expected a device that is there, found {name!r}; use auto or cpu") from error
    return device
