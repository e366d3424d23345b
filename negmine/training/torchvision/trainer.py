"""Fine-tuning the detectors of torchvision: Faster R-CNN with OHEM as in the paper, and the one-stage families."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negmine.detectors.devices import open_device
from negmine.detectors.torchvision.builders import FIXED, TorchvisionCheckpoint, build, set_size
from negmine.detectors.torchvision.checkpoints import read_checkpoint, write_checkpoint
from negmine.errors import TrainingError, WeightsError
from negmine.files import write_file
from negmine.paths import printable
from negmine.training.base import OnSteps, TrainingSet, TrainProgress
from negmine.training.batches import MixedBatches
from negmine.training.calibration import Calibration
from negmine.training.config import TrainConfig
from negmine.training.losses import Family, family_of_builder, make_loss, use_of
from negmine.training.schedule import OneTraining, Schedule

if TYPE_CHECKING:
    import torch
    from torch import nn


_DONE, _LOG = "trained.safetensors", "log.jsonl"
_LARGE_PRIME = 1_000_003
_NAMES_SHOWN = 10
_COUNTED = 100  # batches whose anchors tell how rare objects are


class TorchvisionTrainer(OneTraining):
    """Trains a checkpoint of torchvision; a plain loop, a line in `log.jsonl` for each pass of a few steps.

    Raises:
        ConfigError: for a device that is not there, or an unknown setting.
    """

    def __init__(self, config: TrainConfig) -> None:
        from negmine.training.torchvision.loop import Settings

        super().__init__(config)
        self._device = open_device(config.device)
        self._settings = Settings.of(config.settings)

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        """Open the weights, and see that they are of these classes and can take the loss.

        Raises:
            WeightsError: for weights that are missing, damaged, of other classes, or of a family without this loss.
            ConfigError: for an input size that the model does not take.
        """
        checkpoint = read_checkpoint(weights)
        if list(checkpoint.class_names) != list(class_names):
            raise WeightsError(
                f"{printable(weights)} has the classes {_shown(checkpoint.class_names)}, and the data "
                f"{_shown(class_names)}; train with the detector's own list of classes, in its order"
            )
        self._prepared(checkpoint, printable(weights))

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        """Train in `out`; a training that was killed there resumes from the last steps it kept, with the same result.

        On a GPU the result is the same for the same number of loading processes, as far as the GPU is deterministic.

        Raises:
            TrainingError: where the loss is NaN or infinite, an image cannot be read, or memory or disk is full.
        """
        from negmine.training.states import RESUME

        done = out / _DONE
        if done.is_file():
            return done
        out.mkdir(parents=True, exist_ok=True)
        checkpoint = read_checkpoint(weights)
        try:
            schedule = self._schedule(data, steps)
            trained = self._train(checkpoint, data, out, schedule, on_steps)
        except RuntimeError as error:
            if "out of memory" in str(error).lower():
                raise TrainingError("the training ran out of memory; use a smaller --batch or --imgsz") from error
            raise
        write_checkpoint(trained, done)
        (out / RESUME).unlink(missing_ok=True)
        return done

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        """Shift the class logits; `calibrate_checkpoint` says what each family keeps.

        Raises:
            WeightsError: for a file that cannot be read, or written.
        """
        from negmine.training.torchvision.calibrate import calibrate_checkpoint

        write_checkpoint(calibrate_checkpoint(read_checkpoint(weights), calibration), calibrated)

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        """Write the average of checkpoints of one model; all but the tensors is the first one's.

        Raises:
            WeightsError: for a checkpoint that cannot be read.
            TrainingError: where they differ in their tensors.
        """
        from negmine.training.averaging import average_tensors

        read = [read_checkpoint(path) for path in checkpoints]
        write_checkpoint(replace(read[0], state=average_tensors([each.state for each in read], shares)), averaged)

    def _train(
        self,
        checkpoint: TorchvisionCheckpoint,
        data: TrainingSet,
        out: Path,
        schedule: Schedule,
        on_steps: OnSteps | None,
    ) -> TorchvisionCheckpoint:
        """All passes that are not done."""
        import torch

        from negmine.training.states import RESUME
        from negmine.training.torchvision.loop import make_optimizer, rate_at, train_one_pass

        config, settings = self._config, self._settings
        device = self._device
        model, rule = self._prepared(checkpoint, "the weights")
        model.to(device)
        optimizer = make_optimizer(model, settings)
        scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "scaler": scaler}
        if hasattr(rule, "state_dict"):
            parts["rule"] = rule
        images, order = self._images(checkpoint, data, out, schedule)
        if use_of(config.loss, family_of_builder(checkpoint.builder), "the weights").prior:
            checkpoint = self._with_prior(checkpoint, model, images, order, device)
        begun, lines = _restore(out / RESUME, parts)
        order.passed = begun
        warmup = min(settings.warmup, max(schedule.steps // 10, 1))
        for number in range(begun, schedule.passes):
            self._seed(number)
            batches = list(order)
            first = number * len(order)
            losses = train_one_pass(
                model,
                optimizer,
                self._loader(images, batches, device, number),
                [[images.path(index) for index in batch] for batch in batches],
                device=device,
                rates=[rate_at(first + step, schedule.steps, warmup, settings) for step in range(len(order))],
                settings=settings,
                scaler=scaler,
                on_batch=partial(_tell, on_steps, first, schedule.steps),
            )
            done = first + len(order)
            lines = [*lines, json.dumps({"step": done, **losses})]
            self._keep(out, parts, number + 1, lines)
        return replace(checkpoint, state=model.state_dict(), arguments=self._arguments(checkpoint))

    def _arguments(self, checkpoint: TorchvisionCheckpoint) -> Mapping[str, Any]:
        """What the trained model is built with: for the size that it was trained at."""
        if self._config.imgsz is None or checkpoint.builder in FIXED:
            return checkpoint.arguments
        return {**checkpoint.arguments, "min_size": self._config.imgsz, "max_size": self._config.imgsz}

    def _with_prior(
        self,
        checkpoint: TorchvisionCheckpoint,
        model: nn.Module,
        images: Any,
        order: MixedBatches,
        device: torch.device,
    ) -> TorchvisionCheckpoint:
        """Set the bias of a head that was never trained; returns the checkpoint with the thresholds of its classes."""
        from negmine.training.torchvision.guided import count_anchors, score_thresholds, set_optimal_bias

        self._seed(0)
        loader = self._loader(images, list(islice(chain.from_iterable(repeat(order)), _COUNTED)), device, 0)
        counts = count_anchors(model, checkpoint.builder, loader, device=device)
        set_optimal_bias(model, counts)
        return replace(checkpoint, score_thresholds=score_thresholds(counts, checkpoint.first_label))

    def _prepared(self, checkpoint: TorchvisionCheckpoint, name: str) -> tuple[nn.Module, object]:
        """The model with the asked loss, and the rule behind it, if there is one."""
        model = build(checkpoint, name=name)
        set_size(model, checkpoint.builder, self._config.imgsz)
        return model, install_loss(model, checkpoint.builder, self._config, where=name)

    def _images(
        self, checkpoint: TorchvisionCheckpoint, data: TrainingSet, out: Path, schedule: Schedule
    ) -> tuple[Any, MixedBatches]:
        from negmine.training.torchvision.data import TrainingImages

        images = TrainingImages(
            (*data.positives, *data.negatives),
            data.write_lists(out),
            checkpoint.class_names,
            checkpoint.first_label,
            augment=True,
        )
        positives = range(len(data.positives))
        negatives = range(len(data.positives), len(images))
        config = self._config
        assert config.batch is not None  # `open_trainer` has chosen one
        return images, MixedBatches(
            positives,
            negatives,
            batch=config.batch,
            ratio=config.ratio,
            seed=config.seed,
            steps=schedule.steps_per_pass,
        )

    def _loader(self, images: Any, batches: list[list[int]], device: torch.device, number: int) -> Any:
        import torch
        from torch.utils.data import DataLoader

        from negmine.training.torchvision.data import as_batch, opened

        loader = DataLoader(
            images,
            batch_sampler=batches,
            collate_fn=as_batch,
            num_workers=0 if device.type == "cpu" else self._config.workers,
            pin_memory=device.type == "cuda",
            generator=torch.Generator().manual_seed(self._config.seed * _LARGE_PRIME + number),
        )
        return opened(loader)

    def _seed(self, number: int) -> None:
        import torch

        seed = (self._config.seed * _LARGE_PRIME + number) % (1 << 32)
        random.seed(seed)
        torch.manual_seed(seed)

    def _keep(self, out: Path, parts: Mapping[str, Any], passes: int, lines: Sequence[str]) -> None:
        """Write the state to resume from, and the lines of all passes so far."""
        from negmine.training.states import RESUME, write_state

        try:
            states = {name: part.state_dict() for name, part in parts.items()}
            write_state({"passes": passes, "lines": list(lines), **states}, out / RESUME)
            _write_log(out, lines)
        except OSError as error:
            raise TrainingError(
                f"{printable(out)}: {error.strerror or error}; free some space, then continue with --resume"
            ) from error


def install_loss(model: Any, builder: str, config: TrainConfig, *, where: str = "the model") -> object:
    """Give a model the loss of `config`.

    Args:
        model: of the builder; changed in place.
        builder: its name in torchvision.
        config: which loss, and its options.
        where: the weights, for the message.

    Returns:
        What the loss keeps from batch to batch (with a `state_dict`), or None.

    Raises:
        WeightsError: where the family cannot take the loss.
    """
    family = family_of_builder(builder)
    loss = make_loss(config, family, where)
    if family is Family.FASTER_RCNN:
        if loss is not None:
            model.roi_heads = loss(model.roi_heads)
        return None
    if loss is not None:
        from negmine.training.torchvision.dense import install_anchor_loss

        install_anchor_loss(model, builder, loss)
    rule: object = loss
    return rule


def _tell(on_steps: OnSteps | None, before: int, steps: int, done: int, losses: Mapping[str, float]) -> None:
    """Report a step of a pass."""
    if on_steps is not None:
        on_steps(TrainProgress(before + done, steps, losses))


def _restore(path: Path, parts: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Restore the parts of a killed training; returns the number of passes that were done, and their lines.

    Raises:
        TrainingError: where the state is damaged, or of another training.
    """
    from negmine.training.states import read_state

    state = read_state(path)
    if state is None:
        return 0, []
    try:
        for name, part in parts.items():
            if state[name] or name != "scaler":  # that of a CPU keeps nothing, and the training may resume on a GPU
                part.load_state_dict(state[name])
        passes, lines = int(state["passes"]), [str(line) for line in state["lines"]]
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise TrainingError(
            f"{printable(path)} is the state of another training; remove it to train again from the start"
        ) from error
    _write_log(path.parent, lines)
    return passes, lines


def _write_log(out: Path, lines: Sequence[str]) -> None:
    """Write all lines, since one may be missing where a training was killed."""
    write_file(out / _LOG, "".join(f"{line}\n" for line in lines).encode(), durable=False)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return printable(", ".join(names[:_NAMES_SHOWN])) + more
