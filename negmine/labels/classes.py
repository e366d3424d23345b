"""Pairing the classes of a detector with those of a truth, by name or by a class map: the one place that knows how.

A class map says OLD=NEW: class OLD is read as NEW. The labels that have OLD are renamed; a detector that has OLD, and
no label of that name, pairs with the labels called NEW.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from negmine.errors import ConfigError, TruthError
from negmine.files import read_regular, reason_of
from negmine.paths import printable
from negmine.words import did_you_mean, nearest_name

_SHOWN = 12  # names of a long list
_ADVISED = 3  # names for which the nearest is looked for
_SINGLE_CLS = "item"  # what Ultralytics calls every class where it trains with single_cls=True
_NO_MAP: Mapping[str, str] = MappingProxyType({})
_YAML = (".yaml", ".yml")


def match_class_names(
    model_names: Mapping[int, str], truth_names: Sequence[str], class_map: Mapping[str, str] = _NO_MAP
) -> dict[int, str]:
    """Pair as `paired_class_names` does, and insist that there is a pair.

    Raises:
        TruthError: where the detector and the truth have no class in common; the message lists both.
    """
    paired = paired_class_names(model_names, truth_names, class_map)
    if not paired:
        raise TruthError(
            f"detector and labels have no class name in common: the detector has {listed(model_names.values())}; "
            f"the labels have {listed(truth_names)}; {how_to_rename(truth_names, list(model_names.values()))}"
        )
    return paired


def paired_class_names(
    model_names: Mapping[int, str], truth_names: Sequence[str], class_map: Mapping[str, str] = _NO_MAP
) -> dict[int, str]:
    """Pair by name: exactly, else without regard to case, outer spaces and Unicode normal form where unambiguous.

    Args:
        model_names: the detector's class id to name.
        truth_names: the classes that the truth lists, by the names that the class map gives them.
        class_map: old name to new name; a class of the detector without a pair of its own name is read as the new one.

    Returns:
        Class id to the truth's name, for the classes that both have.
    """
    paired = _paired(model_names, truth_names)
    left = {number: name for number, name in model_names.items() if number not in paired}
    renamed = _renamed(list(left.values()), class_map)
    return paired | _paired({number: renamed[name] for number, name in left.items() if name in renamed}, truth_names)


def _paired(model_names: Mapping[int, str], truth_names: Sequence[str]) -> dict[int, str]:
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
    return "give --class-map OLD=NEW for each class OLD of the one that the other calls NEW"


def parse_class_map(texts: Sequence[str]) -> dict[str, str]:
    """Read a class map, in which several classes may become one.

    Args:
        texts: each `OLD=NEW`, a class of the data or of the detector and the name that it is read by, or the path of a
            file of them: a `.yaml` that maps OLD to NEW, or text with a pair in each line. Blanks around names do not
            count.

    Returns:
        Old name to new name.

    Raises:
        ConfigError: where one is neither, has an empty side, or renames a class again.
    """
    found: dict[str, str] = {}
    for text in texts:
        for old, new in _pairs_in(Path(text)) if "=" not in text and Path(text).is_file() else [_pair(text)]:
            if old in found:
                raise ConfigError(
                    f"the class map renames {printable(old)} twice, to {printable(found[old])} and to "
                    f"{printable(new)}; keep one"
                )
            found[old] = new
    return found


def _pairs_in(path: Path) -> list[tuple[str, str]]:
    """The pairs in a file.

    Raises:
        ConfigError: where it cannot be read, or has something else.
    """
    from negmine.plain_yaml import MAX_YAML, YamlError, load_yaml

    where = f"{printable(path)}: "
    try:
        text = read_regular(path, most=MAX_YAML).decode("utf-8-sig")
        if path.suffix.lower() not in _YAML:
            return [_pair(line, where) for line in text.splitlines() if line.strip()]
        document = load_yaml(text)
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise ConfigError(f"{where}cannot read the class map: {reason_of(error)}; correct the file") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{where}expected a class map, `OLD: NEW` in each line; correct the file")
    return [_stripped(old, new, f"{old}: {new}", where) for old, new in document.items()]


def _pair(text: str, where: str = "") -> tuple[str, str]:
    old, _, new = text.partition("=")
    return _stripped(old, new, text, where)


def _stripped(old: object, new: object, text: str, where: str) -> tuple[str, str]:
    pair = tuple(str(each).strip() if isinstance(each, (str, int)) else "" for each in (old, new))
    if not all(pair):
        raise ConfigError(
            f"{where}expected a class map of OLD=NEW, a class and the name that it is read by, or a file of them; "
            f"found {printable(text)!r}"
        )
    return pair[0], pair[1]


def apply_class_map(names: Iterable[str], class_map: Mapping[str, str]) -> dict[str, str]:
    """What each class of the data is called under a class map.

    Args:
        names: the classes of the data.
        class_map: old name to new name; an old one is found as `paired_class_names` finds them.

    Returns:
        Name to new name, in the order of the names; a name that is not in the map stays.

    Raises:
        TruthError: where the data has neither name of a pair. With the new one alone, the pair is for the detector.
    """
    names = list(dict.fromkeys(names))
    _require_known(class_map, names, "the data")
    renamed = _renamed(names, class_map)
    return {name: renamed.get(name, name) for name in names}


def require_known_to_detectors(
    class_map: Mapping[str, str], model_names: Sequence[str], left: Mapping[str, str], truth_names: Sequence[str]
) -> None:
    """Insist that every pair of a class map is about a class that a detector has.

    Args:
        class_map: old name to new name.
        model_names: the classes of all detectors.
        left: the pairs whose old name is none of the data; see `pairs_for_detectors`.
        truth_names: the classes of the data.

    Raises:
        TruthError: where none has the old name or the new one, or neither the data nor a detector has the old one.
    """
    _require_known(class_map, list(model_names), "the detector")
    require_old_names(left, model_names, truth_names)


def require_old_names(left: Mapping[str, str], model_names: Sequence[str], truth_names: Sequence[str]) -> None:
    """Insist that the old name of each pair is of the data or of a detector.

    Args:
        left: the pairs whose old name is none of the data; see `pairs_for_detectors`.
        model_names: the classes of all detectors; none where there is no detector.
        truth_names: the classes of the data.

    Raises:
        TruthError: naming one that neither has, and the nearest name.
    """
    for old, new in left.items():
        if not _paired({0: old}, model_names):
            every = list(dict.fromkeys([*truth_names, *model_names]))
            whose = "neither the data nor a detector has a class" if model_names else "the data has no class"
            raise TruthError(
                f"the class map reads {printable(old)} as {printable(new)}, and {whose} {printable(old)!r}: there is "
                f"{listed(every)}{did_you_mean(old, every) or '; name one of these'}"
            )


def pairs_for_detectors(names: Sequence[str], class_map: Mapping[str, str]) -> dict[str, str]:
    """The pairs of a class map whose old name is none of the data.

    Args:
        names: the classes of the data, by their own names.
        class_map: old name to new name.
    """
    olds = dict(enumerate(class_map))
    of_data = _paired(olds, names)
    return {old: class_map[old] for number, old in olds.items() if number not in of_data}


def _renamed(names: Sequence[str], class_map: Mapping[str, str]) -> dict[str, str]:
    """Those of some names that a class map renames, with their new names."""
    olds = list(class_map)
    return {name: class_map[olds[number]] for number, name in _paired(dict(enumerate(olds)), names).items()}


def _require_known(class_map: Mapping[str, str], names: Sequence[str], whose: str) -> None:
    for old, new in class_map.items():
        if not (_paired({0: old}, names) or _paired({0: new}, names)):  # of " van" as van both are one, folded
            advice = did_you_mean(old, names) or did_you_mean(new, names) or "; name one of these"
            raise TruthError(
                f"the class map reads {printable(old)} as {printable(new)}, and {whose} has neither: it has "
                f"{listed(names)}{advice}"
            )


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
