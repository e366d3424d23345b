"""Checking whether opening a checkpoint would run foreign code.

A `.pt` is a pickle, and a pickle names functions that are called while it is opened. picklescan lists the names in the
very bytes that torch will unpickle, and all of them must be on a list of harmless names.
"""

from __future__ import annotations

import io
import logging
import pickletools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from negmine.errors import UnsafeWeightsError, WeightsError

_ZIP_MAGIC = b"PK\x03\x04"  # what torch.load itself goes by
_NAMES_SHOWN = 5
_TRUST = "pass --trust-weights (trust_weights=True) only if you know who made it"
_BUILTINS = frozenset(
    "set frozenset dict list tuple int float str bytes bytearray bool complex slice object range".split()
)
_PATHS = frozenset("Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath".split())
_NUMPY_ARRAYS = frozenset({"_reconstruct", "scalar"})
_HARMLESS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "builtins": _BUILTINS,
        "__builtin__": _BUILTINS,
        "_codecs": frozenset({"encode"}),  # how protocol 2 writes bytes
        "collections": frozenset({"OrderedDict", "defaultdict", "Counter", "deque"}),
        "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
        "pathlib": _PATHS,
        "pathlib._local": _PATHS,
        "types": frozenset({"SimpleNamespace"}),
        "numpy": frozenset({"dtype", "ndarray"}),
        "numpy.core.multiarray": _NUMPY_ARRAYS,
        "numpy._core.multiarray": _NUMPY_ARRAYS,
        "torch": frozenset({"Size", "device", "Tensor"}),
        "torch._utils": frozenset(
            {
                "_rebuild_tensor",
                "_rebuild_tensor_v2",
                "_rebuild_tensor_v3",
                "_rebuild_parameter",
                "_rebuild_parameter_with_state",
            }
        ),
        "torch.nn.parameter": frozenset({"Parameter"}),
        "torch.storage": frozenset({"TypedStorage", "UntypedStorage"}),  # its _load_from_bytes opens another pickle
        "torch.torch_version": frozenset({"TorchVersion"}),
        "torchvision.transforms.functional": frozenset({"InterpolationMode"}),
        "torchvision.transforms.transforms": frozenset({"Compose", "Normalize", "Resize", "CenterCrop", "ToTensor"}),
        "ultralytics.utils": frozenset({"IterableSimpleNamespace"}),
        "ultralytics.yolo.utils": frozenset({"IterableSimpleNamespace"}),  # before 8.0.44
    }
)
_CLASS = r"[A-Z]\w*|v8\w+|v10\w+"  # layers and losses; functions start with another small letter
_HARMLESS_PATTERNS = (
    re.compile(r"torch \w+Storage"),
    re.compile(r"torch (?:float|bfloat|complex|int|uint|qint|quint)\d+(?:x\d)?|torch bool"),
    re.compile(rf"torch\.nn\.modules(?:\.\w+)? (?:{_CLASS})"),
    re.compile(rf"ultralytics\.nn\.(?:tasks|distill_model|modules(?:\.\w+)?) (?:{_CLASS})"),
    re.compile(rf"ultralytics\.utils\.(?:loss|tal) (?:{_CLASS})"),
    re.compile(r"numpy (?:float|complex|int|uint)\d+|numpy bool_?"),
    re.compile(r"numpy\.dtypes \w+DType"),
)
_GETATTR = frozenset({"builtins getattr", "__builtin__ getattr"})


def check_weights_safe(path: Path, *, restricted_loading: bool = False) -> None:
    """Refuse a checkpoint that would run code from outside torch, ultralytics, NumPy and plain containers.

    Only zip checkpoints, as torch.save has written them since 1.6, are read; older ones are refused.

    Args:
        path: of the checkpoint.
        restricted_loading: it will be opened by Ultralytics' restricted loader, whose `getattr` reaches nothing
            but methods of layers. Official checkpoints hold such a `getattr`, so it passes there, and only there.

    Raises:
        UnsafeWeightsError: naming what it would run.
        WeightsError: where the file is truncated, or is not a checkpoint.
    """
    names = _global_names(path, _read_pickle(path))
    if any(name.split(" ")[0].split(".")[0] == "models" for name in names):
        raise WeightsError(
            f"{path} was made by the YOLOv5 repository, which Ultralytics does not open; train or export it as YOLOv5u"
        )
    allowed = _GETATTR if restricted_loading else frozenset()
    refused = sorted(name.replace(" ", ".") for name in names - allowed if not _is_harmless(name))
    if refused:
        more = f" and {len(refused) - _NAMES_SHOWN} more" if len(refused) > _NAMES_SHOWN else ""
        raise UnsafeWeightsError(
            f"{path} would run {', '.join(refused[:_NAMES_SHOWN])}{more} when opened, which no model "
            f"of Ultralytics needs; {_TRUST}"
        )


def _is_harmless(name: str) -> bool:
    module, _, attribute = name.partition(" ")
    return attribute in _HARMLESS.get(module, ()) or any(p.fullmatch(name) for p in _HARMLESS_PATTERNS)


def _read_pickle(path: Path) -> bytes:
    """The bytes that torch.load will unpickle, by torch's own reader, so that no trick with the archive hides them."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightsError(f"cannot read weights {path}: {error.strerror or error}") from error
    if not head.startswith(_ZIP_MAGIC):
        raise WeightsError(f"{path} is not a PyTorch checkpoint: {_what_starts_with(head)}")
    import torch

    try:
        reader = torch._C.PyTorchFileReader(str(path))
        records = set(reader.get_all_records())
        if "constants.pkl" in records:
            raise WeightsError(f"{path} is a TorchScript archive, not a checkpoint; give the .pt that was trained")
        if "data.pkl" not in records:
            raise WeightsError(f"{path} is a zip archive, but holds no PyTorch checkpoint (no data.pkl)")
        return bytes(reader.get_record("data.pkl"))
    except RuntimeError as error:
        raise WeightsError(f"{path} is damaged or truncated; torch cannot read it as a checkpoint") from error


def _what_starts_with(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, probably an error page saved in its place; download it again"
    return (
        f"it starts with {head[:8]!r}; expected the zip format of torch.save since 1.6 "
        "(an older one opens with --trust-weights, if you know who made it)"
    )


def _global_names(path: Path, pickled: bytes) -> frozenset[str]:
    """Every `module name` in the pickle."""
    from picklescan.scanner import scan_pickle_bytes

    _check_opcodes(path, pickled)
    with _silent("picklescan"):
        try:
            result = scan_pickle_bytes(io.BytesIO(pickled), str(path))
        except Exception as error:  # the scanner promises no types; what it cannot read is not opened
            raise _unreadable(path, str(error)) from error
    if result.scan_err or not result.globals:
        raise _unreadable(path, "picklescan could not read it whole")
    return frozenset(f"{found.module} {found.name}" for found in result.globals)


def _check_opcodes(path: Path, pickled: bytes) -> None:
    """Refuse what a list of names does not show: several pickles, a broken one, names from a hidden registry."""
    end = 0
    try:
        for opcode, _, position in pickletools.genops(pickled):
            if opcode.name.startswith("EXT"):
                raise UnsafeWeightsError(
                    f"{path} names what it would run by number ({opcode.name}), so nobody can say what; {_TRUST}"
                )
            end = position or 0
    except ValueError as error:
        raise _unreadable(path, str(error)) from error
    if end + 1 != len(pickled):
        raise _unreadable(path, f"its pickle ends at byte {end + 1} of {len(pickled)}")


def _unreadable(path: Path, reason: str) -> UnsafeWeightsError:
    return UnsafeWeightsError(f"{path} cannot be checked for code that it would run when opened ({reason}); {_TRUST}")


@contextmanager
def _silent(logger_name: str) -> Iterator[None]:
    logger = logging.getLogger(logger_name)
    disabled = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = disabled
