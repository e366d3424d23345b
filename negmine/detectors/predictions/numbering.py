"""Whether the classes of predictions are numbered from 0 or from 1: told by the user or by the numbers, not guessed."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Literal

from negmine.errors import PredictionsError


def numbered(
    names: Mapping[int, str], found: Set[object], where: str, source: str, base: Literal[0, 1] | None = None
) -> dict[object, int]:
    """From the number of a category to the id of the class, where class names alone are known.

    A file that names its classes from another number than 0 says the numbers itself. Of `n` names in order, a 0 tells
    that they are counted from 0, an `n` that they are counted from 1.

    Args:
        names: by class id.
        found: the numbers in the predictions.
        where: the predictions are, for a message.
        source: of the names, for a message.
        base: the number of the first class; None where the numbers tell.

    Raises:
        PredictionsError: where the numbers may be counted from either.
    """
    count = len(names)
    if base is not None:
        return {number + base: number for number in names}
    if sorted(names) != list(range(count)):
        return {number: number for number in names}
    if 0 in found:
        return {number: number for number in names}
    if count in found or not found & set(names):
        return {number + 1: number for number in names}
    raise PredictionsError(
        f"{where}: its categories may be counted from 0 or from 1, as neither 0 nor {count} occurs and {source} names "
        f"{count} classes; say which with --category-base, or give the COCO file with the categories "
        "(--predictions-images)"
    )


def renumbered(ids: Mapping[object, int], found: Set[object], base: Literal[0, 1] | None = None) -> dict[object, int]:
    """From the number in the predictions to the id of the class, where a COCO file lists the categories.

    A number means the category with that id. Only where categories are counted from 0 and the predictions from 1, or
    the other way round, and the numbers show it, they are taken in their order.

    Args:
        ids: from the id of a category to the id of the class, in order.
        found: the numbers in the predictions.
        base: the number of the first category in the predictions, which then count them in order; None where the ids or
            the numbers tell.
    """
    if base is not None:
        return {place + base: index for place, index in enumerate(ids.values())}
    count, numbers = len(ids), set(ids)
    from_0, from_1 = set(range(count)), set(range(1, count + 1))
    if numbers == from_0 and count in found and found <= from_1:
        return {int(str(number)) + 1: index for number, index in ids.items()}
    if numbers == from_1 and 0 in found and found <= from_0:
        return {int(str(number)) - 1: index for number, index in ids.items()}
    return dict(ids)
