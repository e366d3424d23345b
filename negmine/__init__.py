"""negmine: mine a detector's false positives on background images into negatives that make it stop.

Everything here is imported when it is first used, so that `import negmine` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from negmine._version import __version__

if TYPE_CHECKING:
    from negmine.bank.bank import Bank
    from negmine.bank.verify import verify
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.function import FunctionDetector
    from negmine.detectors.open import open_detector
    from negmine.errors import NegmineError
    from negmine.exporting.config import ExportConfig
    from negmine.exporting.export import export
    from negmine.labels.recognise import open_truth
    from negmine.mining.config import CropConfig, ScanConfig
    from negmine.mining.scan import scan
    from negmine.structures import Detections, GroundTruth

__all__ = [
    "Bank",
    "CropConfig",
    "Detections",
    "DetectorConfig",
    "ExportConfig",
    "FunctionDetector",
    "GroundTruth",
    "NegmineError",
    "ScanConfig",
    "__version__",
    "export",
    "open_detector",
    "open_truth",
    "scan",
    "verify",
]

_WHERE = {
    "Bank": "negmine.bank.bank",
    "CropConfig": "negmine.mining.config",
    "Detections": "negmine.structures",
    "DetectorConfig": "negmine.detectors.config",
    "ExportConfig": "negmine.exporting.config",
    "FunctionDetector": "negmine.detectors.function",
    "GroundTruth": "negmine.structures",
    "NegmineError": "negmine.errors",
    "ScanConfig": "negmine.mining.config",
    "export": "negmine.exporting.export",
    "open_detector": "negmine.detectors.open",
    "open_truth": "negmine.labels.recognise",
    "scan": "negmine.mining.scan",
    "verify": "negmine.bank.verify",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'negmine' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
