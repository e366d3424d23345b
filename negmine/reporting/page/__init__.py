"""The page of a report, from templates in this folder. Everything that is put in is escaped."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from negmine._version import __version__
from negmine.reporting.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from negmine.words import counted, one_line

MARK = b"<!-- written by negmine report -->"  # near the beginning of each

_SIZE = {
    "width": WIDTH,
    "height": HEIGHT,
    "left": LEFT,
    "right": WIDTH - RIGHT,
    "top": TOP,
    "bottom": HEIGHT - BOTTOM,
}


def fill_page(content: Mapping[str, object]) -> bytes:
    """The page.

    Args:
        content: what the templates show. Text is put on one line, without control characters, and escaped.
    """
    environment = Environment(
        loader=PackageLoader("negmine.reporting", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        keep_trailing_newline=True,
    )
    environment.globals |= {"counted": counted, "size": _SIZE, "version": __version__}
    return environment.get_template("report.html").render(content).encode()


def _plain(value: object) -> object:
    return one_line(value) if type(value) is str else value
