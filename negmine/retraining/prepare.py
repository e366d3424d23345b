"""Before the first round: open and read everything, hold images out, and claim the folder for this run alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.detectors.base import Detector, imgsz_warning
from negmine.detectors.config import DetectorConfig
from negmine.detectors.weights_files import hash_weights
from negmine.evaluating.data import EvalImages
from negmine.held_out import HoldoutConfig
from negmine.labels.yolo_writer import yolo_lines
from negmine.paths import printable
from negmine.retraining.backgrounds import Backgrounds, background_paths, read_backgrounds
from negmine.retraining.calibrating import calibration_notes
from negmine.retraining.config import RetrainConfig
from negmine.retraining.context import Listener, Ports, Run, RunData
from negmine.retraining.folder import LockedFolder, hash_of_lines
from negmine.retraining.labelled import LabelledData, read_labelled
from negmine.retraining.training_set import PlacedImages, place_labelled
from negmine.words import counted

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
    ports.trainer.check(inputs.weights, _names_in_order(detector))
    labelled, backgrounds = _read(inputs, config, names, listener)
    locked.claim(_depends_on(inputs, config, labelled, backgrounds))
    backgrounds.held_out.write(folder.held_out_list)
    images = place_labelled(folder, labelled, listener.counts("labelled images placed"))
    run = Run(
        folder=folder,
        config=config,
        bank=inputs.bank or folder.bank,
        detector=replace(settings, classes=_only(names, labelled)),
        data=_data(detector, images, labelled, backgrounds),
        ports=ports,
        listener=listener,
    )
    size = imgsz_warning(detector)
    notes = (
        *([size] if size else []), *labelled.notes, *backgrounds.notes, *_unlisted(names, labelled),
        *calibration_notes(config, ports.trainer),
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
    inputs: RetrainInputs, config: RetrainConfig, names: Mapping[int, str], listener: Listener
) -> tuple[LabelledData, Backgrounds]:
    holdout = HoldoutConfig(share=config.holdout, seed=config.seed, sources=inputs.held_out)
    listener.on_step("reading the labelled images")
    labelled = read_labelled(
        inputs.data,
        names,
        holdout,
        labels=config.labels,
        near=background_paths(inputs.backgrounds, inputs.bank, holdout),
        workers=config.workers,
        on_progress=listener.counts("labelled images"),
    )
    listener.on_step("reading the backgrounds")
    backgrounds = read_backgrounds(
        inputs.backgrounds,
        inputs.bank,
        labelled,
        holdout,
        workers=config.workers,
        on_progress=listener.counts("backgrounds"),
    )
    return labelled, backgrounds


def _data(detector: Detector, images: PlacedImages, labelled: LabelledData, backgrounds: Backgrounds) -> RunData:
    read = {image.sha256: image.phash for image in (*labelled.train, *labelled.val)}
    return RunData(
        class_names=_names_in_order(detector),
        channels=detector.channels,
        images=images,
        mined=backgrounds.mined,
        known=labelled.known_images(backgrounds.held_out),
        hashes=read | dict(backgrounds.hashes),
        measured=EvalImages([image.path for image in labelled.val], labelled.truth, backgrounds.held_out.paths),
    )


def _names_in_order(detector: Detector) -> tuple[str, ...]:
    return tuple(name for _, name in sorted(detector.class_names.items()))


def _depends_on(
    inputs: RetrainInputs, config: RetrainConfig, labelled: LabelledData, backgrounds: Backgrounds
) -> Mapping[str, object]:
    """All that the result depends on: settings as they are, files by what is in them."""
    sides = [("train", each) for each in labelled.train] + [("val", each) for each in labelled.val]
    rows = [f"{side} {each.sha256}\n{yolo_lines(each.truth, each.size_wh, labelled.class_ids)}" for side, each in sides]
    held_out = backgrounds.held_out.contents
    return {
        "weights": hash_weights(inputs.weights),
        "data": hash_of_lines(rows),
        "backgrounds": hash_of_lines(f"{sha256 in held_out} {sha256}" for sha256 in backgrounds.hashes),
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
