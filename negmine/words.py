"""Words for people."""

from __future__ import annotations


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: `1 class`, `2 classes`, `0 images`.

    Args:
        number: of things.
        singular: their name.
        plural: their name where there is not just one; None for the singular and an `s`.
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
