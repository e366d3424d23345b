"""negmine: mine a detector's false positives on background images into negatives that make it stop.

Everything here is imported when it is first used, so that `import negmine` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from negmine._version import __version__

if TYPE_CHECKING:
    from negmine.augmenting.augment import augment
    from negmine.augmenting.camera import jpeg_compression, motion_blur, sensor_noise
    from negmine.augmenting.config import AugmentConfig
    from negmine.augmenting.operations import average_blur, gaussian_blur, linear_contrast, median_blur, sharpen
    from negmine.augmenting.pasting import paste
    from negmine.augmenting.removing import remove_variants
    from negmine.augmenting.scene import haze, rain, relight
    from negmine.bank.bank import Bank
    from negmine.bank.merging import merge_banks
    from negmine.bank.pictures import write_sheet
    from negmine.bank.pruning import prune
    from negmine.bank.vacuuming import vacuum
    from negmine.bank.verdicts import Verdicts
    from negmine.bank.verify import verify
    from negmine.cameras.config import CameraConfig
    from negmine.comparing.compare import compare
    from negmine.comparing.config import CompareConfig
    from negmine.datasets.open import open_truth
    from negmine.detectors.base import BaseDetector
    from negmine.detectors.config import DetectorConfig, PredictionsConfig
    from negmine.detectors.function import FunctionDetector
    from negmine.detectors.open import open_detector
    from negmine.detectors.samples import samples_of
    from negmine.detectors.tiling.config import TileConfig
    from negmine.detectors.tiling.detector import TiledDetector
    from negmine.detectors.torchvision.checkpoints import save_torchvision
    from negmine.detectors.ultralytics.verified import attach_verifier
    from negmine.detectors.wrapper import DetectorWrapper
    from negmine.errors import NegmineError
    from negmine.evaluating.config import EvalConfig
    from negmine.evaluating.evaluate import evaluate
    from negmine.exporting.config import ExportConfig, SelectionConfig, SplitConfig
    from negmine.exporting.export import export
    from negmine.exporting.in_place.add import add_to
    from negmine.exporting.in_place.take_out import take_out
    from negmine.exporting.targets import export_targets
    from negmine.importing.import_file import import_file
    from negmine.mining.config import CropConfig, ScanConfig
    from negmine.mining.flicker.config import FlickerConfig
    from negmine.mining.scan import scan
    from negmine.ratios.ratio import ratio
    from negmine.reporting.config import ReportConfig
    from negmine.reporting.report import report
    from negmine.retraining.config import RetrainConfig
    from negmine.retraining.retrain import retrain
    from negmine.structures import Detections, GroundTruth
    from negmine.training.config import TrainConfig
    from negmine.verifying.config import VerifierConfig
    from negmine.verifying.export import export_verifier
    from negmine.verifying.train import train_verifier

__all__ = [
    "AugmentConfig",
    "Bank",
    "BaseDetector",
    "CameraConfig",
    "CompareConfig",
    "CropConfig",
    "Detections",
    "DetectorConfig",
    "DetectorWrapper",
    "EvalConfig",
    "ExportConfig",
    "FlickerConfig",
    "FunctionDetector",
    "GroundTruth",
    "NegmineError",
    "PredictionsConfig",
    "ReportConfig",
    "RetrainConfig",
    "ScanConfig",
    "SelectionConfig",
    "SplitConfig",
    "TileConfig",
    "TiledDetector",
    "TrainConfig",
    "Verdicts",
    "VerifierConfig",
    "__version__",
    "add_to",
    "attach_verifier",
    "augment",
    "average_blur",
    "compare",
    "evaluate",
    "export",
    "export_targets",
    "export_verifier",
    "gaussian_blur",
    "haze",
    "import_file",
    "jpeg_compression",
    "linear_contrast",
    "median_blur",
    "merge_banks",
    "motion_blur",
    "open_detector",
    "open_truth",
    "paste",
    "prune",
    "rain",
    "ratio",
    "relight",
    "remove_variants",
    "report",
    "retrain",
    "samples_of",
    "save_torchvision",
    "scan",
    "sensor_noise",
    "sharpen",
    "take_out",
    "train_verifier",
    "vacuum",
    "verify",
    "write_sheet",
]

_WHERE = {
    "AugmentConfig": "negmine.augmenting.config",
    "Bank": "negmine.bank.bank",
    "BaseDetector": "negmine.detectors.base",
    "CameraConfig": "negmine.cameras.config",
    "CompareConfig": "negmine.comparing.config",
    "CropConfig": "negmine.mining.config",
    "Detections": "negmine.structures",
    "DetectorConfig": "negmine.detectors.config",
    "DetectorWrapper": "negmine.detectors.wrapper",
    "EvalConfig": "negmine.evaluating.config",
    "ExportConfig": "negmine.exporting.config",
    "FlickerConfig": "negmine.mining.flicker.config",
    "FunctionDetector": "negmine.detectors.function",
    "GroundTruth": "negmine.structures",
    "NegmineError": "negmine.errors",
    "PredictionsConfig": "negmine.detectors.config",
    "ReportConfig": "negmine.reporting.config",
    "RetrainConfig": "negmine.retraining.config",
    "ScanConfig": "negmine.mining.config",
    "SelectionConfig": "negmine.exporting.config",
    "SplitConfig": "negmine.exporting.config",
    "TileConfig": "negmine.detectors.tiling.config",
    "TiledDetector": "negmine.detectors.tiling.detector",
    "TrainConfig": "negmine.training.config",
    "Verdicts": "negmine.bank.verdicts",
    "VerifierConfig": "negmine.verifying.config",
    "add_to": "negmine.exporting.in_place.add",
    "attach_verifier": "negmine.detectors.ultralytics.verified",
    "augment": "negmine.augmenting.augment",
    "average_blur": "negmine.augmenting.operations",
    "compare": "negmine.comparing.compare",
    "evaluate": "negmine.evaluating.evaluate",
    "export": "negmine.exporting.export",
    "export_targets": "negmine.exporting.targets",
    "export_verifier": "negmine.verifying.export",
    "gaussian_blur": "negmine.augmenting.operations",
    "haze": "negmine.augmenting.scene",
    "import_file": "negmine.importing.import_file",
    "jpeg_compression": "negmine.augmenting.camera",
    "linear_contrast": "negmine.augmenting.operations",
    "median_blur": "negmine.augmenting.operations",
    "merge_banks": "negmine.bank.merging",
    "motion_blur": "negmine.augmenting.camera",
    "open_detector": "negmine.detectors.open",
    "open_truth": "negmine.datasets.open",
    "paste": "negmine.augmenting.pasting",
    "prune": "negmine.bank.pruning",
    "rain": "negmine.augmenting.scene",
    "ratio": "negmine.ratios.ratio",
    "relight": "negmine.augmenting.scene",
    "remove_variants": "negmine.augmenting.removing",
    "report": "negmine.reporting.report",
    "retrain": "negmine.retraining.retrain",
    "samples_of": "negmine.detectors.samples",
    "save_torchvision": "negmine.detectors.torchvision.checkpoints",
    "scan": "negmine.mining.scan",
    "sensor_noise": "negmine.augmenting.camera",
    "sharpen": "negmine.augmenting.operations",
    "take_out": "negmine.exporting.in_place.take_out",
    "train_verifier": "negmine.verifying.train",
    "vacuum": "negmine.bank.vacuuming",
    "verify": "negmine.bank.verify",
    "write_sheet": "negmine.bank.pictures",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'negmine' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
