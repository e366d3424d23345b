"""`negmine bank target`."""

from __future__ import annotations

from negmine.cli.bank._verdict import verdict_command

command = verdict_command(
    "target",
    "target",
    """Mark negatives that show a target without a label. Their images are not trained on until it is labelled.

    ID is the beginning of a hash, as `negmine bank list` shows it; `-` reads IDs from stdin, one a line.
    An ID of `negmine bank list --gaps` confirms a likely miss: a thing is there that the detector missed.
    `negmine export --only targets` writes the images for whoever labels them.

    \b
    negmine bank target 3fa1b2c 9d04e5f
    negmine bank list --cluster 4 --limit 0 | negmine bank target -
    """,
)
