"""All that the rounds of a retraining are made with, put together once by `prepare`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.detectors.base import Detector, OnProgress, OnStep
from negmine.detectors.config import DetectorConfig
from negmine.evaluating.data import EvalImages
from negmine.retraining.config import RetrainConfig
from negmine.retraining.folder import RetrainFolder, RoundFolder
from negmine.retraining.training_set import PlacedImages
from negmine.trainable import KnownImages
from negmine.training.base import Trainer
from negmine.videos.contents import OnCount

OpenDetector = Callable[[DetectorConfig], Detector]
OpenTrainers = Callable[[int], Sequence[Trainer]]  # for so many members, a trainer for each
FitAtOnce = Callable[[int, int], int]  # of so many trainings at an input size in pixels, how many run at the same time


@dataclass(frozen=True, slots=True, eq=False)
class Ports:
    """What a caller may replace: who trains, what opens weights as a detector, and a clock in seconds."""

    open_trainers: OpenTrainers
    fit_at_once: FitAtOnce
    open_detector: OpenDetector
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Who is told what begins now, in words, and how far it is."""

    on_step: OnStep
    on_progress: OnProgress

    def counts(self, what: str) -> OnCount:
        """A function that is told how many are done, of how many."""
        return lambda done, total: self.on_progress(what, done, total)


@dataclass(frozen=True, slots=True, eq=False)
class RunData:
    """What is known of the images of a retraining.

    Attributes:
        class_names: of the model, by class id.
        channels: of the images that the model sees, 3 or 1.
        images: the labelled images, as any member is trained on them.
        hashes: perceptual hashes of all images that were read, by sha256.
        groups: the group of each image that is measured on, by sha256: images that belong together.
    """

    class_names: tuple[str, ...]
    channels: int
    images: PlacedImages
    hashes: Mapping[str, int]
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One training of every round: what it learns from, and what it alone is measured on.

    Attributes:
        number: from 1.
        images: the labelled images, as it is trained on them.
        mined: backgrounds that are scanned for its negatives.
        known: what is held out from it, and what the labels say: no negative may contradict it.
        measured: what its weights are measured on.
        trainer: trains it.
    """

    number: int
    images: PlacedImages
    mined: tuple[Path, ...]
    known: KnownImages
    measured: EvalImages
    trainer: Trainer


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A retraining.

    Attributes:
        folder: where everything goes.
        config: the settings.
        rounds: that are made at most.
        bank: the bank's folder.
        detector: the start weights and how they are opened; weights and score are replaced for each use.
        data: the images.
        members: one for each fold; the result of a round is the average of their weights.
        at_once: members that train at the same time, where their trainings are long enough.
        ports: what opens weights, and the like.
        listener: who is told how far it is.
    """

    folder: RetrainFolder
    config: RetrainConfig
    rounds: int
    bank: Path
    detector: DetectorConfig
    data: RunData
    members: tuple[Member, ...]
    at_once: int
    ports: Ports
    listener: Listener

    def home(self, number: int, member: Member) -> RoundFolder:
        """The folder of a member of a round; that of the round itself, where it is alone."""
        folder = self.folder.round(number)
        return folder if len(self.members) == 1 else folder.member(member.number)

    def weights_of(self, number: int, member: Member) -> Path:
        """The weights of a member of a round; of round 0 the start, which all have in common."""
        return self.home(number, member).weights if number else self.folder.round(0).weights

    def step(self, number: int, text: str, member: Member | None = None, *, title: str | None = None) -> None:
        """Say what begins now in a round, or in one of its members; round 0 is the start, and a blend has a title."""
        which = f"round {number} of up to {self.rounds}: " if number else "the start: "
        which = which if title is None else f"{title}: "
        if member is not None and len(self.members) > 1:
            which += f"member {member.number} of {len(self.members)}: "
        self.listener.on_step(f"{which}{text}")
