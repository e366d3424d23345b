"""Converted checkpoints of Ultralytics: converted once, compared with the checkpoint, kept, and run without torch.

A conversion that finds other things than the checkpoint is not used, whatever was asked for. 8-bit weights are expected
to, so there the user is only told.
"""

from __future__ import annotations

import contextlib
import json
import platform
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from negmine.boxes import clip_boxes
from negmine.detectors.base import (
    BaseDetector,
    Detector,
    DetectorIdentity,
    OnStep,
    silent,
    usable,
    version_of,
    versions_of,
)
from negmine.detectors.class_names import wanted_classes
from negmine.detectors.config import DetectorConfig
from negmine.detectors.letterbox import letterbox, scale_boxes, whole_strides
from negmine.detectors.nms import Rows, nms_raw, top_scores
from negmine.detectors.parity import LOWEST_NOISE, LOWEST_SCORE, Parity, compare, describe_differences
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.cache import ConvertedFile, fingerprint, kept_parts
from negmine.detectors.ultralytics.checkpoint import Checkpoint, identifying_settings, imgsz_of, iou_of
from negmine.detectors.ultralytics.detector import MOST_DETECTIONS, UltralyticsDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.weights_files import hash_weights
from negmine.errors import NegmineError, WeightsError
from negmine.paths import printable
from negmine.structures import Detections, Image

_COMPARED, _COMPARED_INT8 = 4, 16  # images
_CHECKPOINT = "checkpoint.json"  # the part of a converted model that describes its checkpoint

Parts = Mapping[str, bytes]


class Runner(Protocol):
    """A converted model that is loaded, and runs several images at once."""

    @property
    def at_once(self) -> int:
        """How many images `run` works best on."""

    def run(self, inputs: Iterable[Image]) -> Iterator[Rows]:
        """Run each letterboxed image on its own, [H, W, 3] uint8 BGR, both sides multiples of 32; in order.

        Inputs are taken ahead of the outputs. An output is valid until the next one is asked for.
        """


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to run a converted checkpoint.

    Attributes:
        name: of the backend.
        package: that runs it.
        convert: from the checkpoint's fused module to the parts of a converted model.
        load: those parts, ready to run.
        settings: from the parts to what joins the settings of the identity.
        depends_on: what else the conversion depends on.
        lossy: it is expected to find other things than the checkpoint.
    """

    name: str
    package: str
    convert: Callable[[Any], Parts]
    load: Callable[[Parts], Runner]
    settings: Callable[[Parts], Mapping[str, object]]
    lossy: bool = False
    depends_on: Mapping[str, str] = field(default_factory=dict)


class ConvertedDetector(BaseDetector):
    """Runs a converted model between a letterbox and an NMS that are Ultralytics' to the last digit.

    The result for an image does not depend on the others, bit for bit: no two images share a run.
    """

    def __init__(
        self, checkpoint: Checkpoint, config: DetectorConfig, runner: Runner, settings: Mapping[str, object],
        runtime: str,
    ) -> None:  # fmt: skip
        """Run a converted model.

        Args:
            checkpoint: that was converted.
            config: what was asked for.
            runner: of the converted model.
            settings: what makes its detections different from the checkpoint's.
            runtime: the package that runs it.

        Raises:
            ConfigError: for a class that the model does not have.
        """
        imgsz = imgsz_of(config, checkpoint.trained_imgsz)
        self._checkpoint, self._runner = checkpoint, runner
        self._given_up, self._running = threading.Event(), threading.Lock()  # one call at a time, on all cores
        self._imgsz, self._conf, self._iou = whole_strides(imgsz), config.conf, iou_of(config)
        self._class_names = checkpoint.class_names
        self._class_ids = wanted_classes(config.classes, checkpoint.class_names)
        self._device = "cpu"
        self._batch_size = config.batch or runner.at_once
        self._identity = DetectorIdentity(
            name=checkpoint.name,
            sha256=checkpoint.sha256,
            settings={**identifying_settings(config, imgsz), **settings},
            versions=versions_of("torch", "ultralytics", runtime),
        )

    @property
    def trained_imgsz(self) -> int | None:
        """The input size that the checkpoint was trained at, pixels; None if unknown."""
        return self._checkpoint.trained_imgsz

    def predict(self, images: Sequence[Image], paths: Sequence[Path] | None = None) -> list[Detections]:
        """Detect in each image.

        Raises:
            BoxError: where the model gave boxes or scores that are not finite.
            InterruptedError: where another thread calls `give_up` meanwhile.
        """
        sizes_hw: list[tuple[int, int]] = []

        def inputs() -> Iterator[Image]:
            for image in images:
                if self._given_up.is_set():
                    raise InterruptedError
                padded = letterbox(image, self._imgsz)
                sizes_hw.append((padded.shape[0], padded.shape[1]))
                yield padded

        with self._running, contextlib.closing(self._runner.run(inputs())) as outputs:  # type: ignore[type-var]
            self._given_up.clear()
            return [
                self._detections(output[0], sizes_hw[index], images[index].shape)
                for index, output in enumerate(outputs)
            ]

    def give_up(self) -> None:
        """Make a running `predict` start no further image, and raise InterruptedError."""
        self._given_up.set()

    def _detections(self, output: Rows, input_hw: tuple[int, int], shape: tuple[int, ...]) -> Detections:
        """From raw output to boxes in pixels of the image, as Ultralytics' predictor does."""
        if self._checkpoint.end2end:
            rows = top_scores(output, self._conf, self._class_ids, MOST_DETECTIONS)
        else:
            rows = nms_raw(output, self._conf, self._iou, self._class_ids, MOST_DETECTIONS)
        boxes = clip_boxes(scale_boxes(rows[:, :4], input_hw, shape).astype(np.float64), (shape[1], shape[0]))
        return usable(Detections(boxes, rows[:, 4].astype(np.float64), rows[:, 5].astype(np.int64)))


def kept_checkpoint(path: Path) -> Checkpoint | None:
    """The description of a checkpoint that an earlier run converted, for any runtime; None where none did.

    Raises:
        WeightsError: where the checkpoint cannot be read.
    """
    sha256 = hash_weights(path)
    for data in kept_parts(sha256, _CHECKPOINT):
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            return Checkpoint.from_bytes(data, path.name, sha256)
    return None


def open_kept(checkpoint: Checkpoint, config: DetectorConfig, runtime: Runtime) -> Detector | None:
    """Open what an earlier run converted and compared; None where there is no such model, or it is damaged.

    Nothing is unpickled, so the weights need not be trusted.

    Args:
        checkpoint: that was converted.
        config: what was asked for.
        runtime: what it was converted for.

    Raises:
        ConfigError: for a class that the model does not have.
    """
    file = _file(checkpoint.sha256, runtime)
    parts = file.read()
    if parts is None or parts.get(_CHECKPOINT) != checkpoint.to_bytes():
        return None
    finding = file.findings(fingerprint(parts)).get(_comparison_key(config, checkpoint))
    if finding is None:
        return None
    try:
        runner = runtime.load(parts)
    except Exception:  # every runtime has its own
        return None
    detector = ConvertedDetector(checkpoint, config, runner, runtime.settings(parts), runtime.package)
    if runtime.lossy:
        detector.note(_lossy_note(detector, finding, file))
    return detector


def open_converted(
    original: UltralyticsDetector,
    config: DetectorConfig,
    runtime: Runtime,
    samples: Samples | None,
    on_step: OnStep = silent,
) -> Detector:
    """Open the converted model of a checkpoint, or return the original where the converted one finds other things.

    Args:
        original: opened with `config`.
        config: what was asked for.
        runtime: what to convert it for.
        samples: the user's images; None where there are none to compare on.
        on_step: told that it is converted, and compared.

    Raises:
        WeightsError: where it cannot be converted.
    """
    file = _file(original.identity.sha256, runtime)
    parts, runner = _loaded(original, file, runtime, on_step)
    comparison = _Comparison(original, config, runtime, file, parts, runner, on_step)
    return comparison.described(samples) if runtime.lossy else comparison.checked(samples)


def _file(sha256: str, runtime: Runtime) -> ConvertedFile:
    made_by = {
        "backend": runtime.name,
        "ultralytics": version_of("ultralytics"),
        runtime.package: version_of(runtime.package),
        **runtime.depends_on,
    }
    return ConvertedFile.of(sha256, made_by)


def _loaded(
    original: UltralyticsDetector, file: ConvertedFile, runtime: Runtime, on_step: OnStep
) -> tuple[Parts, Runner]:
    """The model from its file, or converted now where the file is missing or damaged."""
    kept = file.read()
    if kept is not None and kept.get(_CHECKPOINT) == original.checkpoint.to_bytes():
        with contextlib.suppress(Exception):  # whole, and still not a model: every runtime has its own errors
            return kept, runtime.load(kept)
    on_step(f"converting {printable(original.identity.name)} for {runtime.name}, once")
    try:
        with quiet_ultralytics():
            parts = {**runtime.convert(original.module), _CHECKPOINT: original.checkpoint.to_bytes()}
        runner = runtime.load(parts)
    except NegmineError:
        raise
    except Exception as error:
        raise WeightsError(
            f"{printable(original.identity.name)} cannot be converted for {runtime.name}: {one_line(error)}; use "
            "--backend torch"
        ) from error
    why = file.write(parts)
    if why is not None:
        where = printable(file.path.parent) if file.path else "the user's cache folder"
        original.note(
            f"the weights as converted for {runtime.name} cannot be kept in {where} ({why}): each run converts again"
        )
    return parts, runner


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A converted model beside its original."""

    original: UltralyticsDetector
    config: DetectorConfig
    runtime: Runtime
    file: ConvertedFile
    parts: Parts
    runner: Runner
    on_step: OnStep

    def checked(self, samples: Samples | None) -> Detector:
        """The converted model where it finds the same as the original, which is noted; else the original."""
        detector, sha256 = self._detector(), fingerprint(self.parts)
        key = _comparison_key(self.config, self.original.checkpoint)
        if key in self.file.findings(sha256):
            return detector
        name = printable(detector.identity.name)
        if samples is None:
            detector.note(f"{name} runs on {self.runtime.name} and was not compared with the weights: no images for it")
            return detector
        self.on_step(f"comparing {self.runtime.name} with torch on {name}, once")
        images = list(samples(_COMPARED))
        result = self._parity(images, LOWEST_SCORE)
        if not result.compared and result.difference is None:
            result = self._parity(images, LOWEST_NOISE)
        if result.difference is not None:
            where = f"; delete {printable(self.file.path)} to convert it again" if self.file.path else ""
            self.original.note(
                f"warning: {name} does not find the same on {self.runtime.name} as on torch ({result.difference}), so "
                f"torch is used, which is slower{where}"
            )
            return self.original
        if not result.compared:
            detector.note(
                f"{name} runs on {self.runtime.name}, and nothing was found in {len(images)} images to compare"
            )
        else:
            self.file.note(sha256, key, f"the same {result.compared} detections as torch")
        return detector

    def described(self, samples: Samples | None) -> Detector:
        """The converted model, with a note of how much it differs."""
        detector, sha256 = self._detector(), fingerprint(self.parts)
        key = _comparison_key(self.config, self.original.checkpoint)
        finding = self.file.findings(sha256).get(key)
        if finding is None and samples is not None:
            images = list(samples(_COMPARED_INT8))
            finding = describe_differences(self.original.predict(images), detector.predict(images))
            self.file.note(sha256, key, finding)
        finding = finding or "it was not compared with the weights: no images for it"
        detector.note(_lossy_note(detector, finding, self.file))
        return detector

    def _detector(self) -> ConvertedDetector:
        settings = self.runtime.settings(self.parts)
        detector = ConvertedDetector(self.original.checkpoint, self.config, self.runner, settings, self.runtime.package)
        detector.note(*self.original.notes)
        return detector

    def _parity(self, images: Sequence[Image], lowest: float) -> Parity:
        config = replace(self.config, conf=min(self.config.conf, lowest))
        converted = ConvertedDetector(self.original.checkpoint, config, self.runner, {}, self.runtime.package)
        try:
            ours = converted.predict(images)
        except Exception as error:  # boxes that are not finite, or anything that the runtime raises
            return Parity(0, f"it fails with {one_line(error)}")
        return compare(self.original.predict_from(config.conf, images), ours, self.config.conf, lowest)


def _comparison_key(config: DetectorConfig, checkpoint: Checkpoint) -> str:
    """What a comparison depends on, besides the model: the machine too, as folders are shared and CPUs differ."""
    settings = identifying_settings(config, imgsz_of(config, checkpoint.trained_imgsz))
    key = {name: settings[name] for name in ("conf", "iou", "imgsz", "classes")}
    return json.dumps({**key, "torch": version_of("torch"), "machine": platform.node()}, sort_keys=True)


def _lossy_note(detector: Detector, finding: str, file: ConvertedFile) -> str:
    where = f"; delete {printable(file.path)} to calibrate it again" if file.path else ""
    return f"{printable(detector.identity.name)} runs with 8-bit weights: {finding}{where}"
