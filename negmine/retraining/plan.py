"""What the trainings of a retraining will cost, and how many steps they take where the user gives a time instead.

A few steps are trained and timed, on the images of the first training, and thrown away. The plan is written down before
the first training: a run that is resumed keeps it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from negmine.files import write_file
from negmine.retraining.config import START_SHARES
from negmine.retraining.context import Member, Run
from negmine.retraining.documents import read_record
from negmine.training.base import Trainer, TrainingSet, TrainProgress
from negmine.training.schedule import ENOUGH_STEPS
from negmine.training.side_by_side import Training, train_all
from negmine.words import counted

_TIMED = 8  # steps that are trained to time them
_TIMED_EACH = 4  # of each of several members
_WORTH_TIMING = 100  # steps in all; fewer are over before they are timed
_MEMBERS_SHARE = 0.75  # of the steps of a training that is alone; three of 112 steps take ten minutes on two cores
_FEWEST, _MOST = 25, 2000  # steps of a training that a budget may come to


@dataclass(frozen=True, slots=True)
class Plan:
    """The trainings of all rounds.

    Attributes:
        steps: optimizer steps of each training; None for those of the settings.
        seconds_per_step: that a step takes, a part of it where several members train at the same time; None where there
            are too few of them to be timed.
        note: what the user may want to know; "" for nothing.
        at_once: members that train at the same time.
    """

    steps: int | None
    seconds_per_step: float | None
    note: str = ""
    at_once: int = 1

    def steps_of(self, trainer: Trainer, data: TrainingSet) -> int:
        """The optimizer steps that a member takes in a round."""
        return trainer.steps_of(data) if self.steps is None else self.steps * trainer.trainings

    def in_words(self, trainer: Trainer, data: TrainingSet) -> str:
        """How many steps a member takes in a round, and for how long where it trains alone."""
        steps = self.steps_of(trainer, data)
        text = f"{trainer.trainings} times {counted(steps // trainer.trainings, 'step')}"
        text = counted(steps, "step") if trainer.trainings == 1 else text
        return text if self.at_once > 1 else f"{text}{self.minutes_of(steps)}"

    def minutes_of(self, steps: int) -> str:
        """How long some steps take, as the end of a sentence; "" where that is not known."""
        if self.seconds_per_step is None:
            return ""
        return f", about {counted(max(round(steps * self.seconds_per_step / 60), 1), 'minute')}"


def plan_trainings(run: Run, data: Sequence[TrainingSet | None], *, measuring_s: float, choosing_s: float) -> Plan:
    """Decide on the steps of all trainings before the first one, or read what was decided.

    Args:
        run: the retraining.
        data: what each member trains on in the first round; None for one that has nothing to learn from.
        measuring_s: seconds that weights take to be measured.
        choosing_s: seconds that negatives take to be mined and chosen.
    """
    path = run.folder.plan
    if path.is_file():
        return read_record(Plan, path)
    learning = [(member, each) for member, each in zip(run.members, data, strict=True) if each is not None]
    plan = _planned(run, learning, measuring_s + choosing_s)
    write_file(path, (json.dumps(asdict(plan), indent=1) + "\n").encode())
    return plan


def _planned(run: Run, learning: Sequence[tuple[Member, TrainingSet]], per_round: float) -> Plan:
    budget = run.config.budget
    if budget is None and sum(member.trainer.steps_of(each) for member, each in learning) < _WORTH_TIMING:
        return Plan(None, None)
    at_once = min(run.at_once, len(learning))
    per_step = _seconds_per_step(run, learning[:at_once])
    if budget is None:
        return Plan(_steps_of_a_member(run, learning), per_step, at_once=at_once)
    trainings = sum(member.trainer.trainings for member, _ in learning)
    measured = run.rounds + 1 + (len(START_SHARES) if run.config.blend else 0)  # the start is measured too
    affordable = int((budget - per_round * measured) / (per_step * trainings * run.rounds))
    return Plan(min(max(affordable, _FEWEST), _MOST), per_step, _note_on(run, affordable, trainings), at_once)


def _steps_of_a_member(run: Run, learning: Sequence[tuple[Member, TrainingSet]]) -> int | None:
    """The steps of each of several members, whose average needs fewer; None for those of the settings."""
    train = run.config.train
    if len(run.members) == 1 or train.steps is not None or train.epochs is not None:
        return None
    most = max(member.trainer.steps_of(data) // member.trainer.trainings for member, data in learning)
    return max(round(_MEMBERS_SHARE * most), 1)


def _note_on(run: Run, affordable: int, trainings: int) -> str:
    """A warning where the budget is too small to be of use."""
    if affordable >= ENOUGH_STEPS:
        return ""
    several = "fewer --folds" if len(run.members) > 1 else "--soup 1"
    fewer = [text for text, many in (("fewer --rounds", run.rounds > 1), (several, trainings > 1)) if many]
    return (
        f"the budget leaves {counted(max(affordable, _FEWEST), 'step')} to each training, and fewer than "
        f"{ENOUGH_STEPS} mostly lower all scores: {' or '.join(['give more time', *fewer])}"
    )


def _seconds_per_step(run: Run, learning: Sequence[tuple[Member, TrainingSet]]) -> float:
    """Train a few steps of members that train at the same time in a folder of their own, and remove it."""
    steps = _TIMED if len(learning) == 1 else _TIMED_EACH
    run.listener.on_step(f"timing {counted(steps * len(learning), 'step')} of training")
    scratch, clock = run.folder.out / "timing", run.ports.clock
    shutil.rmtree(scratch, ignore_errors=True)
    reports: list[tuple[float, int]] = []

    def tell(now: TrainProgress) -> None:
        reports.append((clock(), now.step))

    start = run.folder.round(0).weights
    began = clock()
    train_all(
        [Training(member.trainer, start, data, scratch / str(member.number), steps) for member, data in learning],
        at_once=len(learning),
        on_steps=tell,
    )
    shutil.rmtree(scratch, ignore_errors=True)
    if len(reports) < 2:
        return (clock() - began) / (steps * len(learning))
    (first, done), (last, all_done) = reports[0], reports[-1]  # the first steps include the start
    return (last - first) / (all_done - done)
