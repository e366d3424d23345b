"""Fixtures for detectors: small untrained checkpoints, saved as the trainer saves its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from negmine.detectors.ultralytics.quiet import quiet_ultralytics

BuildCheckpoint = Callable[[str], Path]


@pytest.fixture(scope="session")
def build_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> BuildCheckpoint:
    """Architecture name to a checkpoint with random weights, everything in it that training leaves in `last.pt`."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def build(name: str) -> Path:
        path = folder / f"{name}-random.pt"
        if path.exists():
            return path
        with quiet_ultralytics():
            import torch
            from ultralytics import RTDETR, YOLO

            torch.manual_seed(0)
            model = (RTDETR if "rtdetr" in name else YOLO)(f"{name}.yaml")
            optimizer = torch.optim.AdamW(model.model.parameters())
            checkpoint = {
                "epoch": 3,
                "best_fitness": 0.5,
                "model": None,
                "ema": model.model.half(),
                "updates": 7,
                "optimizer": optimizer.state_dict(),
                "train_args": {"imgsz": 64, "task": model.task, "data": Path("data.yaml")},
                "train_results": {"epoch": [1, 2, 3]},
                "date": "2025-01-01T00:00:00",
            }
            torch.save(checkpoint, path)
        return path

    return build


@pytest.fixture
def names(tmp_path: Path) -> Callable[..., str]:
    """A file with class names."""

    def write(*words: str) -> str:
        (tmp_path / "names.txt").write_text("\n".join(words))
        return str(tmp_path / "names.txt")

    return write


@pytest.fixture
def cuda() -> str:
    """The name of an NVIDIA GPU; the test is skipped where torch has none."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch has no NVIDIA GPU on this machine")
    return "0"
