"""A network of Ultralytics from what a checkpoint says of it and from its tensors; nothing in the checkpoint is run.

The network is built from the checked description. Then every layer, number and tensor is compared with the one in the
checkpoint, so that a network that was changed by hand is refused, not guessed.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from negmine.detectors.devices import is_out_of_memory
from negmine.detectors.ultralytics.description import Description, check_description
from negmine.detectors.ultralytics.records import Record, Tensor, UnreadableError, described, plain

if TYPE_CHECKING:
    import torch
    from torch import nn

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "DetectionModel": "detect",
        "YOLOv10DetectionModel": "detect",
        "RTDETRDetectionModel": "detect",
        "SegmentationModel": "segment",
        "PoseModel": "pose",
        "OBBModel": "obb",
        "WorldModel": "detect",
    }
)
_RENAMED = MappingProxyType({"YOLOv10DetectionModel": "DetectionModel", "Silence": "Identity"})  # by Ultralytics
_TENSORS = ("_parameters", "_buffers")
# of a module: what depends on the images that it last saw, or is set for every network that is opened
_PASSING = frozenset("training inplace np type shape shapes anchors strides valid_mask".split())
_MOST_DETECTIONS, _MOST_MODULES = 100_000, 10_000


def _is_positive(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value > 0  # type: ignore[arg-type,operator]


def _is_momentum(value: object) -> bool:
    return value is None or (_is_positive(value) and value <= 1)  # type: ignore[operator]


_TAKEN: Mapping[str, Callable[[object], bool]] = MappingProxyType(
    {
        "eps": _is_positive,
        "momentum": _is_momentum,
        "max_det": lambda value: type(value) is int and 1 <= value <= _MOST_DETECTIONS,
        "agnostic_nms": lambda value: type(value) is bool,
        "_end2end": lambda value: type(value) is bool,
    }
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A network that can be rebuilt.

    Attributes:
        family: the name of its class.
        description: it is built from.
        fused: its batch normalisation is part of its convolutions.
        record: of the network, as it is in the checkpoint.
    """

    family: str
    description: Description
    fused: bool
    record: Record

    @property
    def layers(self) -> Record:
        """The container of all layers."""
        layers = _children(self.record)["model"]
        assert layers is not None  # `plan_of` has looked
        return layers

    @property
    def head(self) -> Record:
        """The last layer."""
        head = list(_children(self.layers).values())[-1]
        assert head is not None
        return head


def plan_of(network: Record) -> Plan:
    """What a network in a checkpoint is rebuilt from.

    Raises:
        UnreadableError: where it is none of Ultralytics' detectors, or was changed after it was built.
    """
    family = _RENAMED.get(network.kind, network.kind)
    if family not in TASKS:
        raise UnreadableError(f"it is a {network.kind[:80]}, which is none of {', '.join(TASKS)}")
    description = check_description(network.attributes.get("yaml"))
    parts = _children(network)
    layers = parts.get("model")
    if layers is None or not set(parts) <= {"model", "criterion"}:
        raise UnreadableError("it has other parts than its layers")
    each = _children(layers)
    if len(each) != len(description.repeats) or not all(each.values()):
        raise UnreadableError(f"it has {len(each)} layers, and its description {len(description.repeats)}")
    fused = not any("bn" in _children(record) for record in _all_records(layers))
    for index, (repeats, layer) in enumerate(zip(description.repeats, each.values(), strict=True)):
        if repeats > 2 * _count(layer):
            raise UnreadableError(f"layer {index} of its description has more parts than it has")
    return Plan(family, description, fused, network)


def rebuild(plan: Plan, load: Callable[[Tensor], torch.Tensor], elements: int) -> nn.Module:
    """Build a network and give it its tensors, at full precision, ready to run as a checkpoint that was just opened.

    Args:
        plan: of the network.
        load: a tensor from the file.
        elements: that its tensors may have; one that was described larger is not built.

    Raises:
        UnreadableError: where what is built is not what is in the checkpoint.
    """
    from ultralytics.nn import tasks

    with _building(elements):
        network: Any = getattr(tasks, plan.family)(_copied(plan), ch=plan.description.channels, verbose=False)
        _widen(network, plan)
        _fuse(network, plan)
        _try(network, plan)
    _compare(plan.layers, network.model, "model")
    for record, module in _pairs(plan.layers, network.model):
        _fill(record, module, load)
    _set_up(network, plan, load)
    built: nn.Module = network.eval()
    return built


def _copied(plan: Plan) -> dict[str, Any]:
    return copy.deepcopy(dict(plan.description.yaml))


def _widen(network: Any, plan: Plan) -> None:
    """Give the head the class branches of the detector that it was fine-tuned from, as Ultralytics' `load` does.

    Their width depends on the number of classes, and stays when a detector of 80 classes is trained for one.
    """
    from torch import nn
    from ultralytics.nn.modules import Detect
    from ultralytics.nn.modules.head import v10Detect

    head = network.model[-1]
    width = _class_width(plan.head)
    if width is None or getattr(head, "cv3", None) is None or head.cv3[0][-1].in_channels == width:
        return
    inputs = [branch[0].conv.in_channels for branch in head.cv2]
    kind = type("Donor", (v10Detect if isinstance(head, v10Detect) else Detect,), {"legacy": head.legacy})
    donor = kind(nc=min(width, 100), ch=inputs)
    for name in ("cv3", "one2one_cv3"):
        if getattr(head, name, None) is not None:
            branches = copy.deepcopy(donor.cv3)
            for branch in branches:
                branch[-1] = nn.Conv2d(branch[-1].in_channels, head.nc, 1)
            setattr(head, name, branches)


def _class_width(head: Record) -> int | None:
    """The channels that go into the last convolution of the class branches; None where there are none."""
    branches = _children(head).get("cv3") or _children(head).get("one2one_cv3")
    first = _children(branches).get("0") if branches is not None else None
    layers = list(_children(first).values()) if first is not None else []
    weight = _table(layers[-1], "_parameters").get("weight") if layers and layers[-1] is not None else None
    return weight.shape[1] if isinstance(weight, Tensor) and len(weight.shape) == 4 else None


@contextmanager
def _building(elements: int) -> Iterator[None]:
    """Have Ultralytics build without evaluating text, within a budget, and leave torch's random numbers alone."""
    import torch
    from ultralytics.nn import tasks
    from ultralytics.nn.modules import Conv

    from negmine.detectors.ultralytics.budgets import budget_mode

    before, activation = tasks.SAFE_LOAD, Conv.default_act
    tasks.SAFE_LOAD = True
    try:
        with torch.random.fork_rng(devices=[]), budget_mode(elements):
            yield
    except UnreadableError:
        raise
    except Exception as error:  # layers raise whatever they stumble over
        if is_out_of_memory(error):
            raise
        raise UnreadableError(f"Ultralytics cannot build it ({type(error).__name__})") from error
    finally:
        tasks.SAFE_LOAD, Conv.default_act = before, activation  # which a build that fails leaves behind


def _fuse(network: Any, plan: Plan) -> None:
    """Fold batch normalisation into convolutions, and keep the head that was kept, where that was done."""
    if not plan.fused:
        return
    branches = _children(plan.head)
    if "one2one_cv2" in branches:
        network.model[-1].end2end = branches.get("cv2") is None
    network.fuse(verbose=False)


def _try(network: Any, plan: Plan) -> None:
    """Run a network that Ultralytics does not run while it builds it: its feature maps are part of the budget."""
    import torch

    if plan.family == "RTDETRDetectionModel":
        with torch.no_grad():
            network.eval()(torch.zeros(1, plan.description.channels, 256, 256))


def _compare(record: Record, module: nn.Module, where: str) -> None:
    """Compare what is in a checkpoint with what its description gives, part by part.

    Raises:
        UnreadableError: with the first difference.
    """
    if _RENAMED.get(record.kind, record.kind) != type(module).__name__:
        raise UnreadableError(f"{where} is a {record.kind[:80]}, and a {type(module).__name__} by its description")
    for kind in _TENSORS:
        found = {name: value for name, value in _table(record, kind).items() if value is not None}
        built = {name: value for name, value in getattr(module, kind).items() if value is not None}
        if set(found) != set(built):
            raise UnreadableError(f"{where} has other tensors than its description gives")
        for name, value in built.items():
            if not isinstance(found[name], Tensor) or found[name].shape != tuple(value.shape):
                raise UnreadableError(f"{where}.{name} has another shape than its description gives")
    for name, value in record.attributes.items():
        if isinstance(name, str):
            _compare_attribute(name, value, module, where)
    found_parts, parts = _children(record), module._modules
    if set(found_parts) != set(parts) or any((found_parts[name] is None) != (parts[name] is None) for name in parts):
        raise UnreadableError(f"{where} has other parts than its description gives")
    for name, part in parts.items():
        below = found_parts[name]
        if part is not None and below is not None:
            _compare(below, part, f"{where}.{name}")


def _compare_attribute(name: str, value: object, module: nn.Module, where: str) -> None:
    if name in _TAKEN or name in _PASSING:
        return
    if name.startswith("_"):
        if name.endswith("_hooks") and value:
            raise UnreadableError(f"{where} has hooks, which are functions")
        return
    missing = object()
    built = inspect.getattr_static(module, name, missing)  # the name is the file's: nothing is looked up by it
    if built is missing or isinstance(built, property):
        return  # of an older version, which nothing reads any more
    if _is_plain(built):
        if not _equals(value, built):
            raise UnreadableError(f"{where}.{name[:40]} is not what its description gives")
    elif callable(built) and not isinstance(built, type) and not _is_own_method(name, value):
        raise UnreadableError(f"{where}.{name[:40]} is a function of its own")


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 64 and all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def _equals(found: object, built: object) -> bool:
    """Whether a value of the file is the one that was built; only the latter is walked, since lists may share lists."""
    if isinstance(built, (list, tuple)):
        return isinstance(found, (list, tuple)) and len(found) == len(built) and all(map(_equals, found, built))
    return not isinstance(found, (list, tuple)) and found == built


def _is_own_method(name: str, value: object) -> bool:
    """Whether it is what fusing leaves: `forward` is the class's own `forward_fuse`."""
    return (
        name == "forward"
        and isinstance(value, Record)
        and value.kind == "getattr"
        and len(value.arguments) == 2
        and value.arguments[1] in ("forward", "forward_fuse")
    )


def _fill(record: Record, module: nn.Module, load: Callable[[Tensor], torch.Tensor]) -> None:
    """Give a module its tensors and numbers."""
    import torch

    with torch.no_grad():
        for kind in _TENSORS:
            for name, target in getattr(module, kind).items():
                if target is not None:
                    source = load(_table(record, kind)[name])
                    if source.is_floating_point() != target.is_floating_point():
                        raise UnreadableError(f"its {name} has numbers of another kind than its description gives")
                    target.data = source.to(target.dtype, copy=True)  # in the layout of the file, too
    for name, allowed in _TAKEN.items():
        if name in record.attributes and hasattr(module, name.lstrip("_")):
            value = record.attributes[name]
            if not allowed(value):
                raise UnreadableError(f"its {name} is out of range")
            setattr(module, name, value)


def _set_up(network: Any, plan: Plan, load: Callable[[Tensor], torch.Tensor]) -> None:
    """What a network has beside its layers."""
    attributes = plan.record.attributes
    names = plain(attributes.get("names"), "list of class names")
    if isinstance(names, (list, tuple)):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(type(number) is int for number in names):
        raise UnreadableError("its class names are not numbered")
    if not all(isinstance(name, (str, int, float)) for name in names.values()):
        raise UnreadableError("its class names are no texts")
    count = plan.description.yaml["nc"]
    if set(names) != set(range(count)):
        raise UnreadableError(f"its {len(names)} class names are not numbered from 0 to {count - 1}")
    network.names = {number: str(name) for number, name in sorted(names.items())}
    network.task = _task(attributes.get("task"), plan)
    if type(attributes.get("nc")) is int:
        network.nc = network.yaml["nc"]
    stride = plan.head.attributes.get("stride")
    if stride is not None and hasattr(network.model[-1], "stride"):
        if not isinstance(stride, Tensor):
            raise UnreadableError("its strides are no tensor")
        network.model[-1].stride = _strides(load(stride), len(network.model[-1].stride))
        network.stride = network.model[-1].stride
    texts = attributes.get("txt_feats")  # of an open-vocabulary detector: what its class names mean
    if isinstance(texts, Tensor) and hasattr(network, "txt_feats"):
        if texts.shape != (1, network.model[-1].nc, network.txt_feats.shape[2]):
            raise UnreadableError("its txt_feats have another shape than its description gives")
        network.txt_feats = load(texts).float().clone()
    for module in network.modules():
        if hasattr(module, "inplace"):
            module.inplace = True


def _strides(found: torch.Tensor, count: int) -> torch.Tensor:
    if found.shape != (count,) or not bool((found > 0).all() and (found <= 1024).all()):
        raise UnreadableError("its strides are out of range")
    return found.float().clone()


def _task(found: object, plan: Plan) -> str:
    task = TASKS[plan.family]
    if found is not None and found != task:
        raise UnreadableError("its task is not that of its class")
    return task


def _pairs(record: Record, module: nn.Module) -> Iterator[tuple[Record, nn.Module]]:
    yield record, module
    for name, part in module._modules.items():
        below = _children(record)[name]
        if part is not None and below is not None:
            yield from _pairs(below, part)


def _table(record: Record, name: str) -> dict[object, Any]:
    table = record.attributes.get(name)
    if not isinstance(table, dict):
        raise UnreadableError(f"a {record.kind[:80]} has no {name}")
    return table


def _children(record: Record) -> dict[str, Record | None]:
    """The parts of a module, by name."""
    parts: dict[str, Record | None] = {}
    for name, part in _table(record, "_modules").items():
        if not isinstance(name, str) or not isinstance(part, (Record, type(None))):
            raise UnreadableError(f"a {record.kind[:80]} has {described(part)} as a part")
        parts[name] = part
    return parts


def _all_records(record: Record) -> Iterator[Record]:
    """A module and all below it, each once."""
    seen, waiting = set[int](), [record]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if len(seen) > _MOST_MODULES:
            raise UnreadableError(f"it has more than {_MOST_MODULES} modules")
        yield each
        waiting.extend(part for part in _children(each).values() if part is not None)


def _count(record: Record | None) -> int:
    return 0 if record is None else sum(1 for _ in _all_records(record))
