"""Evaluate detectors side by side: what they find, what they miss, and how often they fire where nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from negmine.detectors.base import Detector, imgsz_warning
from negmine.detectors.config import Backend, DetectorConfig, OnnxLayout, PredictionsConfig
from negmine.detectors.open import is_onnx, open_detector
from negmine.detectors.samples import Samples, samples_of
from negmine.errors import ConfigError, SourceError
from negmine.evaluating.checks import Check
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalData, open_data
from negmine.evaluating.figures import ModelFigures, curve_of, figures, recall_at
from negmine.evaluating.findings import (
    EvalFinding,
    lacking_finding,
    opened_above,
    predicted_above,
    with_targets_finding,
)
from negmine.evaluating.match import EvalImages, Evidence, OnCount, collect_each
from negmine.evaluating.names import distinct_names
from negmine.evaluating.plot import require_picture_path, write_picture
from negmine.evaluating.result import EvalResult
from negmine.paths import printable

Weights = str | Path | DetectorConfig | PredictionsConfig | Detector
_DETECTOR = DetectorConfig(weights="")


def evaluate(
    weights: Weights | Sequence[Weights],
    data: str | Path,
    *,
    split: str | None = None,
    backgrounds: str | Path | Sequence[str | Path] = (),
    config: EvalConfig | None = None,
    iou: float | None = _DETECTOR.iou,
    imgsz: int | None = _DETECTOR.imgsz,
    batch: int | None = _DETECTOR.batch,
    device: str = _DETECTOR.device,
    trust_weights: bool = _DETECTOR.trust_weights,
    onnx_layout: OnnxLayout | None = _DETECTOR.onnx_layout,
    class_names: str | None = _DETECTOR.class_names,
    backend: Backend = "torch",
    int8: bool = _DETECTOR.int8,
    fail_if: Sequence[str] = (),
    picture: str | Path | None = None,
    on_progress: OnCount | None = None,
) -> EvalResult:
    """Measure one or several detectors on the same images.

    The first one's recall at `config.conf` is the recall that all are compared at. Each is run once, down to
    `config.floor`; all figures are derived from that.

    Args:
        weights: detectors, the settings to open them with, predictions, or weights; of settings, conf is not used.
        data: labelled images: Pascal VOC, YOLO or COCO.
        split: of the data; `val` where None, else `test`, else everything in it.
        backgrounds: sources of images without targets.
        config: thresholds, and which classes are judged.
        iou, imgsz, batch, device, trust_weights: how weights are opened, as in `DetectorConfig`.
        onnx_layout, class_names: the same, for those of the weights that are ONNX files.
        backend, int8: the same, for those that are checkpoints of Ultralytics; torch, so that the figures are those of
            the weights themselves. Settings that leave the backend to be chosen are measured with torch too.
        fail_if: checks that no model may meet, such as `fppi_at_recall>0.1`; of several models the first is what the
            others are compared with, and is not checked.
        picture: a PNG file for the curves of miss rate against false positives per image.
        on_progress: called with how many images are done, of how many.

    Raises:
        ConfigError: for a setting, check or picture that cannot be.
        WeightsError: where weights cannot be opened.
        PredictionsError: where predictions cannot be read, or are of images that are not measured on.
        TruthError: where the data cannot be opened, or shares no class with a detector.
        SourceError: where images are missing, or none of them can be used.
    """
    checks = [Check.parse(text) for text in fail_if]
    config = config or EvalConfig()
    picture = None if picture is None else Path(picture)
    if picture is not None:
        require_picture_path(picture)
    sources = [backgrounds] if isinstance(backgrounds, str | Path) else list(backgrounds)
    base = DetectorConfig("", conf=config.floor, iou=iou, imgsz=imgsz, batch=batch, device=device)
    base = replace(base, trust_weights=trust_weights, onnx_layout=onnx_layout, class_names=class_names)
    base = replace(base, backend="auto" if int8 and backend == "torch" else backend, int8=int8)
    images = open_data(data, split=split, backgrounds=sources)
    samples = samples_of([*images.labelled, *images.backgrounds])
    detectors = _opened(weights, base, samples)
    for detector in detectors:
        detector.check_paths([*images.labelled, *images.backgrounds, *images.with_targets])
    evidences = collect_each(detectors, _measured(images), config, on_progress)
    _require_images(images, evidences[0], sources)
    evidences = [
        replace(evidence, name=name)
        for evidence, name in zip(evidences, distinct_names(list(map(_named, _as_list(weights)))), strict=True)
    ]
    models = _compared(evidences, config)
    if picture is not None:
        curves = [curve_of(evidence) for evidence in evidences]
        write_picture(picture, [model.name for model in models], curves, [model.lamr for model in models])
    return EvalResult(
        data=Path(data),
        format=images.dataset.format_name,
        split=images.split,
        backgrounds=sum(image.background for image in evidences[0].images),
        empty=sum(image.without_targets and not image.background for image in evidences[0].images),
        models=models,
        skipped=evidences[0].skipped,
        findings=_findings(images, detectors, evidences, config),
        failures=tuple(failure for check in checks for failure in check.failures(models[1:] or models)),
        picture=picture,
    )


def _as_list(weights: Weights | Sequence[Weights]) -> list[Weights]:
    return list(weights) if isinstance(weights, Sequence) and not isinstance(weights, str) else [weights]


def _opened(weights: Weights | Sequence[Weights], base: DetectorConfig, samples: Samples) -> list[Detector]:
    """All detectors, before the first one runs, so that what is wrong with the last is known at once."""
    wanted = _as_list(weights)
    if not wanted:
        raise ConfigError("expected weights of at least one detector, found none; name a file")
    _require_onnx([str(each) for each in wanted if isinstance(each, str | Path)], base)
    return [_open(each, base, samples) for each in wanted]


def _require_onnx(weights: Sequence[str], base: DetectorConfig) -> None:
    """Refuse what describes ONNX files where there is none to describe."""
    if base.onnx_layout is not None and not any(map(is_onnx, weights)):
        raise ConfigError("onnx_layout is for .onnx files, found none among the weights; leave --onnx-layout out")
    if base.class_names is not None and base.onnx_layout is None:
        raise ConfigError("expected class_names with an onnx_layout, or with predictions; other weights name their own")


def _open(weights: Weights, base: DetectorConfig, samples: Samples) -> Detector:
    if isinstance(weights, str | Path):
        if not is_onnx(str(weights)):
            base = replace(base, onnx_layout=None, class_names=None)
        return open_detector(replace(base, weights=str(weights)), samples)
    if isinstance(weights, DetectorConfig) and weights.backend == "auto" and not weights.int8:
        weights = replace(weights, backend="torch")
    if isinstance(weights, DetectorConfig | PredictionsConfig):
        return open_detector(replace(weights, conf=base.conf), samples)
    return weights


def _named(weights: Weights) -> Path:
    """What a model is called in full: its path, or the name of what has none."""
    if isinstance(weights, DetectorConfig):
        weights = weights.weights
    if isinstance(weights, PredictionsConfig):
        weights = weights.predictions
    return Path(weights) if isinstance(weights, str | Path) else Path(weights.identity.name)


def _measured(images: EvalData) -> EvalImages:
    return EvalImages(images.labelled, images.dataset.truth, images.backgrounds)


def _require_images(images: EvalData, evidence: Evidence, sources: Sequence[str | Path]) -> None:
    """Refuse to give figures of nothing.

    Raises:
        SourceError: where no labelled image, or no background although some were named, could be used.
    """
    reasons = [f"{printable(each.source)}: {printable(each.reason)}" for each in evidence.skipped]
    if all(image.background for image in evidence.images):
        where = f"{printable(images.dataset.path)}, split {printable(images.split)}"
        raise SourceError(
            f"{where}: expected labelled images, found none that can be used of {len(images.labelled)}"
            + (f"; {reasons[0]}" if images.labelled and reasons else "; name another split or data set")
        )
    if sources and not any(image.background for image in evidence.images):
        raise SourceError(
            "expected backgrounds that are readable and no pictures of the data, found none of "
            f"{len(images.backgrounds) + len(images.with_targets)}; name others with --backgrounds, or leave it out"
        )


def _compared(evidences: Sequence[Evidence], config: EvalConfig) -> tuple[ModelFigures, ...]:
    """The figures of all at the recall of the first."""
    at_recall = recall_at(evidences[0], config.conf)
    return tuple(figures(evidence, config, at_recall=at_recall) for evidence in evidences)


def _findings(
    images: EvalData, detectors: Sequence[Detector], evidences: Sequence[Evidence], config: EvalConfig
) -> tuple[EvalFinding, ...]:
    return (
        *with_targets_finding(images.with_targets),
        *evidences[0].findings,
        *(finding for each in evidences for finding in lacking_finding(each.name, each.lacking)),
        *(
            finding
            for each, detector in zip(evidences, detectors, strict=True)
            for finding in opened_above(each.name, detector.identity.settings.get("conf"), config.floor)
        ),
        *(
            finding
            for each, detector in zip(evidences, detectors, strict=True)
            for finding in predicted_above(each.name, detector.lowest_score, config.floor)
        ),
        *(EvalFinding("backend", note) for detector in detectors for note in detector.notes),
        *(EvalFinding("other-size", warning) for warning in map(imgsz_warning, detectors) if warning is not None),
    )
