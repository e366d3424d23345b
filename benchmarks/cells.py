"""A figure of several runs as a cell of a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def mean_and_spread(values: Sequence[float | None]) -> str:
    """The mean, and half the distance between the extremes; of what a run did not reach, in how many."""
    there = [value for value in values if value is not None]
    if len(there) < len(values):
        return "not reached" if not there else f"{len(values) - len(there)} of {len(values)} not reached"
    spread = (max(there) - min(there)) / 2
    return f"{statistics.mean(there):.3f}" + (f" ± {spread:.3f}" if len(there) > 1 else "")
