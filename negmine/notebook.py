"""What results look like in a notebook: small tables and pictures, in HTML that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from negmine.errors import NegmineError
from negmine.images.thumbnails import data_uri, shrunk
from negmine.paths import printable
from negmine.structures import Image

_SIDE = 128  # of a picture, pixels
_CELL = "text-align:left;padding:1px 8px"
_CAPTION = "text-align:left;padding:1px 8px;font-weight:bold"
_FIGURE = "display:inline-block;margin:4px;width:132px;vertical-align:top;font-size:85%;overflow-wrap:anywhere"
_PICTURE = "max-width:128px;max-height:128px;display:block"


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers are shown with three digits after the point, and nothing where there is none."""
    head = "".join(f'<th style="{_CELL}">{_text(name)}</th>' for name in heads)
    lines = ("".join(f'<td style="{_CELL}">{_text(cell)}</td>' for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    above = f"<thead><tr>{head}</tr></thead>" if heads else ""
    caption = f'<caption style="{_CAPTION}">{_text(title)}</caption>'
    return f"<table>{caption}{above}<tbody>{body}</tbody></table>"


def facts(title: str, document: Mapping[str, object]) -> str:
    """A table of the single values in a document, as a result's `to_dict` gives it; names of nested ones are joined."""
    return table(title, (), _leaves(document, ""))


def gallery(pictures: Iterable[tuple[Callable[[], Image], str]]) -> str:
    """Pictures side by side, each with a line below it; where one cannot be read, the line alone.

    Args:
        pictures: each what reads an image [H, W, 3], or raises NegmineError, and the line.
    """
    figures = []
    for read, caption in pictures:
        image, text = "", _text(caption)
        with suppress(NegmineError):
            small = data_uri(shrunk(read(), _SIDE))
            image = f'<img src="{small}" alt="{text}" style="{_PICTURE}">'
        figures.append(f'<figure style="{_FIGURE}">{image}<figcaption>{text}</figcaption></figure>')
    return f"<div>{''.join(figures)}</div>" if figures else ""


def _leaves(value: Mapping[str, object], before: str) -> Iterable[tuple[str, object]]:
    for name, inside in value.items():
        words = f"{before} {name}".strip().replace("_", " ")
        if isinstance(inside, Mapping):
            yield from _leaves(inside, words)
        elif inside is not None and name != "schema_version" and not isinstance(inside, list | tuple):
            yield words, inside


def _text(value: object) -> str:
    if isinstance(value, float):
        value = f"{value:.3f}"
    return html.escape(printable("" if value is None else str(value)))
