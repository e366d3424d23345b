"""Opening a checkpoint of Ultralytics that nobody vouches for: read as data, and its network rebuilt."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from negmine.detectors.devices import is_out_of_memory
from negmine.detectors.ultralytics.archive import Archive
from negmine.detectors.ultralytics.rebuilding import TASKS, plan_of, rebuild
from negmine.detectors.ultralytics.records import Record, UnreadableError
from negmine.detectors.ultralytics.weights_safety import TRUST, read_pickle
from negmine.errors import UnsafeWeightsError, WeightsError
from negmine.paths import printable

if TYPE_CHECKING:
    from torch import nn
    from ultralytics import YOLO

_OTHER_TASKS: Mapping[str, str] = MappingProxyType(
    {"ClassificationModel": "classify", "SemanticSegmentationModel": "semantic", "DepthModel": "depth"}
)
_MOST_IMGSZ = 1 << 14
_opening = threading.Lock()


def open_untrusted(path: Path) -> YOLO:
    """Open a checkpoint as plain `YOLO(path)` does, down to the last bit of what it finds, and run nothing in it.

    Raises:
        UnsafeWeightsError: where it would run code, or its network cannot be rebuilt from its description.
        WeightsError: where it is damaged, or no detector.
    """
    from ultralytics import YOLO
    from ultralytics.cfg import DEFAULT_CFG_DICT

    with Archive(path) as archive:
        document = read_pickle(archive, path)
        candidate = _network(document, path)
        try:
            # as many elements as the file has bytes: twice its half precision, since fusing makes networks smaller
            network: Any = rebuild(plan_of(candidate), archive.tensor, elements=archive.size)
        except UnreadableError as error:
            raise UnsafeWeightsError(
                f"{printable(path)} cannot be rebuilt from its description: {printable(str(error))}; opening it as it "
                f"is can run code: {TRUST}"
            ) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise WeightsError(f"{printable(path)} does not fit into the memory of this machine") from error
    arguments = _arguments(document, network.task)
    network.args = {**DEFAULT_CFG_DICT, **arguments}
    network.pt_path = str(path)
    with _opening, _given(network, {"epoch": -1, "model": network, "train_args": arguments}):
        return YOLO(str(path))


def _network(document: object, path: Path) -> Record:
    """The network in a checkpoint: the averaged one, where there are two."""
    found = (document.get("ema") or document.get("model")) if isinstance(document, dict) else document
    if not isinstance(found, Record) or not isinstance(document, dict):
        raise WeightsError(f"{printable(path)} cannot be opened as a detector: it holds no network of Ultralytics")
    if document.get("modelopt"):
        raise UnsafeWeightsError(
            f"{printable(path)} was trained for 8-bit numbers, and cannot be rebuilt from its description; {TRUST}"
        )
    if found.kind in _OTHER_TASKS:
        raise WeightsError(
            f"{printable(path)} is a model for the task {_OTHER_TASKS[found.kind]!r}, which gives no boxes; expected "
            f"one of {', '.join(sorted(set(TASKS.values())))}"
        )
    return found


def _arguments(document: object, task: str) -> dict[str, object]:
    """What Ultralytics keeps of the settings of a training: the input size, and whether there is one class."""
    given = document.get("train_args") if isinstance(document, dict) else None
    if isinstance(given, Record):
        given = given.attributes
    found = given if isinstance(given, dict) else {}
    kept: dict[str, object] = {"task": task}
    imgsz, single = found.get("imgsz"), found.get("single_cls")
    if type(imgsz) is int and 1 <= imgsz <= _MOST_IMGSZ:
        kept["imgsz"] = imgsz
    if type(single) is bool:
        kept["single_cls"] = single
    return kept


@contextmanager
def _given(network: nn.Module, checkpoint: dict[str, object]) -> Iterator[None]:
    """Give Ultralytics a network in place of the file that it would unpickle."""
    from ultralytics.engine import model

    before = model.load_checkpoint
    model.load_checkpoint = lambda *_, **__: (network, checkpoint)
    try:
        yield
    finally:
        model.load_checkpoint = before
