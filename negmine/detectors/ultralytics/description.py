"""The description of a network that is in its checkpoint (`model.yaml`), checked as data.

Ultralytics builds a network from it: looks up classes by name, multiplies numbers, and evaluates a text. So the names
are compared with the layers of its own families, numbers with what they can be, and the text is replaced by ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any

from negmine.detectors.ultralytics.records import UnreadableError, plain

# Where a layer makes several of something: the place of that number in its arguments. The others have none.
_REPEATS: Mapping[str, int] = MappingProxyType({"RepNCSPELAN4": 3, "ResNetLayer": 4, "RTDETRDecoder": 5, "SPPF": 2})
HEADS = frozenset("Detect v10Detect Segment Segment26 Pose Pose26 OBB OBB26 RTDETRDecoder WorldDetect".split())
LAYERS = HEADS | frozenset(
    "A2C2f AConv ADown AIFI Bottleneck BottleneckCSP C1 C2 C2PSA C2f C2fAttn C2fCIB C2fPSA C3 C3Ghost C3TR C3k2 C3x "
    "CBFuse CBLinear Concat Conv ConvTranspose DWConv DWConvTranspose2d ELAN1 Focus GhostBottleneck GhostConv HGBlock "
    "HGStem ImagePoolingAttn PSA RepC3 RepConv RepNCSPELAN4 ResNetLayer SCDown SPP SPPELAN SPPF Silence nn.BatchNorm2d "
    "nn.Conv2d nn.ConvTranspose2d nn.Identity nn.MaxPool2d nn.Upsample nn.ZeroPad2d".split()
)
_WORDS = frozenset("nc kpt_shape None True False nearest bilinear".split())  # that arguments may be
_ACTIVATION = re.compile(
    r"(?:torch\.)?nn\.(?P<name>ReLU|ReLU6|LeakyReLU|SiLU|GELU|ELU|Hardswish|Mish|Identity)"
    r"\((?:inplace=(?:True|False)|(?:negative_slope=|alpha=)?(?P<number>\d{1,3}(?:\.\d{1,9})?))?\)"
)
_NUMBERED = frozenset({"LeakyReLU", "ELU"})
_KEPT = ("nc", "scales", "scale", "depth_multiple", "width_multiple", "kpt_shape", "end2end", "reg_max", "inplace")
_MOST_LAYERS, _MOST_REPEATS = 300, 128
_LARGEST, _MOST_CHANNELS = 1 << 16, 16  # of a number, and of the channels of images
_MOST_ENLARGED = 16  # of all upsampling together; families of P2 and P6 have 8
# Where the kernels, strides and paddings of a layer begin in its arguments: three at most.
_WINDOWS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys("nn.MaxPool2d nn.ZeroPad2d".split(), 0),
        **dict.fromkeys(
            "Conv ConvTranspose DWConv DWConvTranspose2d Focus GhostBottleneck GhostConv RepConv SCDown SPP SPPF "
            "nn.ConvTranspose2d".split(),
            1,
        ),
        **dict.fromkeys("HGBlock SPPELAN nn.Conv2d".split(), 2),
    }
)
_MOST_WINDOW = 64  # pixels


@dataclass(frozen=True, slots=True)
class Description:
    """What a network is built from.

    Attributes:
        yaml: as Ultralytics takes it.
        channels: of the images.
        repeats: how many parts each layer makes, one inside the other multiplied.
    """

    yaml: Mapping[str, Any]
    channels: int
    repeats: tuple[int, ...]


def check_description(found: object) -> Description:
    """Check a description, and leave out what no network needs.

    Args:
        found: as it is in the checkpoint.

    Raises:
        UnreadableError: for anything that no family of Ultralytics has.
    """
    given = _dict(plain(found, "description of the network"))
    kept = {key: given[key] for key in _KEPT if given.get(key) is not None}
    _whole(kept.get("nc"), "nc", 1, _LARGEST)
    for key in ("depth_multiple", "width_multiple"):
        _number(kept.get(key, 1.0), key)
    _check_scales(kept)
    _check_heads(kept)
    channels = _whole(given.get("channels", given.get("ch", 3)), "channels", 1, _MOST_CHANNELS)
    activation = given.get("activation")
    if activation is not None:
        kept["activation"] = check_activation(activation)
    backbone, head = (_list(given.get(part), part) for part in ("backbone", "head"))
    kept["backbone"], kept["head"] = backbone, head
    repeats = _check_layers([*backbone, *head], _depth(kept))
    file = given.get("yaml_file")
    if isinstance(file, str):  # its folder is nobody's business
        kept["yaml_file"] = PurePosixPath(PureWindowsPath(file).name).name
    kept["channels"] = channels
    return Description(MappingProxyType(kept), channels, repeats)


def check_activation(found: object) -> str:
    """The activation of all convolutions, in our own words: Ultralytics evaluates them.

    Raises:
        UnreadableError: for anything but the name of one that is known, with a number.
    """
    match = _ACTIVATION.fullmatch(found.strip()) if isinstance(found, str) else None
    if match is None or (match["number"] is not None and match["name"] not in _NUMBERED):
        raise UnreadableError("its description has an activation that is none of torch.nn's usual ones")
    number = "" if match["number"] is None else repr(float(match["number"]))
    return f"torch.nn.{match['name']}({number})"


def _check_scales(kept: dict[str, Any]) -> None:
    scales, scale = kept.get("scales"), kept.get("scale")
    if scales is None:
        kept.pop("scale", None)
        return
    for values in _dict(scales).values():
        if not isinstance(values, list) or len(values) != 3:
            raise UnreadableError("its description has scales that are not three numbers")
        for each in values:
            _number(each, "scales", largest=_LARGEST)
    if not scales or (scale not in (None, "") and (not isinstance(scale, str) or scale not in scales)):
        raise UnreadableError("its description names a scale that is not among its scales")


def _check_heads(kept: dict[str, Any]) -> None:
    """What heads alone read."""
    shape = kept.get("kpt_shape")
    if shape is not None:
        if not isinstance(shape, (list, tuple)) or len(shape) != 2:
            raise UnreadableError("its description has a kpt_shape that is not two numbers")
        _whole(shape[0], "kpt_shape", 1, 1000)
        _whole(shape[1], "kpt_shape", 2, 3)
    for key in ("end2end", "inplace"):
        if type(kept.get(key, False)) is not bool:
            raise UnreadableError(f"its description has {key} that is neither True nor False")
    _whole(kept.get("reg_max", 16), "reg_max", 1, 64)


def _check_layers(layers: Sequence[object], depth: float) -> tuple[int, ...]:
    """Check all layers; how many parts each makes."""
    if not 1 <= len(layers) <= _MOST_LAYERS:
        raise UnreadableError(f"its description has {len(layers)} layers, and may have 1 to {_MOST_LAYERS}")
    repeats, enlarged = [], 1.0
    for index, layer in enumerate(layers):
        if not isinstance(layer, list) or len(layer) != 4:
            raise UnreadableError(f"layer {index} of its description is not [from, number, module, arguments]")
        sources, number, name, arguments = layer
        if not isinstance(name, str) or name not in LAYERS or (name in HEADS and index + 1 < len(layers)):
            raise UnreadableError(f"layer {index} of its description is {str(name)[:40]}, none of Ultralytics' layers")
        for source in sources if isinstance(sources, list) and sources else [sources]:
            _whole(source, f"the source of layer {index}", -max(index, 1), max(index - 1, -1))
        _whole(number, f"the number of layer {index}", 1, _MOST_REPEATS)
        scaled = max(round(number * depth), 1) if number > 1 else 1
        values = _list(arguments, f"layer {index}")
        for value in values:
            _argument(value, index)
        if name in _WINDOWS:
            _check_window(values[_WINDOWS[name] :][:3], index)
        place = _REPEATS.get(name)
        inner = values[place] if place is not None and place < len(values) else 1
        repeats.append(scaled * _whole(inner, f"a number in layer {index}", 1, _MOST_REPEATS))
        enlarged *= _enlarging(name, values) ** scaled
        if not enlarged <= _MOST_ENLARGED:
            raise UnreadableError("its description enlarges images beyond measure")
    if name not in HEADS:
        raise UnreadableError(f"its description ends with {name}, which finds no boxes")
    return tuple(repeats)


def _argument(value: object, index: int, depth: int = 0) -> None:
    if isinstance(value, (list, tuple)) and depth < 2 and len(value) <= 64:
        for each in value:
            _argument(each, index, depth + 1)
    elif isinstance(value, str):
        if value not in _WORDS:
            raise UnreadableError(f"layer {index} of its description has a text that no layer takes")
    elif value is not None and not isinstance(value, bool):
        _number(value, f"the arguments of layer {index}", smallest=-1, largest=_LARGEST)


def _check_window(values: Sequence[Any], index: int) -> None:
    for value in values:
        if isinstance(value, (list, tuple)):
            _check_window(value, index)
        elif type(value) in (int, float):  # flags may follow
            _number(value, f"a kernel or padding of layer {index}", smallest=-1, largest=_MOST_WINDOW)


def _enlarging(name: str, arguments: Sequence[Any]) -> float:
    """How much larger a layer makes what it sees, along a side."""
    if name == "nn.Upsample":
        factor = arguments[1] if len(arguments) > 1 else None
        if not isinstance(factor, (int, float)) or arguments[0] not in (None, "None"):
            raise UnreadableError("its description upsamples to a size, and may by a factor")
        return max(float(factor), 1.0)
    if name in ("nn.ConvTranspose2d", "ConvTranspose", "DWConvTranspose2d"):
        stride = arguments[2] if len(arguments) > 2 else 2
        return float(max(_whole(stride, "a stride", 1, 8), 1))
    return 1.0


def _depth(kept: Mapping[str, Any]) -> float:
    scales = kept.get("scales")
    if not scales:
        return float(kept.get("depth_multiple", 1.0))
    return float(scales[kept.get("scale") or next(iter(scales))][0])


def _whole(value: object, what: str, smallest: int, largest: int) -> int:
    if type(value) is not int or not smallest <= value <= largest:
        raise UnreadableError(f"its description has {what} that is no whole number from {smallest} to {largest}")
    return value


def _number(value: object, what: str, *, smallest: float = 0, largest: float = 16) -> None:
    if type(value) not in (int, float) or not (math.isfinite(value) and smallest <= value <= largest):  # type: ignore[arg-type,operator]
        raise UnreadableError(f"its description has {what} with a number that is not from {smallest} to {largest}")


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UnreadableError("its description is not a mapping by name")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise UnreadableError(f"its description has {what} that is not a list")
    return value
