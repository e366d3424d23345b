"""A report as a browser reads it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from lxml import html

_WORD = re.compile(r"url\(|@import|http")


_ALONE = {"meta", "img", "br", "line", "path", "polygon", "polyline", "rect"}  # elements without an end


class _Strict(HTMLParser):
    """Takes only pages whose every element ends, in order, and has no attribute twice and no bare `<` or `&`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._open: list[str] = []

    def check(self, source: str) -> None:
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), (tag, self.getpos())
        if tag not in _ALONE:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _ALONE and "svg" in self._open, (tag, self.getpos())

    def handle_endtag(self, tag: str) -> None:
        assert tag in _ALONE or self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        assert self._open[-1:] == ["style"] or not re.search("[<&]", data), (data, self.getpos())


class Page:
    """A report, checked to hold all that it shows: nothing is fetched, and nothing runs."""

    def __init__(self, path: Path) -> None:
        self.bytes = path.read_bytes()
        self.source = self.bytes.decode("utf-8")
        _Strict().check(self.source)
        self.tree = html.document_fromstring(self.bytes, parser=html.HTMLParser(encoding="utf-8"))
        assert all(each.startswith("data:image/jpeg;base64,") for each in self.tree.xpath("//@src"))
        assert not self.tree.xpath("//@srcset | //@action | //@background | //*[contains(@style, 'url')]")
        assert not {"url(", "@import", "http"} & {*_WORD.findall("".join(self.tree.xpath("//style/text()")))}
        assert not self.tree.xpath("//script | //link | //iframe | //object | //*[@onclick or @onerror or @onload]")
        ids = self.tree.xpath("//@id")
        assert len(ids) == len(set(ids))
        assert {link[1:] for link in self.tree.xpath("//a/@href")} <= set(ids)
        assert all(picture.get("alt") for picture in self.tree.xpath("//img"))
        assert all(drawn.get("aria-label") for drawn in self.tree.xpath("//svg"))
        assert all(cell.get("scope") for cell in self.tree.xpath("//th"))

    @property
    def text(self) -> str:
        """What is read, each run of white space as one space."""
        return _text(self.tree.body)

    def section(self, name: str) -> str:
        """The text from a heading of this id to the next one."""
        (heading,) = self.tree.xpath("//h2[@id=$name]", name=name)
        parts = [_text(heading)]
        for each in heading.itersiblings():
            if each.tag == "h2":
                break
            parts.append(_text(each))
        return " ".join(parts)

    def pictures(self, title: str) -> list[str]:
        """What is said of each picture under a heading."""
        for heading in self.tree.xpath("//h3 | //h4"):
            if _text(heading).startswith(title):
                row = heading.xpath(
                    "following-sibling::*[self::ul[@class='gallery'] or self::h2 or self::h3 or self::h4]"
                )
                items = row[0].xpath("li") if row and row[0].tag == "ul" else []
                return [_text(item) for item in items]
        raise AssertionError(f"no heading {title}")


def _text(element: html.HtmlElement) -> str:
    return " ".join(" ".join(element.xpath(".//text()")).split())
