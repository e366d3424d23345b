"""How many cores and how much memory of the machine this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # of a container, under /sys/fs/cgroup


def usable_cores() -> int:
    """The number of cores that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usable_memory() -> int:
    """Bytes of memory that this process may use, whatever else uses some; 0 where the system does not say."""
    try:
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):
        return 0
    for name in _LIMITS:
        try:
            limits.append(int((Path("/sys/fs/cgroup") / name).read_text()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return min(limits)
