"""What the page asks, read from a request: anything else than expected is an error that says so."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args
from urllib.parse import unquote_to_bytes

from starlette.datastructures import QueryParams
from starlette.requests import Request

from negmine.bank.filters import SORTS, NegativeFilter, ReviewState, Sort
from negmine.bank.index import HASH_DIGITS
from negmine.errors import ConfigError
from negmine.trainable import held_back

_T = TypeVar("_T", bound=str)
Kind = Literal["negatives", "misses"]
_MOST_ROWS = 500
_MOST_BYTES = 8 << 20  # of a body: the numbers and hashes of a few hundred thousand negatives
_PREFIX = re.compile(rf"[0-9a-f]{{{HASH_DIGITS},64}}")
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about which negatives.

    Attributes:
        prefixes: how the sha256 of each begins, by its number.
        state: the verdict.
        kind: what they are.
    """

    prefixes: Mapping[int, str]
    state: ReviewState
    kind: Kind


@dataclass(frozen=True, slots=True)
class Undoing:
    """Which act is to be taken back, in the bank that the page shows."""

    act_id: int
    bank_key: str


def kind(asked: QueryParams) -> Kind:
    """What the page shows.

    Raises:
        ConfigError: for anything else.
    """
    return _one_of(get_args(Kind), asked.get("kind", "negatives"), "kind")


def negative_filter(asked: QueryParams) -> NegativeFilter:
    """Which negatives are shown.

    Raises:
        ConfigError: where a value is none that it could have.
    """
    folder = asked.get("folder")
    which = NegativeFilter(
        classes=tuple(asked.getlist("class")),
        states=tuple(_one_of(get_args(ReviewState), text, "state") for text in asked.getlist("state")),
        runs=tuple(whole(text, "run") for text in asked.getlist("run")),
        min_score=_number(asked.get("min"), "min"),
        max_score=_number(asked.get("max"), "max"),
        folder=Path(os.fsdecode(unquote_to_bytes(folder))) if folder else None,
    )
    return held_back(which) if asked.get("held") else which


def sort(asked: QueryParams) -> Sort:
    """In which order they are shown."""
    return _one_of(SORTS, asked.get("sort", "score"), "sort")


def whole(text: str, what: str) -> int:
    """A whole number.

    Raises:
        ConfigError: for anything else, and where SQLite has no number as large.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) < _LARGEST):
        raise ConfigError(f"expected a whole number for {what}, found {text[:20]!r}")
    return int(text)


def ids(asked: QueryParams) -> list[int]:
    """The numbers of the negatives, or likely misses, whose rows are asked for."""
    found = whole_numbers(asked, "ids")
    if len(found) > _MOST_ROWS:
        raise ConfigError(f"expected at most {_MOST_ROWS} ids, found {len(found)}")
    return found


def whole_numbers(asked: QueryParams, name: str) -> list[int]:
    """Whole numbers with commas between them; see `whole`."""
    return [whole(text, name) for text in asked.get(name, "").split(",") if text]


async def verdict(request: Request) -> Verdict:
    """What is to be decided.

    Raises:
        ConfigError: where the body is something else.
    """
    body = await _body(request)
    ids, sha256s, state = body.get("ids"), body.get("sha256s"), body.get("state")
    if not isinstance(ids, list) or not all(type(each) is int and 0 <= each < _LARGEST for each in ids):
        raise ConfigError("expected a list of whole numbers in ids")
    if not isinstance(sha256s, list) or len(sha256s) != len(ids) or not all(map(_is_prefix, sha256s)):
        raise ConfigError(f"expected the first {HASH_DIGITS} or more hex digits of a hash in sha256s for each of ids")
    if not isinstance(state, str):
        raise ConfigError("expected text in state")
    kind = body.get("kind", "negatives")
    if not isinstance(kind, str):
        raise ConfigError("expected text in kind")
    return Verdict(
        dict(zip(ids, sha256s, strict=True)),
        _one_of(get_args(ReviewState), state, "state"),
        _one_of(get_args(Kind), kind, "kind"),
    )


async def undoing(request: Request) -> Undoing:
    """What is to be taken back.

    Raises:
        ConfigError: where the body is something else.
    """
    body = await _body(request)
    act_id, bank_key = body.get("act"), body.get("bank")
    if type(act_id) is not int or not 0 <= act_id < _LARGEST:
        raise ConfigError("expected a whole number in act")
    if not isinstance(bank_key, str):
        raise ConfigError("expected text in bank")
    return Undoing(act_id, bank_key)


def _is_prefix(value: object) -> bool:
    return isinstance(value, str) and _PREFIX.fullmatch(value) is not None


async def _body(request: Request) -> dict[str, object]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ConfigError("expected a body of application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise ConfigError(f"expected a body of at most {_MOST_BYTES >> 20} MiB")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConfigError("expected a body of JSON") from error
    if not isinstance(document, dict):
        raise ConfigError("expected a JSON object")
    return document


def _one_of(names: tuple[_T, ...], text: str, what: str) -> _T:
    for name in names:
        if name == text:
            return name
    raise ConfigError(f"expected {what} to be one of {', '.join(names)}, found {text[:20]!r}")


def _number(text: str | None, what: str) -> float | None:
    if text is None or text == "":
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"expected a number for {what}, found {text[:20]!r}")
    return number
