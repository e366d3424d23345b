"""The demo: draw data, train a detector, mine its false positives on backgrounds, augment and export them, retrain, and
evaluate before and after. Offline, on a CPU."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.result import AugmentResult
from negmine.bank.bank import Bank
from negmine.demo.dataset import DemoDataset, write_demo_dataset
from negmine.demo.sheet import contact_sheet
from negmine.demo.training import DEMO_IMGSZ, train_demo_detector
from negmine.detectors.base import OnProgress
from negmine.detectors.config import DetectorConfig
from negmine.errors import ConfigError
from negmine.evaluating.evaluate import evaluate
from negmine.evaluating.result import EvalResult
from negmine.exporting.export import export
from negmine.exporting.result import ExportResult
from negmine.files import copy_file
from negmine.images import decode_image
from negmine.mining.config import ScanConfig
from negmine.mining.result import ScanProgress, ScanResult
from negmine.mining.scan import scan
from negmine.paths import printable
from negmine.ratios.ratio import ratio
from negmine.ratios.result import RatioResult
from negmine.retraining.config import RetrainConfig
from negmine.retraining.result import RetrainResult
from negmine.retraining.retrain import retrain
from negmine.training.config import TrainConfig

_MARKER = "negmine-demo.json"
_SHEET = 24  # negatives on the contact sheet
_RATIO = "1:2"  # positive to negative images that the variants bring about
_STEPS = 150  # of the one training
_RATE = 0.002  # as in the training from scratch: this small detector learns slowly at lower ones
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made, all of it under one folder.

    Attributes:
        out: the folder.
        weights: the detector.
        sheet: an image of the hardest negatives.
        scan: what the scan of the backgrounds found.
        augment: the variants.
        ratio: the mix of the training images with the bank.
        export: what was exported.
        retrain: the rounds, and the retrained detector.
        evaluation: both detectors, side by side, on what neither was trained on.
        seconds: for everything.
    """

    out: Path
    weights: Path
    sheet: Path
    scan: ScanResult
    augment: AugmentResult
    ratio: RatioResult
    export: ExportResult
    retrain: RetrainResult
    evaluation: EvalResult
    seconds: float

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": str(self.out),
            "weights": str(self.weights),
            "sheet": str(self.sheet),
            "scan": self.scan.to_dict(),
            "augment": self.augment.to_dict(),
            "ratio": self.ratio.to_dict(),
            "export": self.export.to_dict(),
            "retrain": self.retrain.to_dict(),
            "evaluation": self.evaluation.to_dict(),
            "seconds": round(self.seconds, 3),
        }


def run_demo(
    out: str | Path,
    *,
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
    on_progress: Callable[[ScanProgress], None] | None = None,
    on_count: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> DemoResult:
    """Do the whole job once, on data that is drawn from a seed. A run that was interrupted resumes.

    Args:
        out: a new or empty folder, or that of an earlier demo with the same seed.
        seed: of the data and of the training.
        on_step: called with what begins now, in words.
        on_progress: called with the progress of the scan.
        on_count: called with the progress of the retraining.
        clock: seconds, for the time in the result.

    Raises:
        ConfigError: if `out` holds something else, or a demo with another seed.
    """
    say, started, folder = on_step or (lambda text: None), clock(), Path(out)
    _claim(folder, seed)
    say("drawing road signs, and other round things")
    data = write_demo_dataset(folder / "data", seed=seed)
    weights = _train(data, folder, seed, say)
    say("scanning images without signs")
    detector = DetectorConfig(str(weights), imgsz=DEMO_IMGSZ, device="cpu")
    bank = folder / "bank"
    scanned = scan(data.backgrounds, detector, bank=bank, config=ScanConfig(max_per_image=1), on_progress=on_progress)
    say(f"expanding the negatives to {_RATIO} of the training images")
    up_to = AugmentConfig(ratio=_RATIO, positives=(data.data_yaml,), split="train")
    augmented = augment(bank, config=up_to)
    checked = ratio(data.data_yaml, bank=bank, split="train")
    say("exporting the negatives as Pascal VOC")
    exported = export(bank, folder / "negatives-voc")
    sheet = _draw_sheet(bank, folder / "hardest.png")
    say("retraining, with a fifth of these images held out to measure on")
    retrained = _retrain(folder, weights, data, seed, say, on_count)
    say("measuring the detector before and after")
    measured = evaluate(
        [replace(detector, weights=str(each)) for each in (weights, retrained.weights)],
        data.data_yaml,
        backgrounds=retrained.held_out_list,
        plot=folder / "before-and-after.png",
    )
    return DemoResult(
        out=folder,
        weights=weights,
        sheet=sheet,
        scan=scanned,
        augment=augmented,
        ratio=checked,
        export=exported,
        retrain=retrained,
        evaluation=measured,
        seconds=clock() - started,
    )


def _retrain(
    folder: Path,
    weights: Path,
    data: DemoDataset,
    seed: int,
    say: Callable[[str], None],
    on_count: OnProgress | None,
) -> RetrainResult:
    out = folder / "retrain"
    train = TrainConfig(steps=_STEPS, imgsz=DEMO_IMGSZ, device="cpu", seed=seed, settings={"lr0": _RATE})
    return retrain(
        weights,
        data.data_yaml,
        backgrounds=data.backgrounds,
        out=out,
        config=RetrainConfig(rounds=1, train=train),
        resume=(out / "retrain.json").is_file(),
        on_step=say,
        on_progress=on_count,
    )


def _claim(folder: Path, seed: int) -> None:
    """Mark the folder as a demo with this seed, or check that it is one."""
    marker, text = folder / _MARKER, json.dumps({"seed": seed})
    if not folder.exists() or not any(folder.iterdir()):
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(text, encoding="utf-8")
    elif not marker.is_file():
        raise ConfigError(f"{printable(folder)} holds other things; name a new or empty folder with --out")
    elif marker.read_text(encoding="utf-8") != text:
        raise ConfigError(f"{printable(folder)} holds a demo with another seed; name a new or empty folder with --out")


def _train(data: DemoDataset, folder: Path, seed: int, say: Callable[[str], None]) -> Path:
    """Train a detector, unless that is done; the weights appear only once they are complete."""
    weights = folder / "detector.pt"
    if not weights.exists():
        say("training a small detector on the signs; it never sees the other things")
        copy_file(train_demo_detector(data.data_yaml, folder / "training", seed=seed), weights)
    return weights


def _draw_sheet(bank: Path, sheet: Path) -> Path:
    """Draw the hardest negatives."""
    with Bank(bank) as opened:
        hardest = [(n.score, decode_image(n.path.read_bytes())) for n in islice(opened.negatives(), _SHEET)]
    sheet.write_bytes(contact_sheet(hardest))
    return sheet
