"""Fine-tuning the dense detectors of Ultralytics, with negatives that count."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from negmine.detectors.ultralytics.loading import channels_of, one_line, open_model
from negmine.detectors.ultralytics.quiet import no_training_files, quiet_ultralytics, tracked_ultralytics
from negmine.errors import ConfigError, NegmineError, TrainingError, WeightsError
from negmine.paths import printable
from negmine.training.base import OnSteps, TrainingSet
from negmine.training.calibration import Calibration
from negmine.training.config import TrainConfig
from negmine.training.losses import Family, use_of
from negmine.training.schedule import OneTraining, Schedule
from negmine.training.ultralytics.trackers import tracker_errors

if TYPE_CHECKING:
    from torch import Tensor
    from ultralytics import YOLO

    from negmine.training.ultralytics.engine import Job

# Ultralytics' own defaults are for training from published weights for a hundred epochs. Its warm-up begins with a
# learning rate of 0.1 for the biases, which alone took a tuned detector from mAP50 0.84 to 0.003 in an epoch, and its
# nominal batch of 64 gathers four batches of 16 into one step, which leaves a short training with too few of them.
FINE_TUNING: Mapping[str, object] = MappingProxyType(
    {
        "optimizer": "AdamW",  # `auto` ignores `lr0`; see `fine_tuning_rate`
        "lrf": 0.1,
        "cos_lr": True,
        "warmup_epochs": 0.0,
        "warmup_bias_lr": 0.0,  # for who sets a warm-up: from 0, as all other rates
        "mosaic": 0.0,  # a mosaic of four shows hardly an image without objects
        "close_mosaic": 0,
        "val": False,
        "plots": False,
    }
)
_MOST_RATE = 0.0005
_IMGSZ = 640  # of weights that do not say
_DONE = "trained.pt"
_NAMES_SHOWN = 10
# Settings that are words. Any other text may name a file or an address.
_WORDS = frozenset("amp auto_augment cache compile copy_paste_mode optimizer".split())
_OPTIMIZERS = ("sgd", "adam", "adamax", "adamw", "nadam", "radam", "rmsprop", "musgd", "auto")


class UltralyticsTrainer(OneTraining):
    """Trains what `YOLO(weights).train(...)` does, with the classification loss of `config` in place of its own.

    Ultralytics' log files, `results.csv`, `args.yaml` and checkpoints are in the training's folder, and every argument
    of its training can be set through `config.settings`. It trains on one device.
    """

    def __init__(self, config: TrainConfig) -> None:
        if "," in config.device:
            raise ConfigError(f"expected one device to train on, found {config.device!r}; name one of them")
        for name, value in config.settings.items():
            if not _is_number(value) and not (name in _WORDS and isinstance(value, str)):
                raise ConfigError(
                    f"expected {name} to be a number, true or false in --set, found {value!r}, which may name a file "
                    "that would be opened unchecked"
                )
        super().__init__(config)

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        """Open the weights, and see that they are a detector of these classes that can take the loss.

        Raises:
            WeightsError: for weights that are missing, exported, no plain detector's, of other classes, or of a family
                that cannot take the loss.
            UnsafeWeightsError: for a pickle that would run foreign code.
            ConfigError: for a setting that Ultralytics does not have.
        """
        use_of(self._config.loss, Family.ULTRALYTICS, printable(weights))
        with quiet_ultralytics():
            model = self._open(weights)
            found = [str(name) for _, name in sorted(model.names.items())]
            if found != list(class_names):
                raise WeightsError(
                    f"{printable(weights)} has the classes {_shown(found)}, and the data {_shown(class_names)}; "
                    "train with the detector's own list of classes, in its order"
                )
            self._check_settings()

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        """Train in `out`; resumes a training that was killed there from the last steps that it kept.

        On a CPU it then ends with the weights that it would have had, unless `--set` asks for gradients over several
        batches (`nbs`) or for a mosaic, of which Ultralytics keeps nothing.

        Returns:
            The averaged weights after the last step: a checkpoint that plain Ultralytics opens.

        Raises:
            TrainingError: where the loss is NaN or infinite (with the images of that batch), memory or disk is full, or
                Ultralytics trained another network than that of the weights; or a tracker of `log` fails.
        """
        done = out / _DONE
        if done.is_file():
            return done
        with (
            tracked_ultralytics(self._config.log) as restore_threads,
            no_training_files(),
            _explained(out),
            tracker_errors(out),
        ):
            from negmine.training.states import RESUME, read_state
            from negmine.training.ultralytics.checkpoints import write_trained
            from negmine.training.ultralytics.engine import Job

            out.mkdir(parents=True, exist_ok=True)
            resume_file = out / RESUME
            schedule, state = self._schedule(data, steps), read_state(resume_file)
            if _passes_done(state, resume_file) < schedule.passes:
                job = Job(self._config, schedule, resume_file, state, restore_threads, on_steps)
                self._run(weights, data, out, job)
                state = read_state(resume_file)
            write_trained(self._open(weights), _averaged(state, resume_file), done)
            resume_file.unlink()
        return done

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        """Shift the class logits of every scale, and of both heads of an end-to-end model.

        What is found is the same, in the same order within a class, and plain Ultralytics opens the result. Where
        classes have different shifts, the best class of a place may be another than before.

        Raises:
            WeightsError: for weights that are no dense detector.
            TrainingError: where the file cannot be written.
        """
        with quiet_ultralytics(), _explained(calibrated.parent):
            from negmine.training.ultralytics.checkpoints import calibrate_weights

            calibrate_weights(self._open(weights), calibration, calibrated, printable(weights))

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        """Write the average of checkpoints of one architecture, of which the first is one that `train` returned.

        Raises:
            WeightsError: for weights that cannot be opened.
            TrainingError: where they differ in their tensors, or the average cannot be written.
        """
        with quiet_ultralytics(), _explained(averaged.parent):
            from negmine.training.averaging import average_tensors
            from negmine.training.ultralytics.checkpoints import write_trained

            models = [self._open(path) for path in checkpoints]
            tensors = average_tensors([model.model.state_dict() for model in models], shares)
            write_trained(models[0], tensors, averaged)

    def _run(self, weights: Path, data: TrainingSet, out: Path, job: Job) -> None:
        """Train the passes that are not done; leaves the last whole state in `out`."""
        from negmine.training.ultralytics.engine import MixedTrainer, add_callbacks

        model = self._open(weights)
        data_yaml = data.write_lists(out, channels=channels_of(model.model))
        add_callbacks(model)
        _clear(out)
        arguments = self._arguments(
            data_yaml, out, job.schedule, imgsz=_trained_imgsz(model), classes=len(data.class_names)
        )
        trainer = MixedTrainer(
            job, overrides={**model.overrides, **arguments, "mode": "train"}, _callbacks=model.callbacks
        )
        trainer.model = trainer.get_model(weights=model.model, cfg=model.model.yaml)
        trainer.train()

    def _open(self, weights: Path) -> YOLO:
        """A detector that has everything a training needs."""
        if weights.suffix.lower() != ".pt":
            raise WeightsError(
                f"{printable(weights)} cannot be trained: expected a .pt checkpoint, found an exported model; name the "
                "checkpoint that it was exported from"
            )
        model = open_model(weights, trusted=self._config.trust_weights)
        if model.task != "detect":
            raise WeightsError(
                f"{printable(weights)} is a model for the task {model.task!r}; negmine trains detectors, whose labels "
                "are boxes alone"
            )
        family = type(model.model).__name__
        if family != "DetectionModel":
            raise WeightsError(
                f"{printable(weights)} is a {family}, which negmine does not train; use a detector of the families "
                "v5u, v8, v9, 10, 11, 12 or 26"
            )
        return model

    def _arguments(
        self, data_yaml: Path, out: Path, schedule: Schedule, *, imgsz: int = _IMGSZ, classes: int = 1
    ) -> dict[str, object]:
        """All that Ultralytics is told; `imgsz` and `classes` are those of the weights."""
        config = self._config
        assert config.batch is not None  # `open_trainer` has chosen one
        ours = {
            "data": str(data_yaml),
            "save_dir": str(out),
            "epochs": schedule.passes,
            "imgsz": config.imgsz or imgsz,
            "batch": config.batch,
            "nbs": config.batch,  # a step for every batch
            "device": None if config.device == "auto" else config.device,
            "seed": config.seed,
            "workers": config.workers,
        }
        return {**FINE_TUNING, "lr0": fine_tuning_rate(classes), **ours, **config.settings}

    def _check_settings(self) -> None:
        from ultralytics.cfg import DEFAULT_CFG_DICT, get_cfg

        unknown = sorted(set(self._config.settings) - set(DEFAULT_CFG_DICT))
        if unknown:
            raise ConfigError(
                f"Ultralytics has no training argument {', '.join(unknown)}; its documentation lists them under Train"
            )
        try:
            arguments = get_cfg(overrides=self._arguments(Path("data.yaml"), Path("out"), Schedule(1, 1)))
        except (TypeError, ValueError, SyntaxError) as error:
            raise ConfigError(f"Ultralytics refuses a training argument: {one_line(error)}") from error
        if str(arguments.optimizer).lower() not in _OPTIMIZERS:
            raise ConfigError(
                f"expected an optimizer of {', '.join(_OPTIMIZERS)}, found {arguments.optimizer!r} in --set optimizer"
            )


def fine_tuning_rate(classes: int) -> float:
    """The learning rate of AdamW for a detector of so many classes.

    The smaller of 0.0005, which had the fewest false positives of the rates tried on detectors of one class, and the
    rate that Ultralytics gives AdamW from the number of classes, 0.01 / (4 + classes): at four times that, a detector
    of 80 classes lost 0.09 of its mAP50.

    Args:
        classes: 1 or more.
    """
    return min(_MOST_RATE, round(0.01 / (4 + classes), 6))


def _is_number(value: object) -> bool:
    """Whether a value names nothing: a number, a list of numbers, a flag or None."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_number, value))
    return value is None or isinstance(value, (bool, int, float))


def _trained_imgsz(model: YOLO) -> int:
    size = model.overrides.get("imgsz")
    return size if isinstance(size, int) else _IMGSZ


def _passes_done(state: Mapping[str, Any] | None, where: Path) -> int:
    """The whole passes behind the state of a killed training; 0 where there is none."""
    if state is None:
        return 0
    passes = state.get("passes")
    if type(passes) is not int or passes < 1:
        raise TrainingError(f"{printable(where)} is damaged; remove it to train again from the start")
    return passes


def _averaged(state: Mapping[str, Any] | None, where: Path) -> Mapping[str, Tensor]:
    """The moving average of the weights."""
    tensors = None if state is None else state.get("ema")
    if not isinstance(tensors, dict):
        raise TrainingError(f"{printable(where)} is damaged; remove it to train again from the start")
    return tensors


def _clear(out: Path) -> None:
    """Remove what Ultralytics wrote before a kill: it would open checkpoints there, and write through links."""
    for path in out.iterdir():
        if path.is_symlink():
            path.unlink()
    shutil.rmtree(out / "weights", ignore_errors=True)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """Turn an error of the machine or of Ultralytics into one line."""
    try:
        yield
    except NegmineError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "free some space" if full else "fix this"
        where = printable(error.filename) if error.filename else printable(out)
        raise TrainingError(f"{where}: {error.strerror or error}; {advice}, then continue with --resume") from error
    except (RuntimeError, ValueError, TypeError) as error:  # NotImplementedError is a RuntimeError
        if "out of memory" in str(error).lower():
            raise TrainingError("the training ran out of memory; use a smaller --batch or --imgsz") from error
        raise TrainingError(
            f"Ultralytics stopped the training in {printable(out)}: {one_line(error)}; look at what --set asks for"
        ) from error


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return printable(", ".join(names[:_NAMES_SHOWN])) + more
