"""Negatives as pictures: with the boxes of their false positives, alone or many on one sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import cv2
import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.browsing import digits, find, findings, first, in_crop, in_order
from negmine.bank.filters import EVERY_NEGATIVE, NegativeFilter, ReviewState, Sort
from negmine.bank.negative_files import read_negative
from negmine.bank.records import Negative
from negmine.errors import BankError, ImageError
from negmine.files import reason_of, write_file
from negmine.images.codecs import decode_image
from negmine.images.drawing import Colour, draw_box
from negmine.images.header import read_header
from negmine.images.resizing import resize_without_stretching
from negmine.inside import read_plain
from negmine.paths import printable
from negmine.structures import Image

SCHEMA_VERSION = 1
MOST_TILES = 1000  # on a sheet
_SUFFIXES = (".jpg", ".png")
_TILE_WH, _TEXT_PX = (240, 180), 40
_MARGIN = 6  # pixels around a tile
_BOX: Colour = (0, 0, 255)
_FONT, _FONT_SCALE, _FONT_CHARACTERS = cv2.FONT_HERSHEY_SIMPLEX, 0.42, 32  # that fit beneath a tile
_GREY = 200
_BADGE = 26  # pixels
_WHITE: Colour = (255, 255, 255)
_VERDICTS: Mapping[ReviewState, Colour] = {"accepted": (70, 125, 30), "rejected": (38, 38, 180), "target": (0, 95, 160)}


@dataclass(frozen=True, slots=True)
class SheetResult:
    """A sheet that was drawn.

    Attributes:
        out: its file.
        drawn: negatives on it.
        found: how many there were to choose from.
        unreadable: why a negative has an empty place, by the name of its file.
    """

    out: Path
    drawn: int
    found: int
    unreadable: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": printable(self.out),
            "drawn": self.drawn,
            "found": self.found,
            "unreadable": [{"file": file, "reason": reason} for file, reason in self.unreadable],
        }


def picture(bank: Bank, negative: Negative) -> Image:
    """A negative with the boxes of its false positives.

    Returns:
        [H, W, 3] uint8 BGR.

    Raises:
        ImageError: where its file is gone, has changed, or is no image.
    """
    image = decode_image(read_negative(bank.folder, negative.sha256)).copy()
    width = max(1, round(max(image.shape[:2]) / 160))
    for finding in findings(bank, negative):
        box = in_crop(finding.box_xyxy, negative.rect, (image.shape[1], image.shape[0])) if finding.is_here else None
        if box is not None:
            draw_box(image, box, _BOX, width=width)
    return image


def picture_in(folder: Path, sha256: str) -> Image:
    """`picture`, of a negative in a bank that is not open.

    Raises:
        BankError: where the bank cannot be read, or does not have it.
        ImageError: as `picture`.
    """
    with Bank(folder) as bank:
        (negative,) = bank.negatives([find(bank, sha256)])
        return picture(bank, negative)


def write_sheet(
    bank: Bank, out: str | Path, which: NegativeFilter = EVERY_NEGATIVE, sort: Sort = "score", *, limit: int = 20
) -> SheetResult:
    """Draw negatives with their boxes on one sheet, each above its short hash, its score and its class.

    A negative with a verdict has the sign and the word for it, and a frame of its colour.

    The same bank gives the same bytes.

    Args:
        bank: open.
        out: a `.png` or `.jpg`; an image that is there is replaced.
        which: negatives are meant.
        sort: the order.
        limit: how many, the first; from 1 to MOST_TILES.

    Raises:
        BankError: where there is none.
        ImageError: where `out` is to be no such image, holds something else, or cannot be written.
    """
    out = Path(out)
    _require_image(out)
    if not 1 <= limit <= MOST_TILES:
        raise ImageError(f"expected 1 to {MOST_TILES} negatives on a sheet, found {limit}; draw several sheets")
    numbers, found = first(bank, which, sort, limit=limit)
    if not numbers:
        raise BankError(
            f"bank {printable(bank.folder)} has no such negative to draw; `negmine bank stats` shows what it has"
        )
    negatives, short = in_order(bank, numbers), digits(bank)
    unreadable: list[tuple[str, str]] = []
    tiles = []
    for negative in negatives:
        try:
            image: Image | None = picture(bank, negative)
        except ImageError as error:
            unreadable.append((negative.path.name, str(error)))
            image = None
        tiles.append(_tile(image, _lines(negative, short)))
        if negative.review in _VERDICTS:
            _mark(tiles[-1], negative.review)
    _write(out, _arranged(tiles))
    return SheetResult(out, len(negatives), found, tuple(unreadable))


def _lines(negative: Negative, short: int) -> tuple[str, str]:
    """What is written beneath a negative."""
    verdict = "" if negative.review == "unreviewed" else f"  {negative.review}"
    return f"{negative.sha256[:short]}  {negative.score:.2f}{verdict}", negative.class_name


def _mark(tile: Image, state: ReviewState) -> None:
    """Put a verdict's frame around the picture, and its sign in the corner: a tick, a cross or a ring with a dot."""
    (width, height), colour = _TILE_WH, _VERDICTS[state]
    cv2.rectangle(tile, (3, 3), (2 * _MARGIN + width - 4, 2 * _MARGIN + height - 4), colour, 3)
    cv2.rectangle(tile, (2, 2), (2 + _BADGE, 2 + _BADGE), colour, -1)

    def stroke(*points: tuple[int, int]) -> None:
        cv2.polylines(tile, [np.array(points, dtype=np.int32)], False, _WHITE, 2, cv2.LINE_AA)

    if state == "accepted":
        stroke((8, 16), (13, 21), (22, 9))
    elif state == "rejected":
        stroke((9, 9), (21, 21))
        stroke((21, 9), (9, 21))
    else:
        cv2.circle(tile, (15, 15), 8, _WHITE, 2, cv2.LINE_AA)
        cv2.circle(tile, (15, 15), 3, _WHITE, -1, cv2.LINE_AA)


def _tile(image: Image | None, lines: Sequence[str]) -> Image:
    """A picture above its text; a grey field where there is none."""
    width, height = _TILE_WH
    tile = np.full((height + _TEXT_PX + 2 * _MARGIN, width + 2 * _MARGIN, 3), 255, dtype=np.uint8)
    shown = tile[_MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width]
    shown[:] = _GREY if image is None else resize_without_stretching(image, _TILE_WH, pad=255)
    for index, line in enumerate(lines):
        at = (_MARGIN, _MARGIN + height + 15 + 16 * index)
        cv2.putText(tile, _drawable(line), at, _FONT, _FONT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def _drawable(text: str) -> str:
    """Text that the font has, cut to what fits: escapes for all but ASCII."""
    plain = printable(text).encode("ascii", "backslashreplace").decode("ascii")
    return plain if len(plain) <= _FONT_CHARACTERS else f"{plain[: _FONT_CHARACTERS - 3]}..."


def _arranged(tiles: Sequence[Image]) -> Image:
    """Tiles in rows, about as many as there are columns."""
    columns = isqrt(len(tiles) - 1) + 1
    blank = np.full_like(tiles[0], 255)
    rows = [[*tiles[start : start + columns]] for start in range(0, len(tiles), columns)]
    rows[-1] += [blank] * (columns - len(rows[-1]))
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])


def _require_image(out: Path) -> None:
    """Refuse to write anything but an image, or over anything else."""
    where = printable(out)
    if out.suffix.lower() not in _SUFFIXES:
        ends = " or ".join(_SUFFIXES)
        raise ImageError(f"expected the name of a sheet to end in {ends}, found {where}; name another with --out")
    try:
        if out.is_symlink() or out.exists():
            read_header(read_plain(out))
    except (OSError, ImageError) as error:
        raise ImageError(
            f"{where} exists and is not an image, so it is not replaced; name another with --out"
        ) from error


def _write(out: Path, sheet: Image) -> None:
    done, data = cv2.imencode(out.suffix.lower(), sheet)
    if not done:
        raise ImageError(f"{printable(out)}: the sheet is too large for this format; use .png, or draw fewer negatives")
    try:
        write_file(out, data.tobytes())
    except OSError as error:
        raise ImageError(f"{printable(out)}: {reason_of(error)}; name another with --out") from error
