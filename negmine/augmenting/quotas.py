"""How many variants each negative shall have."""

from __future__ import annotations

from collections.abc import Sequence


def even_quotas(existing: Sequence[int], total: int) -> list[int]:
    """Spread variants as evenly as what is there allows; what does not divide goes to the first.

    Args:
        existing: how many variants each negative has, the hardest first.
        total: how many there shall be in all.

    Returns:
        How many each shall have: never fewer than it has; in all `total`, or what is there where that is more.

    A spreading that was stopped half-way and is done again ends as if it had not been stopped.
    """
    if not existing or total <= sum(existing):
        return list(existing)
    low, high = 0, total  # the highest level to which all can be filled
    while low < high:
        level = (low + high + 1) // 2
        if sum(max(level, has) for has in existing) <= total:
            low = level
        else:
            high = level - 1
    quotas = [max(low, has) for has in existing]
    left = total - sum(quotas)
    for index, has in enumerate(existing):
        if left and has <= low:
            quotas[index] += 1
            left -= 1
    return quotas
