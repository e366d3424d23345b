"""Rounds of sides: each in a process of its own, one after the other, on half of the work and on all of it.

The difference of the two runs is what the second half takes once a process has started and is warm: the steady state.
A later round begins with the next side, so that no side is always the first or always behind the same one.
"""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from processes import Measured, cores, run

Notes = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Work:
    """What a side is given.

    Attributes:
        path: a folder of images, or a bank.
        items: how many there are.
    """

    path: Path
    items: int


def _nothing(measured: Measured, out: Path) -> Notes:
    return {}


@dataclass(frozen=True, slots=True)
class Side:
    """One of those that are compared.

    Attributes:
        name: for the table.
        command: from the path of the work, and a folder to write into that is not there yet, to a command line.
        notes: what else is to be said of a run, from what it printed and wrote.
        inside: its first line on stdout is the items per second that it measured itself, and its start does not count.
        prepares: its first run makes something that later ones find, so one goes before the first round, even a quick
            one.
    """

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    notes: Callable[[Measured, Path], Notes] = _nothing
    inside: bool = False
    prepares: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One side in one round.

    Attributes:
        whole_s: seconds of the process with all of the work; None where the side has a clock of its own.
        steady_per_s: items a second; None where all of the work took no longer than half of it.
        peak_mib: of the run with all of the work.
        notes: of the same.
    """

    whole_s: float | None
    steady_per_s: float | None
    peak_mib: float | None
    notes: Notes = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "whole_s": self.whole_s,
            "steady_per_s": self.steady_per_s,
            "peak_mib": self.peak_mib,
            **({"notes": dict(self.notes)} if self.notes else {}),
        }


def in_rounds(
    sides: Sequence[Side], half: Work, full: Work, *, rounds: int, warm_up: bool, scratch: Path
) -> dict[str, list[Run]]:
    """Run all sides in each round.

    Args:
        sides: by different names.
        half, full: the work; what is in the half is in the whole.
        rounds: how many.
        warm_up: run each side on the half once before, which is not counted.
        scratch: a folder to write into.
    """
    runs: dict[str, list[Run]] = {side.name: [] for side in sides}
    folders = {side.name: scratch / f"side-{number}" for number, side in enumerate(sides)}
    for side in sides:
        if warm_up or side.prepares:
            _say(f"{side.name}: once before the first round")
            _one(side, half, folders[side.name])
    for number in range(rounds):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            _say(f"round {number + 1} of {rounds}: {side.name}")
            runs[side.name].append(_both(side, half, full, folders[side.name]))
    return runs


def _both(side: Side, half: Work, full: Work, folder: Path) -> Run:
    """The half, then all."""
    if side.inside:
        measured, notes = _one(side, half, folder)
        return Run(None, float(measured.stdout.split(maxsplit=1)[0]), measured.peak_mib, notes)
    short, _ = _one(side, half, folder)
    measured, notes = _one(side, full, folder)
    steady = steady_per_s(full.items - half.items, measured.seconds - short.seconds)
    return Run(measured.seconds, steady, measured.peak_mib, notes)


def steady_per_s(more_items: int, more_s: float) -> float | None:
    """Items a second, by what all of the work took longer than half of it; None where it took no longer."""
    return more_items / more_s if more_s > 0 else None


def _one(side: Side, work: Work, folder: Path) -> tuple[Measured, Notes]:
    """One process, which writes into a new folder; beside that, it may find what it left there before."""
    out = folder / "out"
    folder.mkdir(exist_ok=True)
    measured = run(side.command(work.path, out))
    notes = side.notes(measured, out)
    if out.exists():
        shutil.rmtree(out)
    return measured, notes


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def summary(runs: Mapping[str, Sequence[Run]], items: int, pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """Medians of the sides, and the medians over the rounds of the ratios of pairs of them.

    Args:
        runs: of each side, by its name, one a round.
        items: in all of the work.
        pairs: (ours, theirs) by name; above 1, ours is faster.
    """
    return {
        "cores": cores(),
        "items": items,
        "sides": {name: _middle(each, items) for name, each in runs.items()},
        "ratios": [_ratio(runs, *pair) for pair in pairs],
        "runs": {name: [run.to_dict() for run in each] for name, each in runs.items()},
    }


def _middle(runs: Sequence[Run], items: int) -> dict[str, object]:
    whole = _median([run.whole_s for run in runs])
    return {
        "whole_s": whole,
        "whole_per_s": items / whole if whole else None,
        "steady_per_s": _median([run.steady_per_s for run in runs]),
        "peak_mib": _median([run.peak_mib for run in runs]),
        **runs[-1].notes,
    }


def _ratio(runs: Mapping[str, Sequence[Run]], ours: str, theirs: str) -> dict[str, object]:
    both = list(zip(runs[ours], runs[theirs], strict=True))
    return {
        "of": ours,
        "to": theirs,
        "whole": _median([_divided(b.whole_s, a.whole_s) for a, b in both]),
        "steady": _median([_divided(a.steady_per_s, b.steady_per_s) for a, b in both]),
    }


def _divided(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None


def _median(values: Sequence[float | None]) -> float | None:
    """Of those that are there; None where there is none."""
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def table(document: Mapping[str, object], unit: str, missing: Mapping[str, str]) -> str:
    """What `summary` found, as text.

    Args:
        document: from `summary`.
        unit: what the items are.
        missing: sides that are not there, and why.
    """
    sides, ratios = document["sides"], document["ratios"]
    assert isinstance(sides, Mapping) and isinstance(ratios, list)
    width = max(map(len, (*sides, *missing)))
    lines = [f"{'':{width}}  {'whole/s':>9}  {'steady/s':>9}  {'peak MiB':>9}   ({unit} a second)"]
    for name, side in sides.items():
        cells = (_cell(side[key]) for key in ("whole_per_s", "steady_per_s", "peak_mib"))
        known = ("whole_s", "whole_per_s", "steady_per_s", "peak_mib")
        notes = ", ".join(f"{key} {_cell(value)}" for key, value in side.items() if key not in known)
        lines.append(f"{name:{width}}  " + "  ".join(f"{cell:>9}" for cell in cells) + f"   {notes}".rstrip())
    lines += [f"{name:{width}}  {why}" for name, why in missing.items()]
    for ratio in ratios:
        figures = ", ".join(f"{_cell(ratio[key])} {key}" for key in ("whole", "steady") if ratio[key] is not None)
        lines.append(f"{ratio['of']} / {ratio['to']}: {figures or 'too little work to tell'}")
    return "\n".join(lines)


def _cell(value: object) -> str:
    """A number in about three digits."""
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
