"""`negmine bank target`."""

from __future__ import annotations

from negmine.cli.bank._verdict import verdict_command

command = verdict_command(
    "target",
    "target",
    """Say that negatives show a target that nobody labelled. Their images are not trained on until it is.

    ID is the beginning of a hash, as `negmine bank list` shows it; `-` reads IDs from stdin, one a line.
    `negmine export --only targets` writes the images for whoever labels them.

    \b
    negmine bank target 3fa1b2c 9d04e5f
    negmine bank list --cluster 4 --csv | negmine bank target -
    """,
)
