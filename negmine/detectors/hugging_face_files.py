"""What a folder of transformers may hold: settings with numbers of a detector, and a network as large as its files.

Settings are numbers that transformers builds lists, layers and tensors of, before a tensor is compared. So they are
looked at first, and the network is built once without memory, in which its parts are counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from negmine.errors import WeightsError
from negmine.files import read_regular, reason_of, require_dense
from negmine.paths import printable
from negmine.tensor_files import open_tensors

_NUMBERED = "config.json"  # ending of the files whose numbers transformers builds of
_SETTINGS = (_NUMBERED, ".index.json")  # of all that it reads before the tensors
_TENSORS = ".safetensors"
_MOST_SETTINGS = 1 << 22  # bytes of one of them
_KERNELS = frozenset({"attn_implementation", "experts_implementation"})
_LARGEST_WHOLE, _LARGEST = 1 << 20, 1e12  # of a number
_MOST_LABELS, _MOST_PIXELS = 1 << 15, 1 << 12
_IN_PIXELS = ("image_size", "eval_size")  # of which grids are made
_MOST_PARTS, _PARTS_A_TENSOR = 2000, 20  # of a network: so many, and so many more for each tensor in its files
_SLACK = 1 << 22  # numbers that a network has beside those of its files: tables that are computed


def require_plain_folder(folder: Path, where: str) -> None:
    """Refuse what makes transformers run code of the hub, open other weights than these, or build without an end.

    Raises:
        WeightsError: where the settings name attention kernels, or hold numbers that no detector has, where the
            weights are an adapter for others, or where a file is too large.
    """
    if (folder / "adapter_config.json").is_file():
        raise WeightsError(f"{where} is an adapter for other weights, not a detector; merge it into them first")
    for path in sorted(folder.iterdir()):
        try:
            if path.name.endswith(_SETTINGS):
                _require_plain(json.loads(read_regular(path, most=_MOST_SETTINGS)), where, printable(path.name))
            elif path.name.endswith(_TENSORS):
                require_dense(path)
        except OSError as error:
            raise WeightsError(f"{where}: {printable(path.name)} cannot be read: {reason_of(error)}") from error
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"{where}: {printable(path.name)} is not JSON, or is nested too deeply") from error


def _require_plain(document: object, where: str, name: str) -> None:
    waiting: list[tuple[str, object]] = [("", document)]
    while waiting:
        about, found = waiting.pop()
        values = found.items() if isinstance(found, dict) else ((about, each) for each in _listed(found))
        for key, value in values:
            if key.lstrip("_") in _KERNELS and "/" in (asked := json.dumps(value)):
                raise WeightsError(
                    f"{where} asks for code of the hub, {printable(asked[:80])}, which is not run; take {key} out of "
                    f"its {name}"
                )
            if name.endswith(_NUMBERED) and not _is_plain_number(value, _largest(key)):
                raise WeightsError(
                    f"{where}: expected numbers of a detector in {name}, found a value of {printable(key[:40])} "
                    f"that no detector has; correct it"
                )
            waiting.append((key, value))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _largest(key: str) -> int:
    """The largest whole number that a setting may have."""
    if key == "num_labels":
        return _MOST_LABELS
    return _MOST_PIXELS if key.endswith(_IN_PIXELS) else _LARGEST_WHOLE


def _is_plain_number(value: object, largest: int) -> bool:
    if type(value) is int:
        return abs(value) <= largest
    return type(value) is not float or (math.isfinite(value) and abs(value) <= _LARGEST)


def require_same_size(folder: Path, config: Any, make: Any, where: str) -> None:
    """Build a network without memory, and refuse one that is larger than its files.

    Args:
        folder: with the files.
        config: of the network, as transformers read it.
        make: transformers' class that makes one of a config.
        where: it is, for messages.

    Raises:
        WeightsError: where it has far more parts or numbers than the files have tensors.
    """
    import torch

    tensors = numbers = 0
    for path in sorted(folder.glob(f"*{_TENSORS}")):
        with open_tensors(path, "pt") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]
        tensors += len(shapes)
        numbers += sum(map(math.prod, shapes))
    with torch.device("meta"), _counted(_MOST_PARTS + _PARTS_A_TENSOR * tensors, numbers + _SLACK, where):
        make.from_config(config, trust_remote_code=False)


@contextmanager
def _counted(parts: int, numbers: int, where: str) -> Iterator[None]:
    """Stop the building of a network that has more parts, or more numbers in its tensors."""
    from torch.nn.modules import module

    left = {"parts": parts, "numbers": numbers}

    def spend(what: str, count: int) -> None:
        left[what] -= count
        if left[what] < 0:
            raise WeightsError(f"{where}: its config.json describes a network that is larger than its files")

    with ExitStack() as stack:
        for hook in (
            module.register_module_module_registration_hook(lambda owner, name, part: spend("parts", 1)),
            module.register_module_parameter_registration_hook(
                lambda owner, name, tensor: spend("numbers", 0 if tensor is None else tensor.numel())
            ),
            module.register_module_buffer_registration_hook(
                lambda owner, name, tensor: spend("numbers", 0 if tensor is None else tensor.numel())
            ),
        ):
            stack.callback(hook.remove)
        yield
