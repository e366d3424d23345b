"""A detector trained from scratch on the demo's data, on a CPU, in about a minute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from negmine.detectors.ultralytics.quiet import no_training_files, quiet_ultralytics
from negmine.errors import ConfigError, TruthError

DEMO_IMGSZ = 256  # px; 192 still detects the signs, in half the time
_MODEL_YAML = Path(__file__).with_name("tiny_yolo.yaml")
_SETTINGS: Mapping[str, object] = MappingProxyType(
    {
        "batch": 8,  # small: training from scratch takes about 180 steps to find anything
        "nbs": 8,  # one step a batch; the stock 64 would gather eight batches into one step
        "optimizer": "AdamW",
        "lr0": 0.002,
        "lrf": 0.05,
        "cos_lr": True,
        "warmup_epochs": 1.0,
        "mosaic": 0.0,
        "fliplr": 0.0,  # numbers are never mirrored
        "scale": 0.3,  # keeps signs within the sizes that the two output levels see
        "pretrained": False,
        "device": "cpu",
        "workers": 0,
        "amp": False,  # on, it would download weights to check itself with
        "val": False,
        "plots": False,
        "exist_ok": True,
    }
)


def train_demo_detector(
    data_yaml: Path,
    out_dir: Path,
    *,
    seed: int = 0,
    epochs: int = 12,
    imgsz: int = DEMO_IMGSZ,
    on_epoch: Callable[[int, int], None] | None = None,
) -> Path:
    """Train a YOLO11 of half a million parameters on the CPU, with the number of threads that torch is set to.

    Nothing is written outside `out_dir`. The label caches that Ultralytics leaves beside the labels are removed.

    Args:
        data_yaml: of a data set such as `write_demo_dataset` makes.
        out_dir: the folder of the run, created if it does not exist; an earlier run in it is overwritten.
        seed: of the initial weights and of the order of the images.
        epochs: 1 or more.
        imgsz: side of the square input in pixels, a multiple of 32.
        on_epoch: called after each epoch with its number, from 1, and `epochs`.

    Returns:
        The weights of the last epoch, a `.pt` that Ultralytics opens.

    Raises:
        ConfigError: for fewer than one epoch, or an input size that is not a positive multiple of 32.
        TruthError: if `data_yaml` is not a file.
    """
    if epochs < 1:
        raise ConfigError(f"demo training: expected at least 1 epoch, found {epochs}")
    if imgsz < 32 or imgsz % 32:
        raise ConfigError(f"demo training: expected imgsz to be a positive multiple of 32, found {imgsz}")
    if not data_yaml.is_file():
        raise TruthError(f"demo training: expected a data.yaml, found no file at {data_yaml}; draw the demo data first")

    with quiet_ultralytics() as restore_threads, no_training_files():
        from ultralytics import YOLO

        model = YOLO(str(_MODEL_YAML), task="detect")
        model.add_callback("on_train_start", lambda trainer: restore_threads())
        if on_epoch is not None:
            model.add_callback("on_train_epoch_end", lambda trainer: on_epoch(trainer.epoch + 1, epochs))
        try:
            model.train(
                data=str(data_yaml.resolve()),
                project=str(out_dir.resolve().parent),
                name=out_dir.name,
                seed=seed,
                epochs=epochs,
                imgsz=imgsz,
                **_SETTINGS,
            )
        finally:
            for cache in data_yaml.parent.glob("labels/*.cache"):
                cache.unlink()
    return out_dir / "weights" / "last.pt"
