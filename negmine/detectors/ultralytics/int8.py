"""8-bit weights for OpenVINO, calibrated on the user's images. The only place that imports nncf."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from negmine.detectors.letterbox import letterbox
from negmine.detectors.samples import Samples
from negmine.detectors.telemetry import import_quietly
from negmine.detectors.ultralytics.openvino import read_model, to_openvino, to_parts
from negmine.errors import ConfigError, WeightsError

_CALIBRATED_ON = 128  # images, at most


def to_int8(module: Any, imgsz: int, samples: Samples | None) -> dict[str, bytes]:
    """Convert a fused module, and calibrate it.

    Args:
        module: as Ultralytics' predictor runs it.
        imgsz: longer side of the input, pixels; a multiple of the stride.
        samples: the user's images.

    Raises:
        WeightsError: where nncf is not installed.
        ConfigError: where there are no images.
    """
    _require_nncf()
    images = [] if samples is None else list(samples(_CALIBRATED_ON))
    if not images:
        raise ConfigError("int8 is calibrated on images, found none; leave it out, or scan images with it")
    with _quiet():
        model = read_model(to_openvino(module))  # quiet too: where nncf is loaded already, it imports more of it
        return to_parts(_quantized(import_quietly("nncf"), model, [letterbox(image, imgsz)[None] for image in images]))


def settings_of(parts: Mapping[str, bytes]) -> dict[str, object]:
    """What joins the settings of the identity: a hash of the weights, as they depend on the calibration images."""
    return {"backend": "openvino", "int8": hashlib.sha256(parts["model.bin"]).hexdigest()[:16]}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what nncf, and what it imports of torch, print, log and warn about."""
    silenced = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(silenced)


def _require_nncf() -> None:
    try:
        found = importlib.util.find_spec("nncf") is not None
    except ValueError:  # kept from being imported
        found = False
    if not found:
        raise WeightsError("int8 needs the package nncf, which is not installed; pip install 'negmine[int8]'")


def _quantized(nncf: Any, model: Any, inputs: list[Any]) -> Any:
    """All layers but the head, whose boxes and scores would suffer most; as Ultralytics' own export does."""
    return nncf.quantize(
        model,
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(names=_head(model)),
    )


def _head(model: Any) -> list[str]:
    operations = model.get_ordered_ops()
    sigmoids = [each.get_friendly_name() for each in operations if each.get_type_name() == "Sigmoid"]
    scope = sigmoids[-1].split("/", 1)[0]
    return [
        each.get_friendly_name()
        for each in operations
        if each.get_type_name() == "Sigmoid" or each.get_friendly_name().startswith((f"{scope}/", f"{scope}.dfl"))
    ]
