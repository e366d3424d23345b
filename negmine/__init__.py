"""negmine: mine a detector's false positives on background images into negatives that make it stop.

Everything here is imported when it is first used, so that `import negmine` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from negmine._version import __version__

if TYPE_CHECKING:
    from negmine.bank.bank import Bank
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.function import FunctionDetector
    from negmine.detectors.open import open_detector
    from negmine.errors import NegmineError
    from negmine.export.config import ExportConfig
    from negmine.export.export import export
    from negmine.labels.recognise import open_truth
    from negmine.mining.config import ScanConfig
    from negmine.mining.scan import scan
    from negmine.structures import Detections, GroundTruth

_WHERE = {
    "Bank": "negmine.bank.bank",
    "DetectorConfig": "negmine.detectors.config",
    "Detections": "negmine.structures",
    "ExportConfig": "negmine.export.config",
    "FunctionDetector": "negmine.detectors.function",
    "GroundTruth": "negmine.structures",
    "NegmineError": "negmine.errors",
    "ScanConfig": "negmine.mining.config",
    "export": "negmine.export.export",
    "open_detector": "negmine.detectors.open",
    "open_truth": "negmine.labels.recognise",
    "scan": "negmine.mining.scan",
}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'negmine' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
