"""The web application: one page, of negatives or of likely misses, what it asks for, and what it decides."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from negmine.bank.browsing import source_image
from negmine.errors import BankError, ImageError, NegmineError
from negmine.paths import printable
from negmine.reviewing import documents, likely_misses, questions
from negmine.reviewing.guard import TOKEN_HEADER, Access, Guard
from negmine.reviewing.pictures import Pictures
from negmine.reviewing.reviewed_bank import ReviewedBank
from negmine.reviewing.thumbnails import Thumbnails
from negmine.structures import IntArray
from negmine.trainable import held_back

_HERE = Path(__file__).parent
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FOR_EVER = "private, max-age=31536000, immutable"  # the name says what is in it
_NOT_OF_MISSES: documents.Document = {"held_back": 0, "last_act": 0, "undoable": None}
_FOR_MINUTES = "private, max-age=300"  # the file may go away


def make_app(bank: ReviewedBank, access: Access, thumbnails: Thumbnails) -> Starlette:
    """The application for one bank.

    Args:
        bank: open; the caller closes it.
        access: what a request must say to get an answer.
        thumbnails: that were made before.
    """
    site = _Site(bank, access, Pictures(bank.folder, thumbnails))

    @asynccontextmanager
    async def trimmed(_: Starlette) -> AsyncIterator[None]:
        trimming = asyncio.create_task(asyncio.to_thread(thumbnails.trim))
        yield
        await trimming

    return Starlette(
        routes=[
            Route("/", site.page),
            Route("/api/facets", site.facets),
            Route("/api/changes", site.changes),
            Route("/api/list", site.list),
            Route("/api/rows", site.rows),
            Route("/api/negatives/{number:int}", site.details),
            Route("/api/misses/{number:int}", site.miss),
            Route("/api/decide", site.decide, methods=["POST"]),
            Route("/api/undo", site.undo, methods=["POST"]),
            Route("/thumbnails/{sha256}.jpg", site.thumbnail),
            Route("/crops/{sha256}.jpg", site.crop),
            Route("/misses/{sha256}.jpg", site.part),
            Route("/sources/{sha256}.jpg", site.source),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={NegmineError: _refused, ImageError: _gone, HTTPException: _http},
        lifespan=trimmed,
    )


class _Site:
    """The answers."""

    def __init__(self, bank: ReviewedBank, access: Access, pictures: Pictures) -> None:
        self._bank = bank
        self._access = access
        self._pictures = pictures
        self._facets: tuple[str, documents.Document] = ("", {})
        loader = jinja2.FileSystemLoader(_HERE / "templates")
        self._templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)

    async def page(self, request: Request) -> Response:
        """The page. It holds the token where the address did; later, the script has kept it."""
        token = request.query_params.get("token")
        text = self._templates.get_template("review.html").render(
            bank=printable(self._bank.folder), token=token if self._access.knows(token) else "", header=TOKEN_HEADER,
            read_only=self._bank.read_only, bank_key=self._bank.key, kind=questions.kind(request.query_params),
        )  # fmt: skip
        response = HTMLResponse(text)
        response.set_cookie(self._access.cookie, self._access.cookie_value, path="/", httponly=True, samesite="strict")
        return response

    async def facets(self, request: Request) -> Response:
        """What can be filtered by."""
        if questions.kind(request.query_params) == "misses":
            return JSONResponse(likely_misses.facets(await self._bank.gaps()))
        index, version = await self._bank.index(), self._bank.version
        if self._facets[0] != version:
            self._facets = version, await self._bank.read_long(lambda bank: documents.facets(bank, index))
        return JSONResponse(self._facets[1])

    async def changes(self, request: Request) -> Response:
        """What has changed, and how far the review is; asked for again and again."""
        await self._bank.look()
        return JSONResponse(await self._progress(questions.kind(request.query_params)))

    async def list(self, request: Request) -> Response:
        """Which negatives are shown: the number of each, its cluster, its place
        and the first digits of its hash, in 32 bits each, little-endian."""
        asked = request.query_params
        which, order = questions.negative_filter(asked), questions.sort(asked)
        if questions.kind(asked) == "misses":
            gaps, also = (await self._bank.gaps()).values(), frozenset(questions.whole_numbers(asked, "also"))
            return _packed(likely_misses.listed(gaps, which, also))
        chosen = await self._bank.select(which, order, questions.whole(asked.get("since", "0"), "since"))
        return _packed(chosen)

    async def rows(self, request: Request) -> Response:
        """What tiles show."""
        ids = questions.ids(request.query_params)
        if questions.kind(request.query_params) == "misses":
            return JSONResponse(likely_misses.rows(await self._bank.gaps(), ids))
        return JSONResponse(await self._bank.read(lambda bank: documents.rows(bank, ids)))

    async def details(self, request: Request) -> Response:
        """What the large view shows."""
        number: int = request.path_params["number"]
        return JSONResponse(await self._bank.read(lambda bank: documents.details(bank, number)))

    async def miss(self, request: Request) -> Response:
        """What the large view shows of a likely miss."""
        gap = (await self._bank.gaps()).get(request.path_params["number"])
        if gap is None:
            raise BankError("this likely miss is no longer in the bank; a scan took it out")
        return JSONResponse(await self._bank.read(lambda bank: likely_misses.details(bank, gap)))

    async def decide(self, request: Request) -> Response:
        """Store a verdict."""
        wanted = await questions.verdict(request)
        if wanted.kind == "misses":
            changed = await self._bank.judge_gaps(wanted.prefixes, wanted.state)
            document = likely_misses.act(changed, wanted.state)
            return JSONResponse({"act": document, **await self._progress("misses")})
        done = await self._bank.decide(wanted.prefixes, wanted.state)
        return JSONResponse({"act": documents.act(done), **await self._progress()})

    async def undo(self, request: Request) -> Response:
        """Take a verdict back."""
        wanted = await questions.undoing(request)
        done = await self._bank.undo(wanted.act_id, wanted.bank_key)
        return JSONResponse({"act": documents.act(done), **await self._progress()})

    async def thumbnail(self, request: Request) -> Response:
        """A small picture of a negative."""
        sha256 = _sha256(request)
        return _jpeg(await run_in_threadpool(self._pictures.thumbnail, sha256), _FOR_EVER)

    async def crop(self, request: Request) -> Response:
        """A negative."""
        sha256 = _sha256(request)
        return _jpeg(await run_in_threadpool(self._pictures.crop, sha256), _FOR_EVER)

    async def part(self, request: Request) -> Response:
        """The part of a frame in which a thing was likely missed."""
        sha256 = _sha256(request)
        gap = next((each for each in (await self._bank.gaps()).values() if each.sha256 == sha256), None)
        if gap is None:
            raise ImageError("the bank has no likely miss with this hash")
        rect = likely_misses.shown_rect(gap)
        data = await run_in_threadpool(self._pictures.part, gap.source, gap.source_sha256, rect, sha256)
        return _jpeg(data, _FOR_EVER)

    async def source(self, request: Request) -> Response:
        """An image that was scanned."""
        sha256 = _sha256(request)
        found = await self._bank.read(lambda bank: source_image(bank, sha256))
        if found is None:
            raise ImageError("the bank has no image with this hash")
        return _jpeg(await run_in_threadpool(self._pictures.source, found.path, sha256), _FOR_MINUTES)

    async def _progress(self, kind: questions.Kind = "negatives") -> documents.Document:
        index, gaps = await self._bank.index(), await self._bank.gaps()
        counts: documents.Document = {"negatives": len(index.ids), "misses": len(gaps)}
        if kind == "misses":
            return {
                **_NOT_OF_MISSES,
                "counts": counts,
                "version": likely_misses.stamp(gaps),
                "decisions": likely_misses.decisions(gaps),
                "states": likely_misses.states(gaps),
            }
        last, undoable = await self._bank.last_acts()
        return {
            "counts": counts,
            "version": self._bank.version,
            "decisions": self._bank.decisions,
            "states": index.state_counts(),
            "held_back": index.count(held_back()),
            "last_act": last,
            "undoable": None if undoable is None else asdict(undoable),
        }


def _packed(rows: IntArray) -> Response:
    return Response(rows.astype("<i4").tobytes(), media_type="application/octet-stream")


def _sha256(request: Request) -> str:
    found: str = request.path_params["sha256"]
    if not _SHA256.fullmatch(found):
        raise HTTPException(404)
    return found


def _jpeg(data: bytes, kept: str) -> Response:
    return Response(data, media_type="image/jpeg", headers={"cache-control": kept})


def _said(status: int) -> Callable[[Request, Exception], Response]:
    return lambda request, error: JSONResponse({"error": str(error)}, status)


_refused, _gone = _said(409), _said(404)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
