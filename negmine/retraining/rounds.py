"""The rounds: scan with the current weights, choose negatives, train, measure; each step is on disk before the next.

A step that is done is not done again: its last file says so. So a run that was killed resumes in the middle of a round,
and ends with the result of one that was not; a kill inside a training loses the last few steps.

The current weights, which scan and which the next training starts from, are those of the last round, unless it is
shown to be worse than the best before: nothing is built on a round that lost. Weights are calibrated as they are
measured.

With folds, a round has several members. Each goes on from its own weights, never from their average, which has learned
from the images that the member is measured on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from negmine.detectors.weights_files import hash_weights
from negmine.evaluating.image_scores import ImageScores
from negmine.files import copy_file, write_file
from negmine.retraining.calibrating import match_round, trained_weights
from negmine.retraining.config import START_SHARES
from negmine.retraining.context import Member, Run
from negmine.retraining.documents import reading
from negmine.retraining.measure import measure_round, read_scores
from negmine.retraining.plan import Plan, plan_trainings
from negmine.retraining.result import RoundResult, title_of
from negmine.retraining.selection import RoundCounts, select_negatives
from negmine.retraining.training_set import (
    copy_start,
    gather_negatives,
    place_negatives,
    read_negatives,
    require_of_bank,
    write_data_yaml,
)
from negmine.retraining.verdict import Standings, compare_config, reason_to_stop
from negmine.training.base import TrainingSet
from negmine.training.side_by_side import Training, train_all
from negmine.words import counted


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """The rounds that were made.

    Attributes:
        results: of the start and every round, and of the blends where there are some.
        scores: what each found in the images that were measured on.
        standings: all of them compared.
        stopped: why there was no further round; None where all were made.
    """

    results: tuple[RoundResult, ...]
    scores: tuple[ImageScores, ...]
    standings: Standings
    stopped: str | None

    @property
    def trained(self) -> int:
        """How many of the results are not a blend."""
        return _trained(self.results)


def run_rounds(run: Run) -> Rounds:
    """Make the rounds that are missing, and the blends; after each, the best weights so far are in the folder."""
    results = _done(run) or [_start(run)]
    scores = [read_scores(run, number) for number in range(len(results))]
    stopped = _add_rounds(run, results, scores)
    trained = _trained(results)
    if run.config.blend and trained > 1:
        of = _standings(run, scores[:trained]).best or trained - 1
        for share in START_SHARES[len(results) - trained :]:
            results.append(_blend(run, len(results), of, share, results[0].at_recall))
            scores.append(read_scores(run, results[-1].number))
            _keep(run, results, _standings(run, scores).best)
    standings = _standings(run, scores)
    return Rounds(tuple(results), tuple(scores), standings, stopped)


def _add_rounds(run: Run, results: list[RoundResult], scores: list[ImageScores]) -> str | None:
    """Make the rounds that are missing; returns why there is no further one, or None where all were made."""
    config = run.config
    while True:
        done = _trained(results)
        standings = _standings(run, scores[:done])
        if done == len(results):
            _keep(run, results, standings.best)
        stop = reason_to_stop(standings, min_gain=config.min_gain, max_recall_loss=config.max_recall_loss)
        if done > run.rounds or (stop is not None and config.stop_early):
            return stop
        blended = done < len(results)  # it comes when there is no further round
        result = None if blended else _round(run, done, standings.next_start, results[0])
        if result is None:
            return "there is nothing to train on: the weights fire on no mined background"
        results.append(result)
        scores.append(read_scores(run, result.number))


def _trained(results: Sequence[RoundResult]) -> int:
    return sum(each.blended is None for each in results)


def _standings(run: Run, scores: Sequence[ImageScores]) -> Standings:
    return Standings.of(scores, compare_config(run.config))


def _done(run: Run) -> list[RoundResult]:
    """The rounds that are on disk."""
    rounds: list[RoundResult] = []
    while (path := run.folder.round(len(rounds)).metrics).is_file():
        with reading(path) as document:
            found = RoundResult.from_dict(document)
            if found.number != len(rounds) or not 0 <= (found.blended or 0) <= found.number:
                raise ValueError("it is of another round")
        rounds.append(found)
    return rounds


def _keep(run: Run, rounds: Sequence[RoundResult], number: int) -> None:
    """Bring the lines of the rounds and the best weights up to date."""
    lines = "".join(json.dumps(each.to_dict()) + "\n" for each in rounds).encode()
    folder, best = run.folder, rounds[number]
    if not folder.rounds.is_file() or folder.rounds.read_bytes() != lines:
        write_file(folder.rounds, lines)
    if not folder.best.is_file() or hash_weights(folder.best) != best.weights_sha256:
        copy_file(folder.round(best.number).weights, folder.best)


def _start(run: Run) -> RoundResult:
    """Round 0: the weights as they came."""
    began, folder = run.ports.clock(), run.folder.round(0)
    if not folder.weights.is_file():
        copy_start(Path(run.detector.weights), folder.weights)
    write_data_yaml(folder, run.data.images, run.data.class_names, channels=run.data.channels, negatives=False)
    place_negatives(run.folder, folder, [], [])
    return measure_round(run, 0, match_round(run, 0), RoundCounts(0, 0, 0, 0), None, began)


def _round(run: Run, number: int, before: int, start: RoundResult) -> RoundResult | None:
    """One round, from where it is, with the weights of the round `before`; None where there is nothing to train on."""
    began = run.ports.clock()
    counts = [select_negatives(run, number, each, run.weights_of(before, each)) for each in run.members]
    if not any(each.chosen for each in counts):
        return None
    data = [
        _training_set(run, number, member) if of_member.chosen else None
        for member, of_member in zip(run.members, counts, strict=True)
    ]
    plan = plan_trainings(run, data, measuring_s=start.seconds, choosing_s=run.ports.clock() - began)
    learning = [(member, each) for member, each in zip(run.members, data, strict=True) if each is not None]
    steps = sum(plan.steps_of(member.trainer, each) for member, each in learning)
    _train(run, number, before, learning, plan)
    for member, each in zip(run.members, data, strict=True):
        if each is None and not (kept := trained_weights(run, number, member)).is_file():
            copy_file(run.weights_of(before, member), kept)  # it had nothing to learn from
    found = match_round(run, number)
    _average(run, number)
    of_round = replace(RoundCounts.of_members(counts), steps=steps)
    if plan.note and number == 1:
        of_round = replace(of_round, notes=(*of_round.notes, plan.note))
    return measure_round(run, number, found, of_round, start.at_recall, began)


def _training_set(run: Run, number: int, member: Member) -> TrainingSet:
    """What a member trains on in a round."""
    images = member.images
    placed = read_negatives(run.folder, run.home(number, member))
    require_of_bank(placed, run.bank)
    negatives = (*placed, *images.empties)
    return TrainingSet(images.positives, negatives, images.val, run.data.class_names)


def _train(run: Run, number: int, before: int, learning: Sequence[tuple[Member, TrainingSet]], plan: Plan) -> None:
    """Train the members that are not trained yet, as many at the same time as planned."""
    missing = [(each, data) for each, data in learning if not trained_weights(run, number, each).is_file()]
    for first in range(0, len(missing), plan.at_once):
        together, steps = missing[first : first + plan.at_once], 0
        for member, data in together:
            what = f"{counted(len(data.positives), 'image')} with objects and {len(data.negatives)} without"
            run.step(number, f"training on {what}: {plan.in_words(member.trainer, data)}", member)
            steps += plan.steps_of(member.trainer, data)
        if plan.at_once > 1:
            run.step(number, f"{counted(len(together), 'member')} train at the same time{plan.minutes_of(steps)}")
        trainings = [
            Training(
                member.trainer, run.weights_of(before, member), data, run.home(number, member).training, plan.steps
            )
            for member, data in together
        ]
        trained = train_all(
            trainings,
            at_once=plan.at_once,
            on_steps=lambda now: run.listener.on_progress("steps", now.step, now.steps),
        )
        for (member, _), weights in zip(together, trained, strict=True):
            copy_file(weights, trained_weights(run, number, member))


def _average(run: Run, number: int) -> None:
    """Write the weights of a round that has several members, and the data set that they learned from together."""
    folder, members = run.folder.round(number), run.members
    if len(members) == 1 or folder.weights.is_file():
        return
    data = run.data
    gather_negatives(run.folder, folder, [run.home(number, member) for member in members])
    write_data_yaml(folder, data.images, data.class_names, channels=data.channels, negatives=True)
    run.step(number, f"averaging the weights of {len(members)} members")
    _average_members(run, [number])


def _average_members(run: Run, numbers: Sequence[int]) -> None:
    """Write the weights of the last of some rounds, from the members of all; a member that is alone is the round."""
    folder, members = run.folder.round(numbers[-1]), run.members
    if len(members) > 1 and not folder.weights.is_file():
        averaged = [run.weights_of(number, member) for number in numbers for member in members]
        members[0].trainer.average(averaged, folder.weights)


def _blend(run: Run, number: int, of: int, start_share: float, at_recall: float) -> RoundResult:
    """Average the start's weights and those of a round, and measure them as another round that trains nothing.

    Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022: what is between a model and its fine-tuned
    weights can be better than both. Where few images are labelled, a training forgets targets that the start finds, and
    the average finds them again.

    With folds, a member is measured with the whole share of the start, and their average has half of it: averaging
    several trainings does a part of what the start is for. Measured alone, members asked for more of the start than
    their average was better with.
    """
    began, folder, source = run.ports.clock(), run.folder.round(number), run.folder.round(of)
    several = (f"the average of the members has {50 * start_share:g}% of the start",) if len(run.members) > 1 else ()
    counts = RoundCounts(0, 0, 0, 0, several, blended=of, start_share=start_share)
    title = title_of(number, of, start_share)
    run.listener.on_step(f"{title}: averaging the weights")
    start = run.folder.round(0).weights
    for member in run.members:
        done = trained_weights(run, number, member)
        if not done.is_file():
            done.parent.mkdir(parents=True, exist_ok=True)
            shares = (1 - start_share, start_share)
            member.trainer.average([run.weights_of(of, member), start], done, shares=shares)
    for path in (source.negatives, source.data_yaml):  # what the round was trained on
        copy_file(path, folder.path / path.name)
    write_file(folder.counts, (json.dumps(asdict(counts), indent=1) + "\n").encode())
    found = match_round(run, number, title)
    _average_members(run, [of, number])
    return measure_round(run, number, found, counts, at_recall, began)
