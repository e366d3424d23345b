"""`negmine bank reject`."""

from __future__ import annotations

from negmine.cli.bank._verdict import verdict_command

command = verdict_command(
    "reject",
    "rejected",
    """Leave negatives, and their variants, out of every export and training.

    ID is the beginning of a hash, as `negmine bank list` shows it; `-` reads IDs from stdin, one a line.
    For an ID of `negmine bank list --gaps` it says that nothing was missed there.

    \b
    negmine bank reject 3fa1b2c 9d04e5f
    negmine bank list --folder site-b --limit 0 | negmine bank reject -
    """,
)
