"""The trainer of Ultralytics, with batches mixed at a ratio, another loss, and a stop where the loss is no number."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.data.build import _RepeatSampler
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.torch_utils import unwrap_model

from negmine.errors import TrainingError
from negmine.paths import printable
from negmine.training.base import EpochEnd, OnEpoch
from negmine.training.batches import MixedBatches
from negmine.training.config import TrainConfig
from negmine.training.saving import save
from negmine.training.ultralytics.checkpoints import EXACT, load
from negmine.training.ultralytics.criterion import dense_heads, teach

_NAMED = 8  # images of a bad batch that a message names
_LARGE_PRIME = 1_000_003


def trainer_class(
    config: TrainConfig, *, resume_file: Path, restore_threads: Callable[[], None], on_epoch: OnEpoch | None
) -> type[DetectionTrainer]:
    """A class for `YOLO.train(trainer=...)`.

    Args:
        config: loss, ratio, seed.
        resume_file: where a whole checkpoint is kept after each epoch.
        restore_threads: called when Ultralytics has taken threads away.
        on_epoch: told after each epoch.
    """

    class MixedTrainer(DetectionTrainer):  # type: ignore[misc]
        _images: tuple[str, ...] = ()
        _batches: MixedBatches | None = None

        def get_dataloader(self, *arguments: Any, mode: str = "train", **named: Any) -> Any:
            loader = super().get_dataloader(*arguments, mode=mode, **named)
            if mode == "train":
                if self._batches is not None:  # Ultralytics ran out of memory, and tries again with half the batch
                    raise TrainingError(
                        f"the training ran out of memory with a batch of {config.batch}; use a smaller --batch"
                    )
                self._batches = _mixed(loader.dataset, config)
                object.__setattr__(loader, "batch_sampler", _RepeatSampler(self._batches))  # as its own class does
            return loader

        def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
            self._images = tuple(batch.get("im_file", ()))
            prepared: dict[str, Any] = super().preprocess_batch(batch)
            return prepared

        def optimizer_step(self) -> None:
            self._require_finite()
            super().optimizer_step()

        def save_model(self) -> Any:
            """Keep a copy that is always whole, and exact: Ultralytics writes its own in place, at half precision."""
            saved = super().save_model()
            model = unwrap_model(self.model)
            assert self.ema is not None
            exact = {
                "model": model.state_dict(),
                "ema": self.ema.ema.state_dict(),
                "losses": [head.bce.state_dict() for head in dense_heads(model.criterion)],
            }
            save({**load(self.last), "optimizer": self.optimizer.state_dict(), EXACT: exact}, resume_file)
            return saved

        def _restore(self) -> None:
            """Go on from the exact state; Ultralytics has read the optimizer, and the rest at half precision."""
            exact = load(resume_file).get(EXACT)
            if exact is None:
                raise TrainingError(
                    f"{printable(resume_file)} was written by an older negmine; remove it to train this round again"
                )
            model = unwrap_model(self.model)
            assert self.ema is not None
            model.load_state_dict(exact["model"])
            self.ema.ema.load_state_dict(exact["ema"])
            for head, kept in zip(dense_heads(model.criterion), exact["losses"], strict=True):
                head.bce.load_state_dict(kept)

        def begin(self) -> None:
            """On the live model, once the average of its weights was copied."""
            restore_threads()
            model = unwrap_model(self.model)
            if getattr(model, "criterion", None) is None:
                model.criterion = model.init_criterion()
            teach(model.criterion, config)
            if self.start_epoch:
                self._restore()
            if self._batches is not None:
                self._batches.epoch = self.start_epoch

        def begin_epoch(self) -> None:
            """The same augmentations, whether or not the training was killed before this epoch.

            Processes that load images, as on a GPU, have random generators of their own, which this does not reach.
            """
            seed = (config.seed * _LARGE_PRIME + self.epoch) % (1 << 32)
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)

        def end_batch(self) -> None:
            self._require_finite()

        def end_epoch(self) -> None:
            if on_epoch is not None:
                losses = {name: float(value) for name, value in (self.tloss or {}).items()}
                on_epoch(EpochEnd(self.epoch + 1, self.epochs, losses))

        def _require_finite(self) -> None:
            if self.loss is None or bool(torch.isfinite(self.loss)):
                return
            images = ", ".join(printable(Path(name).name) for name in self._images[:_NAMED])
            more = f" and {len(self._images) - _NAMED} more" if len(self._images) > _NAMED else ""
            kept = f"the weights after epoch {self.epoch} are kept" if self.epoch else "no epoch was completed"
            raise TrainingError(
                f"the loss is no finite number in epoch {self.epoch + 1}, on the batch of {images}{more}; {kept}; "
                "look at these images, or train with a lower rate (--set lr0=0.0001)"
            )

    return MixedTrainer


def _mixed(dataset: Any, config: TrainConfig) -> MixedBatches:
    """Batches of a data set of Ultralytics, by what it found in the label files.

    Raises:
        TrainingError: where no image has an object.
    """
    has_objects = [len(label["cls"]) > 0 for label in dataset.labels]
    positives = [index for index, has in enumerate(has_objects) if has]
    negatives = [index for index, has in enumerate(has_objects) if not has]
    if not positives:
        raise TrainingError("no training image has an object that Ultralytics can read; check the labels")
    assert config.batch is not None  # `open_trainer` has chosen one
    return MixedBatches(positives, negatives, batch=config.batch, ratio=config.ratio, seed=config.seed)
