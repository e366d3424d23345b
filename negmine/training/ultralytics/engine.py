"""Ultralytics' trainer with batches mixed at a ratio, another loss, exact resuming, and a stop at a NaN loss."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.data.build import _RepeatSampler
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.utils.torch_utils import unwrap_model

from negmine.errors import TrainingError
from negmine.paths import printable
from negmine.training.base import OnSteps, TrainProgress
from negmine.training.batches import MixedBatches
from negmine.training.config import TrainConfig
from negmine.training.schedule import Schedule
from negmine.training.states import write_state
from negmine.training.ultralytics.criterion import dense_heads, install_criterion_loss
from negmine.words import counted

_NAMED = 8  # images of a bad batch that a message names
_LARGE_PRIME = 1_000_003


@dataclass(frozen=True, slots=True)
class Job:
    """What a `MixedTrainer` needs beside Ultralytics' own arguments.

    Attributes:
        config: loss, ratio, seed.
        schedule: the steps; a pass is what Ultralytics calls an epoch.
        resume_file: where a whole state is kept after each pass.
        state: of the passes that are done; None where there are none.
        restore_threads: called when Ultralytics has taken threads away.
        on_steps: told after each step.
    """

    config: TrainConfig
    schedule: Schedule
    resume_file: Path
    state: Mapping[str, Any] | None
    restore_threads: Callable[[], None]
    on_steps: OnSteps | None = None


class MixedTrainer(DetectionTrainer):  # type: ignore[misc]
    """Trains a network that it is given, with the callbacks of `add_callbacks(model)`.

    Ultralytics' own way to resume unpickles its last checkpoint; here a training resumes from a state of ours.

    Args:
        job: of this training.
        *arguments, **named: of Ultralytics' trainer.
    """

    def __init__(self, job: Job, *arguments: Any, **named: Any) -> None:
        self._job = job
        self._images: tuple[str, ...] = ()
        self._in_pass = 0  # batches so far
        self._batches: MixedBatches | None = None
        super().__init__(*arguments, **named)

    def get_dataloader(self, *arguments: Any, mode: str = "train", **named: Any) -> Any:
        """Ultralytics' loader, but with mixed batches for the training."""
        loader = super().get_dataloader(*arguments, mode=mode, **named)
        if mode == "train":
            config = self._job.config
            if self._batches is not None:  # Ultralytics ran out of memory, and tries again with half the batch
                raise TrainingError(
                    f"the training ran out of memory with a batch of {config.batch}; use a smaller --batch"
                )
            self._batches = _mixed_batches(loader.dataset, config, self._job.schedule)
            object.__setattr__(loader, "batch_sampler", _RepeatSampler(self._batches))  # as its own class does
        return loader

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Remember which batch it is, and its images, for messages."""
        self._in_pass += 1
        self._images = tuple(batch.get("im_file", ()))
        prepared: dict[str, Any] = super().preprocess_batch(batch)
        if self._channels_last:
            prepared["img"] = prepared["img"].contiguous(memory_format=torch.channels_last)
        return prepared

    def optimizer_step(self) -> None:
        """Never step on a NaN."""
        self._require_finite()
        super().optimizer_step()

    def validate(self) -> Any:
        """Validate only if asked to: a retraining measures the weights itself, on more images than these."""
        return super().validate() if self.args.val else (self.metrics, None)

    def final_eval(self) -> None:
        """The same for the validation of the last weights."""
        if self.args.val:
            super().final_eval()

    def save_model(self) -> Any:
        """Keep a state that is always whole, and exact: Ultralytics writes its own in place, at half precision."""
        saved = super().save_model()
        model = unwrap_model(self.model)
        assert self.ema is not None
        state = {
            "passes": self.epoch + 1,
            "model": model.state_dict(),
            "ema": self.ema.ema.state_dict(),
            "losses": [head.bce.state_dict() for head in dense_heads(model.criterion)],
            "updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best_fitness": self.best_fitness,
            "stopper": {"best_fitness": self.stopper.best_fitness, "best_epoch": self.stopper.best_epoch},
        }
        write_state(state, self._job.resume_file)
        return saved

    def check_resume(self, overrides: Any) -> None:
        """Resume from a state of ours, or not at all."""
        self.resume = self.args.resume = self._job.state is not None

    def resume_training(self, ckpt: Any) -> None:
        """What is resumed before the first pass; `begin` resumes the tensors."""
        state = self._job.state
        if state is None:
            return
        with self._own_state():
            for group, own in zip(state["optimizer"]["param_groups"], self.optimizer.param_groups, strict=True):
                group["fused"] = own.get("fused")  # this device chooses, not the last
            self.optimizer.load_state_dict(state["optimizer"])
            if state["scaler"]:
                self.scaler.load_state_dict(state["scaler"])
            assert self.ema is not None
            self.ema.updates = int(state["updates"])
            self.best_fitness = state["best_fitness"]
            self.stopper.best_fitness = state["stopper"]["best_fitness"]
            self.stopper.best_epoch = state["stopper"]["best_epoch"]
            self.start_epoch = int(state["passes"])
        model = unwrap_model(self.model)
        if getattr(model.model[-1], "one2one_cv2", None) is not None:  # as Ultralytics resumes the two losses of a head
            model.criterion = model.init_criterion()
            model.criterion.updates = self.start_epoch - 1
            model.criterion.update()

    def begin(self) -> None:
        """On the live model, once the average of its weights was copied."""
        self._job.restore_threads()
        model = unwrap_model(self.model)
        if getattr(model, "criterion", None) is None:
            model.criterion = model.init_criterion()
        install_criterion_loss(model.criterion, self._job.config)
        if self._channels_last:
            model.to(memory_format=torch.channels_last)
        if self._job.state is not None:
            self._restore(self._job.state)
        if self._batches is not None:
            self._batches.passed = self.start_epoch

    def begin_epoch(self) -> None:
        """The same augmentations, whether or not the training was killed before this pass.

        Processes that load images, as on a GPU, have random generators of their own, which this does not reach.
        """
        seed = (self._job.config.seed * _LARGE_PRIME + self.epoch) % (1 << 32)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        self._in_pass = 0

    def end_batch(self) -> None:
        """Stop at a NaN, and report the step."""
        self._require_finite()
        if self._job.on_steps is not None:
            losses = {name: float(value) for name, value in (self.tloss or {}).items()}
            schedule = self._job.schedule
            done = self.epoch * schedule.steps_per_pass + self._in_pass
            self._job.on_steps(TrainProgress(done, schedule.steps, losses))

    @property
    def _channels_last(self) -> bool:
        """A CPU trains a tenth to a fifth faster with the channels of a pixel side by side."""
        return bool(self.device.type == "cpu")

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Resume the tensors."""
        model = unwrap_model(self.model)
        assert self.ema is not None
        with self._own_state():
            model.load_state_dict(state["model"])
            self.ema.ema.load_state_dict(state["ema"])
            for head, kept in zip(dense_heads(model.criterion), state["losses"], strict=True):
                head.bce.load_state_dict(kept)

    @contextmanager
    def _own_state(self) -> Iterator[None]:
        """Refuse a state that does not fit, in one line."""
        try:
            yield
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise TrainingError(
                f"{printable(self._job.resume_file)} is the state of another training; remove it to train again from "
                "the start"
            ) from error

    def _require_finite(self) -> None:
        if self.loss is None or bool(torch.isfinite(self.loss)):
            return
        images = ", ".join(printable(Path(name).name) for name in self._images[:_NAMED])
        more = f" and {len(self._images) - _NAMED} more" if len(self._images) > _NAMED else ""
        done = self.epoch * self._job.schedule.steps_per_pass
        kept = f"the weights after {counted(done, 'step')} are kept" if done else "no weights were kept yet"
        raise TrainingError(
            f"the loss is NaN or infinite in step {done + self._in_pass}, on the batch of {images}{more}; {kept}; "
            "look at these images, or train with a lower rate (--set lr0=0.0001)"
        )


def add_callbacks(model: Any) -> None:
    """Let Ultralytics call a `MixedTrainer` of this model where a method of its own class does not."""
    for event, method in (
        ("on_train_start", MixedTrainer.begin),
        ("on_train_epoch_start", MixedTrainer.begin_epoch),
        ("on_train_batch_end", MixedTrainer.end_batch),
    ):
        model.add_callback(event, method)


def _mixed_batches(dataset: Any, config: TrainConfig, schedule: Schedule) -> MixedBatches:
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
    return MixedBatches(
        positives,
        negatives,
        batch=config.batch,
        ratio=config.ratio,
        seed=config.seed,
        steps=schedule.steps_per_pass,
    )
