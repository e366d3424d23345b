"""`negmine verify`."""

from __future__ import annotations

import click

from negmine.cli._options import bank_option, json_option
from negmine.cli._output import console, print_json
from negmine.paths import printable


@click.command("verify")
@bank_option
@click.option("--repair", is_flag=True, help="Remove what killed runs left behind, and nothing else.")
@json_option
@click.pass_context
def command(ctx: click.Context, bank: str, repair: bool, as_json: bool) -> None:
    """Check a bank: every row has its file with its hash, every file its row, and no crop leaves its image or touches a
    target. Exit status 1 and a list where something is wrong.

    \b
    negmine verify --bank negmine-bank
    """
    from negmine.bank.verify import PROBLEM_MEANINGS, verify

    result = verify(bank, repair=repair)
    if as_json:
        print_json(result.to_dict())
    else:
        screen = console()
        for name in result.repaired:
            screen.print(f"removed {printable(name)}", soft_wrap=True)
        for problem in result.problems:
            screen.print(
                f"{problem.kind}: {printable(problem.what)} ({PROBLEM_MEANINGS[problem.kind]})", soft_wrap=True
            )
        verdict = "nothing is wrong" if result.ok else f"{len(result.problems)} problems"
        checked = f"{result.negatives} negatives and {result.variants} variants checked"
        screen.print(f"{printable(result.bank)}: {checked}, {verdict}", soft_wrap=True)
    ctx.exit(0 if result.ok else 1)
