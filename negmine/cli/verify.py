"""`negmine verify`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option
from negmine.cli._output import print_json
from negmine.paths import printable
from negmine.terminal import console, say
from negmine.words import counted

_MOST_LINES = 100  # of each kind


@click.command("verify", cls=Command)
@bank_option
@option("Bank", "--repair", is_flag=True, help="Remove leftovers of killed runs, and nothing else.")
@json_option
@click.pass_context
def command(ctx: click.Context, bank: str, repair: bool, as_json: bool) -> None:
    """Check a bank: every row has its file with the right hash, every file has its row, and no crop leaves its image or
    touches a target. The exit status is 1 if there is a problem.

    \b
    negmine verify --bank negmine-bank
    """
    from negmine.bank.verify import PROBLEM_MEANINGS, verify

    result = verify(bank, repair=repair)
    if as_json:
        print_json(result.to_dict())
    else:
        out = console()
        said = [("removed", f"removed {printable(name)}") for name in result.repaired]
        said += [(p.kind, f"{p.kind}: {printable(p.what)} ({PROBLEM_MEANINGS[p.kind]})") for p in result.problems]
        for line in _first_of_each(said):
            say(out, line)
        every = [counted(result.negatives, "negative"), counted(result.variants, "variant")]
        every += [counted(result.frames, "frame")] if result.frames else []
        checked = f"{', '.join(every[:-1])} and {every[-1]} checked"
        verdict = "no problems" if result.ok else counted(len(result.problems), "problem")
        say(out, f"{printable(result.bank)}: {checked}, {verdict}")
    ctx.exit(0 if result.ok else 1)


def _first_of_each(said: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The first lines of each kind, and how many more there are."""
    counts = Counter[str]()
    for kind, line in said:
        counts[kind] += 1
        if counts[kind] <= _MOST_LINES:
            yield line
    for kind, count in counts.items():
        if count > _MOST_LINES:
            yield f"{kind}: {count - _MOST_LINES} more; --json names all"
