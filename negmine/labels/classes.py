"""Pairing the classes of a detector with those of a truth, by name, and renaming those of the truth."""

from __future__ import annotations

import shlex
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from negmine.errors import ConfigError, TruthError
from negmine.paths import printable
from negmine.words import did_you_mean, nearest_name

_SHOWN = 12  # names of a long list
_ADVISED = 3  # names for which the nearest is looked for
_SINGLE_CLS = "item"  # what Ultralytics calls every class where it trains with single_cls=True


def match_class_names(model_names: Mapping[int, str], truth_names: Sequence[str]) -> dict[int, str]:
    """Pair as `paired_class_names` does, and insist that there is a pair.

    Raises:
        TruthError: where the detector and the truth have no class in common; the message lists both.
    """
    paired = paired_class_names(model_names, truth_names)
    if not paired:
        raise TruthError(
            f"detector and truth have no class name in common: the detector has {listed(model_names.values())}; "
            f"the truth has {listed(truth_names)}; {how_to_rename(truth_names, list(model_names.values()))}"
        )
    return paired


def paired_class_names(model_names: Mapping[int, str], truth_names: Sequence[str]) -> dict[int, str]:
    """Pair by name: exactly, else without regard to case, outer spaces and Unicode normal form where unambiguous.

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


def how_to_rename(truth_names: Sequence[str], model_names: Sequence[str]) -> str:
    """What to do about classes of a truth that a detector does not have, for a message.

    Args:
        truth_names: these classes.
        model_names: the classes that the detector has.
    """
    first = truth_names[:_ADVISED]
    if not truth_names or not model_names:
        return "name the classes on both sides"
    if list(map(_fold, model_names)) == [_SINGLE_CLS]:
        maps = " ".join(_option(name, model_names[0]) for name in first)
        more = " and so on" if len(truth_names) > len(first) else ""
        return (
            f"weights that were trained with single_cls=True call every class {printable(model_names[0])}: if these "
            f"were, give {maps}{more}"
        )
    near = [(name, found) for name in first if (found := nearest_name(name, model_names)) is not None]
    if not near and len(truth_names) == len(model_names) == 1:
        near = [(truth_names[0], model_names[0])]
    if near:
        return f"if they mean the same, give {' '.join(_option(*pair) for pair in near)}"
    return "give --class-map OLD=NEW for each class OLD of the truth that the detector calls NEW"


def parse_class_map(pairs: Sequence[str]) -> dict[str, str]:
    """Read a class map, in which several classes may become one.

    Args:
        pairs: each `OLD=NEW`: a class of the data, and what it is to be called. Blanks around names do not count.

    Returns:
        Old name to new name.

    Raises:
        ConfigError: where one is no pair, has an empty side, or renames a class again.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = (part.strip() for part in pair.partition("="))
        if not (old and equals and new):
            raise ConfigError(
                f"expected a class map of OLD=NEW, a class of the data and its new name, found {printable(pair)!r}"
            )
        if old in found:
            raise ConfigError(
                f"the class map renames {printable(old)} twice, to {printable(found[old])} and to {printable(new)}; "
                "keep one"
            )
        found[old] = new
    return found


def apply_class_map(names: Iterable[str], class_map: Mapping[str, str]) -> dict[str, str]:
    """What each class is called under a class map.

    Args:
        names: the classes of the data.
        class_map: old name to new name; an old one is found as `paired_class_names` finds them.

    Returns:
        Name to new name, in the order of the names; a name that is not in the map stays.

    Raises:
        TruthError: where the map has a class that the data does not have.
    """
    names = list(dict.fromkeys(names))
    olds = list(class_map)
    found = paired_class_names(dict(enumerate(olds)), names)
    for number, old in enumerate(olds):
        if number not in found:
            raise TruthError(
                f"the class map renames {printable(old)}, which the data does not have: it has {listed(names)}"
                f"{did_you_mean(old, names) or '; name one of these'}"
            )
    renamed = {name: class_map[olds[number]] for number, name in found.items()}
    return {name: renamed.get(name, name) for name in names}


def listed(names: Collection[str]) -> str:
    """The first names of many, for a message."""
    every = [printable(name) for name in names]
    shown = ", ".join(every[:_SHOWN]) or "none"
    return shown + (f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else "")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())


def _unambiguous(names: Sequence[str]) -> dict[str, str]:
    """Folded name to name, where only one name folds to it."""
    count = Counter(map(_fold, set(names)))
    return {_fold(name): name for name in names if count[_fold(name)] == 1}


def _option(old: str, new: str) -> str:
    return f"--class-map {shlex.quote(printable(f'{old}={new}'))}"
