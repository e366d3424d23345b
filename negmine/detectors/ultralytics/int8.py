"""8-bit weights for OpenVINO, calibrated on images of the user's. The only place that imports nncf."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from negmine.detectors.letterbox import letterboxed
from negmine.detectors.samples import Samples
from negmine.detectors.telemetry import import_quietly
from negmine.detectors.ultralytics.openvino import convert, read_model, to_parts
from negmine.errors import ConfigError, WeightsError

_CALIBRATED_ON = 128  # images, at most


def convert_to_int8(module: Any, imgsz: int, samples: Samples | None) -> dict[str, bytes]:
    """Convert a fused module, and calibrate it.

    Args:
        module: as Ultralytics' predictor runs it.
        imgsz: longer side of the pictures, pixels; a multiple of the stride.
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
        model = read_model(convert(module))  # quiet too: where nncf is loaded already, it imports more of it
        return to_parts(
            _quantized(import_quietly("nncf"), model, [letterboxed(image, imgsz)[None] for image in images])
        )


def settings_of(parts: Mapping[str, bytes]) -> dict[str, object]:
    """What the identity says: the weights themselves, as they depend on the images of the calibration."""
    return {"backend": "openvino", "int8": hashlib.sha256(parts["model.bin"]).hexdigest()[:16]}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what nncf, and what it imports of torch, print, log and warn of."""
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


def _quantized(nncf: Any, model: Any, pictures: list[Any]) -> Any:
    """All layers but the head, whose boxes and scores would suffer most; as Ultralytics' own export does."""
    return nncf.quantize(
        model,
        nncf.Dataset(pictures),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
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
