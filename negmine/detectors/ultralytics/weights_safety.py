"""Reading a checkpoint that nobody vouches for.

A `.pt` is a pickle, and a pickle names functions that are called while it is opened. Here it is read, not opened: what
it names is compared with a list, and nothing of it is called. What is not on the list is refused, though it would not
run here either: it would run where the user opens the file next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from negmine.detectors.ultralytics.archive import Archive
from negmine.detectors.ultralytics.records import UnreadableError
from negmine.detectors.ultralytics.unpickling import Machine
from negmine.errors import UnsafeWeightsError, WeightsError
from negmine.paths import printable

TRUST = "pass --trust-weights (trust_weights=True) only if you know who made it"

_NAMES_SHOWN = 5
_BUILTINS = frozenset(
    "set frozenset dict list tuple int float str bytes bytearray bool complex slice object range getattr".split()
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


def read_pickle(archive: Archive, path: Path) -> object:
    """What the pickle of a checkpoint holds, as plain values and records; nothing in it is run.

    Only zip checkpoints, as torch.save has written them since 1.6, are read; older ones are refused.

    Args:
        archive: the checkpoint.
        path: its file, for messages.

    Raises:
        UnsafeWeightsError: naming what it would run where it is opened unread, or why it cannot be read.
        WeightsError: where the file is damaged, or was made by the YOLOv5 repository.
    """
    machine = Machine()
    try:
        document = machine.run(archive.pickled())
    except UnreadableError as error:
        _check_names(machine.names, path)
        raise UnsafeWeightsError(
            f"{printable(path)} cannot be read without running it: {printable(str(error))}; {TRUST}"
        ) from error
    _check_names(machine.names, path)
    return document


def _check_names(names: set[str], path: Path) -> None:
    if any(name.split(" ")[0].split(".")[0] == "models" for name in names):
        raise WeightsError(
            f"{printable(path)} was made by the YOLOv5 repository, which Ultralytics does not open; train or export it "
            "as YOLOv5u"
        )
    refused = sorted(name.replace(" ", ".") for name in names if not _is_harmless(name))
    if refused:
        more = f" and {len(refused) - _NAMES_SHOWN} more" if len(refused) > _NAMES_SHOWN else ""
        shown = printable(", ".join(name[:80] for name in refused[:_NAMES_SHOWN]))
        raise UnsafeWeightsError(
            f"{printable(path)} would run {shown}{more} when opened, which no model of Ultralytics needs; {TRUST}"
        )


def _is_harmless(name: str) -> bool:
    module, _, attribute = name.partition(" ")
    return attribute in _HARMLESS.get(module, ()) or any(p.fullmatch(name) for p in _HARMLESS_PATTERNS)
