"""Importing OpenVINO, NNCF and ONNX Runtime with their telemetry off.

OpenVINO and NNCF send theirs from processes that they fork in the middle of a scan; ONNX Runtime collects its own in a
file in the user's cache folder. All three decide when they are imported. If the user has imported `openvino_telemetry`,
or set ORT_DISABLE_TELEMETRY, that choice stays.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_SENDER, _SWITCH = "openvino_telemetry", "ORT_DISABLE_TELEMETRY"


def import_quietly(name: str) -> ModuleType:
    """Import a package that may have telemetry."""
    with no_reporting():
        return importlib.import_module(name)


@contextmanager
def no_reporting() -> Iterator[None]:
    """Turn telemetry off for packages that are imported inside the block."""
    blocked, switched = _SENDER not in sys.modules, _SWITCH not in os.environ
    if blocked:
        sys.modules[_SENDER] = None  # type: ignore[assignment]  # importing it raises ImportError
    if switched:
        os.environ[_SWITCH] = "1"
    try:
        yield
    finally:
        if blocked:
            sys.modules.pop(_SENDER, None)
        if switched:
            os.environ.pop(_SWITCH, None)
