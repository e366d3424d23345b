"""A network of Ultralytics from what a checkpoint says of it and from its tensors; nothing in the checkpoint is run.

The network is built from the checked description. Then every layer, number and tensor is compared with the one in the
checkpoint, so that a network that was changed by hand is refused, not guessed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from negmine.detectors.class_names import MOST_LETTERS
from negmine.detectors.devices import is_out_of_memory
from negmine.detectors.ultralytics.comparing import TAKEN, compare
from negmine.detectors.ultralytics.description import Description, check_description
from negmine.detectors.ultralytics.modules import TENSORS, class_of, modules_of, parts_of, table_of
from negmine.detectors.ultralytics.records import Record, Tensor, UnreadableError, plain

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
        layers = parts_of(self.record)["model"]
        assert layers is not None  # `plan_of` has looked
        return layers

    @property
    def head(self) -> Record:
        """The last layer."""
        head = list(parts_of(self.layers).values())[-1]
        assert head is not None
        return head


def plan_of(network: Record) -> Plan:
    """What a network in a checkpoint is rebuilt from.

    Raises:
        UnreadableError: where it is none of Ultralytics' detectors, or was changed after it was built.
    """
    family = class_of(network)
    if family not in TASKS:
        raise UnreadableError(f"it is a {network.kind[:80]}, which is none of {', '.join(TASKS)}")
    description = check_description(network.attributes.get("yaml"))
    parts = parts_of(network)
    layers = parts.get("model")
    if layers is None or not set(parts) <= {"model", "criterion"}:
        raise UnreadableError("it has other parts than its layers")
    each = parts_of(layers)
    if len(each) != len(description.repeats) or not all(each.values()):
        raise UnreadableError(f"it has {len(each)} layers, and its description {len(description.repeats)}")
    fused = not any("bn" in parts_of(record) for record in list(modules_of(layers)))
    for index, (repeats, layer) in enumerate(zip(description.repeats, each.values(), strict=True)):
        if layer is not None and repeats > 2 * sum(1 for _ in modules_of(layer)):
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
        _require_classes(network, plan)
        _try(network, plan)
    compare(plan.layers, network.model, "model")
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
    branches = parts_of(head).get("cv3") or parts_of(head).get("one2one_cv3")
    first = parts_of(branches).get("0") if branches is not None else None
    layers = list(parts_of(first).values()) if first is not None else []
    weight = table_of(layers[-1], "_parameters").get("weight") if layers and layers[-1] is not None else None
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
    branches = parts_of(plan.head)
    if "one2one_cv2" in branches:
        network.model[-1].end2end = branches.get("cv2") is None
    network.fuse(verbose=False)


def _require_classes(network: Any, plan: Plan) -> None:
    """See that the head finds the classes that have names: its number may be in its arguments, too."""
    found, named = network.model[-1].nc, plan.description.yaml["nc"]
    if found != named:
        raise UnreadableError(f"its head finds {found} classes, and its description has {named}")


def _try(network: Any, plan: Plan) -> None:
    """Run a network that Ultralytics does not run while it builds it: its feature maps are part of the budget."""
    import torch
    from ultralytics.nn.modules import Detect

    if not isinstance(network.model[-1], Detect):
        with torch.no_grad():
            network.eval()(torch.zeros(1, plan.description.channels, 256, 256))


def _fill(record: Record, module: nn.Module, load: Callable[[Tensor], torch.Tensor]) -> None:
    """Give a module its tensors and numbers."""
    import torch

    with torch.no_grad():
        for kind in TENSORS:
            for name, target in getattr(module, kind).items():
                if target is not None:
                    source = load(table_of(record, kind)[name])
                    if source.is_floating_point() != target.is_floating_point():
                        raise UnreadableError(f"its {name} has numbers of another kind than its description gives")
                    target.data = source.to(target.dtype, copy=True)  # in the layout of the file, too
    for name, allowed in TAKEN.items():
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
    if sum(len(str(name)) for name in names.values()) > MOST_LETTERS:
        raise UnreadableError(f"its class names have over {MOST_LETTERS} letters together")
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
    found = parts_of(record)
    for name, part in module._modules.items():
        below = found[name]
        if part is not None and below is not None:
            yield from _pairs(below, part)
