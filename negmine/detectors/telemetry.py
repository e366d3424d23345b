"""OpenVINO, NNCF and ONNX Runtime without their reports of use, which nobody asked for.

OpenVINO's and NNCF's are sent by processes forked in the middle of a scan; ONNX Runtime's are collected in a file in
the user's cache folder. All three decide about it when they are imported. Where the user has imported
`openvino_telemetry`, or set ORT_DISABLE_TELEMETRY, it stays as it is.
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
    """Import a package that may report."""
    with no_reporting():
        return importlib.import_module(name)


@contextmanager
def no_reporting() -> Iterator[None]:
    """What is imported inside does not report."""
    blocked, switched = _SENDER not in sys.modules, _SWITCH not in os.environ
    if blocked:
        sys.modules[_SENDER] = None  # type: ignore[assignment]  # whoever imports it is told that it is not installed
    if switched:
        os.environ[_SWITCH] = "1"
    try:
        yield
    finally:
        if blocked:
            sys.modules.pop(_SENDER, None)
        if switched:
            os.environ.pop(_SWITCH, None)
