"""Kill commands at random moments, run them again, and compare what they leave with an undisturbed run, byte for byte.

    python benchmarks/kills.py --kills 1000
    python benchmarks/kills.py --kills 100 --only scan --only retrain --seed 7

The commands, and the small world that they run in, are those of the tests (`tests/kill_cases.py`). Prints a row for
each command, and the first part that differs for each run that ended otherwise; the exit status is 1 if there is one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
cases = import_module("kill_cases")


@click.command()
@click.option("--kills", default=1000, show_default=True, type=click.IntRange(1), help="In all, dealt to the commands.")
@click.option("--only", multiple=True, type=click.Choice(list(cases.CASES)), help="This command; may be repeated.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--minutes", default=60.0, show_default=True, help="Stop after so many.")
def main(kills: int, only: tuple[str, ...], seed: int, minutes: float) -> None:
    """Kill commands at random moments, and see how they end when they are run again."""
    names, started = only or tuple(cases.CASES), time.perf_counter()
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    with tempfile.TemporaryDirectory(prefix="negmine-kills-") as folder:
        inputs = cases.make_inputs(Path(folder) / "inputs")
        for index, name in enumerate(names):
            share = (kills + index) // len(names)
            until = started + minutes * 60 * (index + 1) / len(names)
            killer = cases.Killer(name, inputs, Path(folder) / name, seed=seed)
            for trial in killer.trials(share):
                counts[name].update(runs=1, killed=trial.was_killed, different=trial.difference is not None)
                if trial.difference is not None:
                    click.echo(f"{name}: differs in {trial.difference}")
                if time.perf_counter() > until:
                    break
            click.echo(_row(name, counts[name]))
    total = sum(counts.values(), Counter())
    click.echo(_row("all", total) + f" {time.perf_counter() - started:6.0f} s")
    sys.exit(1 if total["different"] else 0)


def _row(name: str, counts: Counter[str]) -> str:
    return f"{name:14} {counts['runs']:5} runs {counts['killed']:5} killed {counts['different']:4} different"


if __name__ == "__main__":
    main()
