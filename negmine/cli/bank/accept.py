"""`negmine bank accept`."""

from __future__ import annotations

from negmine.cli.bank._verdict import verdict_command

command = verdict_command(
    "accept",
    "accepted",
    """Confirm that negatives show no target. A VOC export marks them as verified.

    ID is the beginning of a hash, as `negmine bank list` shows it; `-` reads IDs from stdin, one a line.

    \b
    negmine bank accept 3fa1b2c 9d04e5f
    negmine bank list --max-score 0.4 --limit 0 | negmine bank accept -
    """,
)
