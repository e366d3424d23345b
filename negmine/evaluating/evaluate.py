"""Evaluate detectors side by side: what they find, what they miss, and how often they fire where nothing is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from negmine.bank.shots import shots_of
from negmine.datasets.sizes import object_sizes
from negmine.detectors.base import Detector, imgsz_warning
from negmine.detectors.config import DetectorConfig, PredictionsConfig
from negmine.detectors.open import open_detector
from negmine.detectors.samples import samples_of
from negmine.errors import ConfigError, SourceError
from negmine.evaluating.checks import Check
from negmine.evaluating.choosing import Wanted, choose_thresholds, require_thresholds_path
from negmine.evaluating.config import EvalConfig
from negmine.evaluating.data import EvalData, open_data
from negmine.evaluating.figures import ModelFigures, coco_matches, curve_of, figures_at_equal_recall
from negmine.evaluating.findings import (
    EvalFinding,
    lacking_finding,
    opened_above,
    predicted_above,
    with_targets_finding,
)
from negmine.evaluating.image_scores import GroupOf, ImageScores
from negmine.evaluating.intervals import Difference, counted_groups, figure_samples, intervals_of_models
from negmine.evaluating.match import MatchedDetections
from negmine.evaluating.plot import require_plot_path, write_plot
from negmine.evaluating.predict import predict_and_match
from negmine.evaluating.resampled import ModelIntervals, model_intervals
from negmine.evaluating.result import EvalResult
from negmine.evaluating.with_thresholds import limits_of, moved_to, thresholds_findings
from negmine.grouping import GroupBy
from negmine.paths import printable
from negmine.terminal import count_progress
from negmine.tracking.config import LogTarget, sinks_alone
from negmine.tracking.log import Point, log_points, require_log
from negmine.videos.contents import OnCount

_LOG_FOLDER = "negmine-eval-log"  # of TensorBoard, where no other is named
DetectorLike = Detector | DetectorConfig | PredictionsConfig | str | Path


def evaluate(
    detectors: DetectorLike | Sequence[DetectorLike],
    data: str | Path | None = None,
    *,
    split: str | None = None,
    backgrounds: str | Path | Sequence[str | Path] = (),
    config: EvalConfig | None = None,
    fail_if: Sequence[str] = (),
    plot: str | Path | None = None,
    thresholds: str | Path | None = None,
    reach: str | None = None,
    log: Sequence[LogTarget] = (),
    on_progress: OnCount | None = None,
    progress: bool = False,
) -> EvalResult:
    """Measure one or several detectors on the same images.

    All are compared at the recall that the first one has at `config.conf`, and over a range of recalls that ends there,
    with an interval. Each runs once, down to `config.floor`, and all figures are derived from that.

    Args:
        detectors: each is a detector, the settings to open one with, predictions, or weights to open with the defaults.
            Of settings, `conf` is not used, and the backend `auto` is torch, unless `config.auto_backend` is set.
        data: labelled images: Pascal VOC, YOLO or COCO; None for backgrounds alone, which tell of false positives only.
        split: a split of the data; None for `val`, else `test`, else everything.
        backgrounds: sources of images without targets.
        config: thresholds, and which classes are judged.
        fail_if: conditions that no model may meet, such as `fppi_at_recall>0.1`. If there are several models, the first
            is the reference of the others and is not checked.
        plot: a PNG file to draw the curves of miss rate against false positives per image to.
        thresholds: a YAML file to write a score for each class to, that of the one detector.
        reach: what each class shall reach at that score, such as `fppi=0.1` or `precision=0.9`; None for the first FPPI
            of `config.at_fppi`.

        log: TensorBoard and MLflow to log the figures to; a model is a step.
        on_progress: called with the number of images done and of all images.
        progress: show a bar, in a terminal or a notebook, in place of calling `on_progress`.

    Raises:
        ConfigError: for a bad setting, check, plot file or file of thresholds; if there are no images to measure on.
        WeightsError: if weights cannot be opened.
        PredictionsError: if predictions cannot be read, or name images that are not evaluated.
        TruthError: if the data cannot be opened, or shares no class with a detector.
        SourceError: if images are missing, or none of them can be used.
    """
    if progress:
        with count_progress("images measured") as show:
            return evaluate(
                detectors, data, split=split, backgrounds=backgrounds, config=config, fail_if=fail_if, plot=plot,
                thresholds=thresholds, reach=reach, log=log, on_progress=show,
            )  # fmt: skip
    config = config or EvalConfig()
    checks = [Check.parse(text) for text in fail_if]
    plot = None if plot is None else Path(plot)
    if plot is not None:
        require_plot_path(plot)
        if data is None:
            raise ConfigError("a plot of miss rate needs labelled data, found backgrounds alone; leave the plot out")

    sinks_alone(log, "an evaluation has none")
    require_log(log)
    given = _as_list(detectors)
    wanted = _wanted(thresholds, reach, config, len(given))
    sources = [backgrounds] if isinstance(backgrounds, str | Path) else list(backgrounds)
    images = open_data(data, split=split, backgrounds=sources, labels=config.labels)
    group_of = _group_of([*images.labelled, *images.backgrounds], config)
    opened = _open_detectors(given, images, config)
    limits = [limits_of(detector.class_names, config) for detector in opened]
    of_all = images.images([detector.class_names for detector in opened])
    matched = predict_and_match(opened, of_all, config, on_progress)
    _require_images(images, matched[0], backgrounds_given=bool(sources))
    names = distinct_names([_path_or_name(each) for each in given])
    matched = [replace(each, name=name) for each, name in zip(matched, names, strict=True)]
    if config.thresholds is not None:
        matched = [
            moved_to(each, limit, detector.class_names, config)
            for each, limit, detector in zip(matched, limits, opened, strict=True)
        ]
    models, intervals, differences = _figures(matched, config, group_of)
    chosen = None
    if wanted is not None and thresholds is not None:
        chosen = choose_thresholds(matched[0], opened[0].class_names, wanted, Path(thresholds), config)
        chosen.write()
    if plot is not None:
        write_plot(plot, names, [curve_of(each) for each in matched], [model.lamr for model in models])
    result = EvalResult(
        data=None if data is None else Path(data),
        format=None if images.dataset is None else images.dataset.format_name,
        split=None if images.dataset is None else images.split,
        backgrounds=sum(image.background for image in matched[0].images),
        empty=sum(image.without_targets and not image.background for image in matched[0].images),
        models=models,
        intervals=intervals,
        differences=differences,
        skipped=matched[0].skipped,
        notes=images.notes,
        findings=_findings(images, opened, matched, config),
        failures=tuple(failure for check in checks for failure in check.failures(models[1:] or models)),
        plot=plot,
        thresholds=chosen,
    )
    log_points(log, "eval", [_point(number, each) for number, each in enumerate(models)], Path(_LOG_FOLDER))
    return result


def _point(number: int, model: ModelFigures) -> Point:
    """The figures of a model; its number is the step."""
    names = ("fppi", "fppi_at_recall", "recall", "precision", "map50", "map50_95", "lamr")
    return Point(number, {f"eval/{name}": getattr(model, name) for name in names})


def _figures(
    matched: Sequence[MatchedDetections], config: EvalConfig, group_of: GroupOf | None
) -> tuple[tuple[ModelFigures, ...], tuple[ModelIntervals, ...], tuple[Difference | None, ...]]:
    """The figures of each model with their intervals, and how each differs from the first; all in the same samples."""
    coco = [coco_matches(each) for each in matched]
    models = figures_at_equal_recall(matched, config, coco)
    scores = [ImageScores.of(each, conf=config.conf, group_of=group_of) for each in matched]
    weights, groups = figure_samples(scores[0], seed=config.seed), counted_groups(scores[0])
    at_recalls, differences = intervals_of_models(
        scores, weights, conf=config.conf, at_recall=models[0].at_recall, seed=config.seed
    )
    intervals = tuple(
        model_intervals(each, of_one, fppi, weights, groups, config, at_recall=models[0].at_recall)
        for each, of_one, fppi in zip(matched, coco, at_recalls, strict=True)
    )
    return models, intervals, differences


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The names of models in tables: file names, with as many parent folders as tell them apart, then with a number.

    So `a/weights/best.pt` and `b/weights/best.pt` stay as they are, and `x.pt` given twice is `x.pt` and `x.pt (2)`.
    """
    short = {path: _tail(path, 1) for path in paths}
    for parts in range(2, max((len(path.parts) for path in paths), default=0) + 1):
        count = Counter(short.values())
        short = {path: name if count[name] == 1 else _tail(path, parts) for path, name in short.items()}
    seen: Counter[str] = Counter()
    numbered = []
    for name in (short[path] for path in paths):
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return numbered


def _tail(path: Path, parts: int) -> str:
    return printable(Path(*path.parts[-parts:]))


def _group_of(paths: Sequence[Path], config: EvalConfig) -> GroupOf | None:
    """The group of an image; one whose path does not say is alone in it."""
    if config.group_by is None:
        return None
    by = GroupBy(config.group_by, shots_of(paths))
    by.require_match(paths)
    return lambda image: by.key(image.path) or image.sha256


def _wanted(thresholds: str | Path | None, reach: str | None, config: EvalConfig, models: int) -> Wanted | None:
    """What the thresholds shall reach; None where they are not asked for.

    Raises:
        ConfigError: for anything that they cannot be chosen with.
    """
    if thresholds is None:
        if reach is not None:
            raise ConfigError("expected --reach with --thresholds, found it alone; name the file to write")
        return None
    if models > 1:
        raise ConfigError(f"thresholds are those of one detector, found {models}; evaluate them one by one")
    if config.thresholds is not None:
        raise ConfigError("expected thresholds to be read or to be written, found both; leave one of them out")
    if reach is None and not config.at_fppi:
        raise ConfigError("expected what the thresholds shall reach, such as fppi=0.1, found nothing")
    require_thresholds_path(Path(thresholds))
    return Wanted.parse(reach or f"fppi={config.at_fppi[0]!r}")


def _as_list(detectors: DetectorLike | Sequence[DetectorLike]) -> list[DetectorLike]:
    given = list(detectors) if isinstance(detectors, Sequence) and not isinstance(detectors, str) else [detectors]
    if not given:
        raise ConfigError("expected at least one detector, found none; name its weights")
    return given


def _open_detectors(given: Sequence[DetectorLike], images: EvalData, config: EvalConfig) -> list[Detector]:
    """Open all detectors before the first one runs, so that a bad last one is known at once."""
    paths = [*images.labelled, *images.backgrounds]
    samples = samples_of(paths)
    opened = []
    for each in given:
        if isinstance(each, str | Path):
            each = DetectorConfig(str(each))
        if isinstance(each, DetectorConfig) and each.backend == "auto" and not (each.int8 or config.auto_backend):
            each = replace(each, backend="torch")
        if isinstance(each, DetectorConfig | PredictionsConfig):
            if each.thresholds is not None:
                raise ConfigError(
                    "thresholds of a detector would end its curve at them, found "
                    f"{printable(each.thresholds)}; give them to the EvalConfig"
                )
            dataset = images.dataset
            sizes = None if dataset is None else partial(object_sizes, dataset.truth, images.labelled)
            each = open_detector(replace(each, conf=config.floor), samples, sizes=sizes)
        opened.append(each)
    for detector in opened:
        detector.check_paths([*paths, *images.with_targets])
    return opened


def _path_or_name(detector: DetectorLike) -> Path:
    """The path of a detector's file, or the name of a detector without one."""
    if isinstance(detector, DetectorConfig):
        path = Path(detector.weights)
        return path if detector.verifier is None else path.with_name(f"{path.name} + {Path(detector.verifier).name}")
    if isinstance(detector, PredictionsConfig):
        return Path(detector.predictions)
    return Path(detector) if isinstance(detector, str | Path) else Path(detector.identity.name)


def _require_images(images: EvalData, matched: MatchedDetections, *, backgrounds_given: bool) -> None:
    """Refuse to give figures of no images.

    Raises:
        SourceError: if no labelled image can be used, or none of the given backgrounds.
    """
    reasons = [f"{printable(each.source)}: {printable(each.reason)}" for each in matched.skipped]
    if images.dataset is not None and all(image.background for image in matched.images):
        where = f"{printable(images.dataset.path)}, split {printable(images.split)}"
        raise SourceError(
            f"{where}: expected labelled images, found none that can be used of {len(images.labelled)}"
            + (f"; {reasons[0]}" if images.labelled and reasons else "; name another split or data set")
        )
    if backgrounds_given and not any(image.background for image in matched.images):
        raise SourceError(
            "expected backgrounds that are readable and are not images of the data, found none of "
            f"{len(images.backgrounds) + len(images.with_targets)}; name others with --backgrounds"
            + (f" ({reasons[0]})" if reasons else "")
        )


def _findings(
    images: EvalData, detectors: Sequence[Detector], matched: Sequence[MatchedDetections], config: EvalConfig
) -> tuple[EvalFinding, ...]:
    pairs = list(zip(matched, detectors, strict=True))
    floor = config.floor
    return (
        *with_targets_finding(images.with_targets),
        *matched[0].findings,
        *(finding for each in matched if images.dataset for finding in lacking_finding(each.name, each.lacking)),
        *thresholds_findings(matched, config),
        *(
            finding
            for each, detector in pairs
            for finding in opened_above(each.name, detector.identity.settings.get("conf"), floor)
        ),
        *(finding for each, detector in pairs for finding in predicted_above(each.name, detector.lowest_score, floor)),
        *(EvalFinding("backend", note) for detector in detectors for note in detector.notes),
        *(EvalFinding("other-size", warning) for warning in map(imgsz_warning, detectors) if warning is not None),
    )
