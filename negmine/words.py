"""Words for people."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable


def one_line(text: str) -> str:
    """Text as one line of valid Unicode: control characters and bytes that are not UTF-8 become escapes."""
    valid = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in valid)


def is_unicode(text: str) -> bool:
    """Whether text can be written: it has no half of a pair of UTF-16, as JSON and pickles may give it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun: `1 class`, `2 classes`, `0 images`.

    Args:
        number: of things.
        singular: their name.
        plural: their name where there is not just one; None for the singular and an `s`.
    """
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The name most like another, such as `traffic light` for `Traffic_Lights`; None where none is like it."""
    by_letters = {_letters(each): each for each in names}
    found = difflib.get_close_matches(_letters(name), by_letters, n=1)
    return by_letters[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message about a name that is not among others: `; did you mean 'cat'?`, or nothing."""
    nearest = nearest_name(name, names)
    return "" if nearest is None else f"; did you mean {nearest!r}?"


def _letters(name: str) -> str:
    """Without case, signs and Unicode's different forms of letters."""
    return re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()
