"""Classes that a user named, and those that a detector has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from negmine.errors import ConfigError

_NAMES_SHOWN = 10


def wanted_classes(wanted: Sequence[str], class_names: Mapping[int, str]) -> list[int] | None:
    """The ids of the classes that a user named; None where none was.

    Raises:
        ConfigError: for a name that is not among them.
    """
    unknown = [name for name in wanted if name not in class_names.values()]
    if unknown:
        known = list(class_names.values())
        more = f" and {len(known) - _NAMES_SHOWN} more" if len(known) > _NAMES_SHOWN else ""
        raise ConfigError(
            f"the model has no class {', '.join(unknown)}; it has {', '.join(known[:_NAMES_SHOWN])}{more}"
        )
    return [index for index, name in class_names.items() if name in wanted] if wanted else None
