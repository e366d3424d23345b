"""Before the first round: open and read everything, hold images out, and claim the folder for this run alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.connection import DATABASE
from negmine.bank.shots import shots_of
from negmine.detectors.base import Detector, imgsz_warning
from negmine.detectors.config import DetectorConfig
from negmine.detectors.tiling.auto import with_tiles
from negmine.detectors.tiling.detector import TiledDetector
from negmine.detectors.weights_files import hash_weights
from negmine.evaluating.data import EvalImages
from negmine.grouping import GroupBy
from negmine.held_out import HoldoutConfig
from negmine.labels.yolo_writer import yolo_lines
from negmine.paths import printable
from negmine.retraining.backgrounds import Backgrounds, background_paths, read_backgrounds
from negmine.retraining.calibrating import calibration_notes
from negmine.retraining.config import RetrainConfig
from negmine.retraining.context import Listener, Member, Ports, Run, RunData
from negmine.retraining.folder import LockedFolder, RetrainFolder, hash_of_lines
from negmine.retraining.folds import Division, divide, folds_where_few
from negmine.retraining.labelled import LabelledData, read_labelled, sizes_of
from negmine.retraining.tiles import place_tiles
from negmine.retraining.training_set import PlacedImages, place_labelled
from negmine.trainable import waiting_images
from negmine.words import counted

_ROUNDS = 2  # of one training each
_IMGSZ = 640  # of weights that do not say
_SHOWN = 5  # classes in a message


@dataclass(frozen=True, slots=True)
class RetrainInputs:
    """What the user gives to a retraining.

    Attributes:
        weights: where to start.
        data: the labelled images.
        backgrounds: images without targets; () for the files that the bank was mined from.
        held_out: those of them to measure on; () for a share.
        bank: a bank's folder; None for one in the folder of the retraining.
    """

    weights: Path
    data: Path
    backgrounds: tuple[str | Path, ...]
    held_out: tuple[str | Path, ...]
    bank: Path | None


def prepare(
    inputs: RetrainInputs, config: RetrainConfig, locked: LockedFolder, ports: Ports, listener: Listener
) -> tuple[Run, tuple[str, ...]]:
    """Put together all that rounds are made with; nothing is written before everything was found to be in order.

    Returns:
        The run, and what the user may want to know.
    """
    folder, settings = locked.folder, _detector_config(inputs.weights, config)
    detector = ports.open_detector(settings)
    names = detector.class_names
    ports.open_trainers(1)[0].check(inputs.weights, _names_in_order(detector))
    paths = background_paths(inputs.backgrounds, inputs.bank, inputs.held_out)
    by = GroupBy(config.group_by, shots_of(paths, inputs.bank))
    labelled, backgrounds = _read(inputs, config, names, listener, by, paths)
    tiled = with_tiles(detector, config.tiles, lambda: sizes_of(labelled))
    config = replace(config, tiles=tiled.config if isinstance(tiled, TiledDetector) else None)
    holdout = HoldoutConfig(share=config.share, seed=config.seed, sources=inputs.held_out, group_by=by)
    division = divide(labelled, backgrounds, holdout, folds=_folds(config, labelled, backgrounds, by))
    rounds = config.rounds or (_ROUNDS if len(division.folds) == 1 else 1)
    locked.claim(_depends_on(inputs, replace(config, rounds=rounds), labelled, backgrounds, division))
    _write_lists(folder, division)
    parts = division.parts(labelled)
    imgsz = config.train.imgsz or detector.trained_imgsz or _IMGSZ
    placed = place_labelled(folder, parts, labelled.class_ids, listener.counts("labelled images placed"))
    tiles: Mapping[str, Sequence[Path]] = {}
    if config.tiles is not None:
        count = listener.counts("labelled images cut into tiles")
        tiles = place_tiles(folder, parts, labelled.class_ids, config.tiles, config.min_visible, count)
    hashes = {image.sha256: image.phash for image in labelled.images}
    hashes |= {image.sha256: image.phash for image in backgrounds.images}
    run = Run(
        folder=folder,
        config=config,
        rounds=rounds,
        bank=inputs.bank or folder.bank,
        detector=replace(settings, classes=_only(names, labelled), tiles=config.tiles),
        data=RunData(
            _names_in_order(detector), detector.channels, _all_images(division, placed, tiles), hashes, division.groups
        ),
        members=_members(division, labelled, placed, tiles, ports),
        at_once=ports.fit_at_once(len(division.folds), imgsz),
        ports=ports,
        listener=listener,
    )
    size = imgsz_warning(detector)
    notes = (
        *([size] if size else []), *tiled.notes[len(detector.notes) :], *_on_tiles(tiles),
        *labelled.notes, *backgrounds.notes, *division.notes, *_unlisted(names, labelled),
        *calibration_notes(run),
    )  # fmt: skip
    for note in notes:
        listener.on_step(note)
    return run, notes


def _detector_config(weights: Path, config: RetrainConfig) -> DetectorConfig:
    return DetectorConfig(
        str(weights),
        conf=config.conf,
        imgsz=config.train.imgsz,
        device=config.train.device,
        trust_weights=config.train.trust_weights,
        backend="torch",  # a round is judged by its weights, not by what they are converted into
    )


def _read(
    inputs: RetrainInputs,
    config: RetrainConfig,
    names: Mapping[int, str],
    listener: Listener,
    by: GroupBy,
    paths: Sequence[Path],
) -> tuple[LabelledData, Backgrounds]:
    listener.on_step("reading the labelled images")
    labelled = read_labelled(
        inputs.data,
        names,
        labels=config.labels,
        by=by,
        near=paths,
        workers=config.workers,
        on_progress=listener.counts("labelled images"),
    )
    waiting = _waiting(inputs, labelled)
    labelled = labelled.without(waiting)
    listener.on_step("reading the backgrounds")
    backgrounds = read_backgrounds(
        inputs.backgrounds,
        inputs.bank,
        labelled,
        held_out=inputs.held_out,
        waiting=waiting,
        workers=config.workers,
        on_progress=listener.counts("backgrounds"),
    )
    return labelled, backgrounds


def _waiting(inputs: RetrainInputs, labelled: LabelledData) -> frozenset[str]:
    """The images with a target that a reviewer of the user's bank saw, and that is not labelled yet."""
    if inputs.bank is None or not (inputs.bank / DATABASE).exists():  # it is made later
        return frozenset()
    with Bank(inputs.bank) as bank:
        return waiting_images(bank, labelled.objects)


def _folds(config: RetrainConfig, labelled: LabelledData, backgrounds: Backgrounds, by: GroupBy) -> int:
    """As many as the user asks for; else few where few images are labelled, unless a share or a soup is asked for."""
    if config.folds is not None:
        return config.folds
    free = config.holdout is None and config.train.soup == 1
    return folds_where_few(labelled, backgrounds, by) if free else 1


def _write_lists(folder: RetrainFolder, division: Division) -> None:
    """List the backgrounds that are measured on, and those of each member where there are several."""
    division.backgrounds.write(folder.held_out_list)
    if len(division.folds) > 1:
        for number, fold in enumerate(division.folds, 1):
            fold.backgrounds.write(folder.held_out_of(number))


def _members(
    division: Division,
    labelled: LabelledData,
    placed: Mapping[str, Path],
    tiles: Mapping[str, Sequence[Path]],
    ports: Ports,
) -> tuple[Member, ...]:
    trainers = ports.open_trainers(len(division.folds))
    return tuple(
        Member(
            number=number,
            images=PlacedImages.of(fold.train, fold.val, placed, tiles),
            mined=fold.mined,
            known=fold.known,
            measured=EvalImages([image.path for image in fold.val], labelled.truth, fold.backgrounds.paths),
            trainer=trainer,
        )
        for number, (fold, trainer) in enumerate(zip(division.folds, trainers, strict=True), 1)
    )


def _all_images(division: Division, placed: Mapping[str, Path], tiles: Mapping[str, Sequence[Path]]) -> PlacedImages:
    """The labelled images that any member is trained on, and those that any is measured on."""
    train = {image.sha256: image for fold in division.folds for image in fold.train}
    return PlacedImages.of(train.values(), [image for fold in division.folds for image in fold.val], placed, tiles)


def _on_tiles(tiles: Mapping[str, Sequence[Path]]) -> list[str]:
    """How many tiles are trained on."""
    count = sum(map(len, tiles.values()))
    return [f"trained on {counted(count, 'tile')} with objects too"] if count else []


def _names_in_order(detector: Detector) -> tuple[str, ...]:
    return tuple(name for _, name in sorted(detector.class_names.items()))


def _depends_on(
    inputs: RetrainInputs,
    config: RetrainConfig,
    labelled: LabelledData,
    backgrounds: Backgrounds,
    division: Division,
) -> Mapping[str, object]:
    """All that the result depends on: settings as they are, files by what is in them."""
    rows = [
        f"{part} {each.sha256}\n{yolo_lines(each.truth, each.size_wh, labelled.class_ids)}"
        for part, images in division.parts(labelled).items()
        for each in images
    ]
    fold_of = division.number_of
    return {
        "weights": hash_weights(inputs.weights),
        "folds": len(division.folds),
        "data": hash_of_lines(rows),
        "backgrounds": hash_of_lines(f"{fold_of.get(each.sha256)} {each.sha256}" for each in backgrounds.images),
        "bank": None if inputs.bank is None else printable(inputs.bank.absolute()),
        **config.settings(),
    }


def _only(names: Mapping[int, str], labelled: LabelledData) -> tuple[str, ...]:
    """The model's names of the data's classes: what else it finds on a background may well be there. () for all."""
    wanted = sorted(labelled.class_ids.values())
    return () if len(wanted) == len(names) else tuple(dict.fromkeys(names[number] for number in wanted))


def _unlisted(names: Mapping[int, str], labelled: LabelledData) -> list[str]:
    """A warning about classes that the training would take from the model."""
    others = [names[number] for number in sorted(names) if number not in labelled.class_ids.values()]
    if not others:
        return []
    shown = ", ".join(map(printable, others[:_SHOWN])) + (", ..." if len(others) > _SHOWN else "")
    return [
        f"the model has {counted(len(others), 'class', 'classes')} that the data does not list ({shown}): objects of "
        "these classes are trained on as background, so the model unlearns them"
    ]
