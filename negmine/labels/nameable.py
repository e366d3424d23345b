"""Which classes a format can name: a name that its readers would change, or cannot read, is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from negmine.errors import ExportError
from negmine.paths import printable

_XML = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")  # the characters of XML 1.0
_SHOWN = 80  # characters of a name in a message


def require_nameable(names: Iterable[str], can_name: Callable[[str], bool], title: str, limit: str) -> None:
    """Refuse the first class that a format cannot name.

    Args:
        names: of the classes that are written.
        can_name: whether the format's readers find a name again as it is.
        title: of the format.
        limit: what the format takes, as the end of a sentence about it.

    Raises:
        ExportError: naming the class.
    """
    for name in names:
        if not can_name(name):
            shown = printable(name[:_SHOWN]) + ("..." if len(name) > _SHOWN else "")
            raise ExportError(
                f"the class '{shown}' cannot be written for {title}, {limit}; rename it with --class-map, or choose "
                "another --format"
            )


def is_xml(name: str) -> bool:
    """Whether XML can hold it."""
    return _XML.fullmatch(name) is not None


def is_stripped(name: str) -> bool:
    """Whether it has neither blanks around it nor nothing else: many readers take them off."""
    return bool(name) and name == name.strip()
