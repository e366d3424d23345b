"""`negmine bank undo`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from negmine.cli._command import Command, option
from negmine.cli._options import bank_option, json_option
from negmine.cli.bank._selection import found_all, named
from negmine.cli.bank._verdict import ORIGIN, given, ids_argument, judge_gaps, of_gaps, print_changed, report
from negmine.terminal import console, say
from negmine.words import counted

if TYPE_CHECKING:
    from negmine.bank.verdicts import Act, Verdicts


@click.command("undo", cls=Command)
@ids_argument(required=False)
@bank_option
@option("Bank", "--act", type=int, metavar="N", help="Take back this decision, by its number in `negmine bank show`.")
@json_option
def command(bank: str, ids: tuple[str, ...], act: int | None, as_json: bool) -> None:
    """Take back the last decision made with `negmine bank`; run it again for the one before. What was decided later
    about the same negatives stays. With IDs, these negatives, or likely misses (g...), become unreviewed.

    \b
    negmine bank undo
    negmine bank undo 3fa1b2c
    """
    from negmine.bank.verdicts import Verdicts
    from negmine.errors import BankError

    if ids and act is not None:
        raise click.UsageError("expected IDs or --act, found both")
    with Verdicts(bank) as verdicts:
        if ids:
            asked = given(ids)
            if of_gaps(asked):
                judge_gaps(verdicts, asked, "unreviewed", as_json=as_json)
                return
            numbers = found_all(verdicts, asked)
            done = verdicts.decide(numbers, "unreviewed", origin=ORIGIN)
            report(verdicts, done, "unreviewed", asked=numbers, as_json=as_json)
            return
        last = act if act is not None else next(reversed(verdicts.acts(ORIGIN)), None)
        undone = None if last is None else verdicts.undo(last)
        if undone is None:
            which = "no decision made with `negmine bank`" if act is None else f"no decision {act}"
            raise BankError(f"{which} to take back; `negmine bank show ID` lists the decisions about a negative")
        _report(verdicts, undone, as_json=as_json)


def _report(verdicts: Verdicts, undone: Act, *, as_json: bool) -> None:
    from negmine.bank.browsing import digits, in_order

    changed = in_order(verdicts, undone.negatives)
    if as_json:
        print_changed(undone, changed, unchanged=0)
        return
    names = named((each.sha256 for each in changed), digits(verdicts))
    states = ", ".join(f"{count} {state}" for state, count in sorted(Counter(each.review for each in changed).items()))
    now = (
        f": {names}; now {states}"
        if changed
        else "; none of them changed, as all were decided again or withdrawn since"
    )
    say(console(), f"decision {undone.id} taken back ({undone.state}, {counted(len(changed), 'negative')}){now}")
