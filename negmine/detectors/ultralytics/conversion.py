"""From a checkpoint to a converted model that may be used: converted once, and compared with the checkpoint.

Both are kept, so that the next run opens the converted model alone, without torch, in a fraction of the time.
A conversion that finds other things than the checkpoint is not used, whatever was asked for. With 8-bit weights that is
what was asked for, so it is only said.
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from negmine.detectors.base import Detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.packages import version_of
from negmine.detectors.parity import FAINT, LOWEST_SCORE, Agreement, agreement, differences_in_words
from negmine.detectors.samples import Samples
from negmine.detectors.ultralytics.cache import ConvertedFile, fingerprint, kept_parts
from negmine.detectors.ultralytics.checkpoint import Checkpoint, identifying_settings, imgsz_of
from negmine.detectors.ultralytics.converted import ConvertedDetector, Runner
from negmine.detectors.ultralytics.detector import UltralyticsDetector
from negmine.detectors.ultralytics.loading import one_line
from negmine.detectors.ultralytics.quiet import quiet_ultralytics
from negmine.detectors.weights_files import hash_weights
from negmine.errors import NegmineError, WeightsError
from negmine.paths import printable
from negmine.structures import Image

_COMPARED, _COMPARED_INT8 = 4, 16  # images
_CHECKPOINT = "checkpoint.json"  # the part of a converted model that says what it is of

Parts = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to run a checkpoint.

    Attributes:
        name: of the backend.
        package: that runs it.
        convert: from the checkpoint's fused module to the parts of a converted model.
        load: those parts, ready to run.
        settings: from the parts to what the identity says of it.
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


def kept_checkpoint(path: Path) -> Checkpoint | None:
    """What an earlier run noted of a checkpoint when it converted it, for whatever runtime; None where none did.

    Raises:
        WeightsError: where the checkpoint cannot be read.
    """
    sha256 = hash_weights(path)
    for data in kept_parts(sha256, _CHECKPOINT):
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            return Checkpoint.from_bytes(data, path.name, sha256)
    return None


def open_kept(checkpoint: Checkpoint, config: DetectorConfig, runtime: Runtime) -> Detector | None:
    """Open what an earlier run has converted and compared; None where there is no such thing, or it is damaged.

    Nothing is unpickled, so that weights need not be trusted for it.

    Args:
        checkpoint: what was converted.
        config: what was asked for.
        runtime: what it was converted for.

    Raises:
        ConfigError: for a class that the model lacks.
    """
    file = _file(checkpoint.sha256, runtime)
    parts = file.read()
    if parts is None or parts.get(_CHECKPOINT) != checkpoint.to_bytes():
        return None
    said = file.findings(fingerprint(parts)).get(_asked(config, checkpoint))
    if said is None:
        return None
    try:
        runner = runtime.load(parts)
    except Exception:  # every runtime has its own
        return None
    detector = ConvertedDetector(checkpoint, config, runner, runtime.settings(parts), runtime.package)
    if runtime.lossy:
        detector.note(_lossy_note(detector, said, file))
    return detector


def open_converted(
    original: UltralyticsDetector, config: DetectorConfig, runtime: Runtime, samples: Samples | None
) -> Detector:
    """Open the converted model of a checkpoint, or give back the original where it finds other things.

    Args:
        original: opened with `config`.
        config: what was asked for.
        runtime: what to convert it for.
        samples: the user's images; None where there are none to compare on.

    Raises:
        WeightsError: where it cannot be converted.
    """
    file = _file(original.identity.sha256, runtime)
    parts, runner = _loaded(original, file, runtime)
    made = _Made(original, config, runtime, file, parts, runner)
    return made.described(samples) if runtime.lossy else made.compared(samples)


def _file(sha256: str, runtime: Runtime) -> ConvertedFile:
    made_by = {
        "backend": runtime.name,
        "ultralytics": version_of("ultralytics"),
        runtime.package: version_of(runtime.package),
        **runtime.depends_on,
    }
    return ConvertedFile.of(sha256, made_by)


def _loaded(original: UltralyticsDetector, file: ConvertedFile, runtime: Runtime) -> tuple[Parts, Runner]:
    """The model from its file, or converted now where the file is missing or cannot be used."""
    kept = file.read()
    if kept is not None and kept.get(_CHECKPOINT) == original.checkpoint.to_bytes():
        with contextlib.suppress(Exception):  # whole, and still no model: every runtime has its own errors
            return kept, runtime.load(kept)
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
            f"the weights as converted for {runtime.name} cannot be kept in {where} ({why}): each run converts"
        )
    return parts, runner


@dataclass(frozen=True, slots=True)
class _Made:
    """A converted model beside its original."""

    original: UltralyticsDetector
    config: DetectorConfig
    runtime: Runtime
    file: ConvertedFile
    parts: Parts
    runner: Runner

    def compared(self, samples: Samples | None) -> Detector:
        """The converted model where it finds what the original does, which is noted; else the original."""
        detector, sha256 = self._detector(), fingerprint(self.parts)
        asked = _asked(self.config, self.original.checkpoint)
        if asked in self.file.findings(sha256):
            return detector
        name = printable(detector.identity.name)
        if samples is None:
            detector.note(f"{name} runs on {self.runtime.name} and was not compared with the weights: no images for it")
            return detector
        images = list(samples(_COMPARED))
        result = self._agreement(images, LOWEST_SCORE)
        if not result.compared and result.difference is None:
            result = self._agreement(images, FAINT)
        if result.difference is not None:
            where = f"; delete {printable(self.file.path)} to convert it anew" if self.file.path else ""
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
            self.file.note(sha256, asked, f"the same {result.compared} detections as torch")
        return detector

    def described(self, samples: Samples | None) -> Detector:
        """The converted model, which says how much it differs."""
        detector, sha256 = self._detector(), fingerprint(self.parts)
        asked = _asked(self.config, self.original.checkpoint)
        said = self.file.findings(sha256).get(asked)
        if said is None and samples is not None:
            images = list(samples(_COMPARED_INT8))
            said = differences_in_words(self.original.predict(images), detector.predict(images))
            self.file.note(sha256, asked, said)
        said = said or "it was not compared with the weights: no images for it"
        detector.note(_lossy_note(detector, said, self.file))
        return detector

    def _detector(self) -> ConvertedDetector:
        settings = self.runtime.settings(self.parts)
        detector = ConvertedDetector(self.original.checkpoint, self.config, self.runner, settings, self.runtime.package)
        detector.note(*self.original.notes)
        return detector

    def _agreement(self, images: Sequence[Image], lowest: float) -> Agreement:
        config = replace(self.config, conf=min(self.config.conf, lowest))
        original = UltralyticsDetector(config)
        converted = ConvertedDetector(original.checkpoint, config, self.runner, {}, self.runtime.package)
        try:
            ours = converted.predict(images)
        except Exception as error:  # boxes that are no numbers, or whatever the runtime raises
            return Agreement(0, f"it fails with {one_line(error)}")
        return agreement(original.predict(images), ours, self.config.conf, lowest)


def _asked(config: DetectorConfig, checkpoint: Checkpoint) -> str:
    """What a comparison depends on, besides the model: the machine too, as folders are shared and CPUs differ."""
    settings = identifying_settings(config, imgsz_of(config, checkpoint.trained_imgsz))
    asked = {key: settings[key] for key in ("conf", "iou", "imgsz", "classes")}
    return json.dumps({**asked, "torch": version_of("torch"), "machine": platform.node()}, sort_keys=True)


def _lossy_note(detector: Detector, said: str, file: ConvertedFile) -> str:
    where = f"; delete {printable(file.path)} to calibrate it anew" if file.path else ""
    return f"{printable(detector.identity.name)} runs with 8-bit weights: {said}{where}"
