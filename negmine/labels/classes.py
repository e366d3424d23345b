"""Pairing the classes of a detector with those of a truth, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from negmine.errors import TruthError
from negmine.paths import printable

_SHOWN = 12  # names of a long list


def match_class_names(model_names: Mapping[int, str], truth_names: Sequence[str]) -> dict[int, str]:
    """Pair as `paired_class_names` does, and insist that there is a pair.

    Raises:
        TruthError: where the detector and the truth have no class in common; the message lists both.
    """
    paired = paired_class_names(model_names, truth_names)
    if not paired:
        raise TruthError(
            "detector and truth have no class name in common: "
            f"the detector has {_listed(model_names.values())}; the truth has {_listed(truth_names)}; rename one side's"
        )
    return paired


def paired_class_names(model_names: Mapping[int, str], truth_names: Sequence[str]) -> dict[int, str]:
    """Pair by name: exactly, else without regard to case and outer spaces where that is unambiguous.

    Args:
        model_names: the detector's class id to name.
        truth_names: the classes that the truth lists.

    Returns:
        Class id to the truth's name, for the classes that both have.
    """
    exact, folded = set(truth_names), _unambiguous(truth_names)
    model_folded = Counter(map(_fold, model_names.values()))
    paired: dict[int, str] = {}
    for number, name in model_names.items():
        if name in exact:
            paired[number] = name
        elif _fold(name) in folded and model_folded[_fold(name)] == 1:
            paired[number] = folded[_fold(name)]
    return paired


def _fold(name: str) -> str:
    return name.strip().casefold()


def _unambiguous(names: Sequence[str]) -> dict[str, str]:
    """Folded name to name, where only one name folds to it."""
    count = Counter(map(_fold, set(names)))
    return {_fold(name): name for name in names if count[_fold(name)] == 1}


def _listed(names: Iterable[str]) -> str:
    every = [printable(name) for name in names]
    shown = ", ".join(every[:_SHOWN]) or "none"
    return shown + (f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else "")


def checked_class_map(class_map: Mapping[str, str], names: Sequence[str], data: Path) -> dict[str, str]:
    """The class map, if the data has every class in it.

    Raises:
        TruthError: naming a class that the data does not have.
    """
    for old in class_map:
        if old not in names:
            raise TruthError(f"{printable(data)} has no class {old!r}, only {_listed(names)}; correct --class-map")
    return dict(class_map)
