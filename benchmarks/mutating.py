"""Changes to well-formed data that keep most of its structure, so that readers get far before they meet one."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache

ODD_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
ODD_VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    0.5,
    -0.0,
    1e308,
    1e-320,
    float("nan"),
    float("inf"),
    "",
    " ",
    "/",
    "..",
    "a/../../b",
    "\0",
    "\n",
    "\x1b[2J\x1b]0;x\x07",
    "\ud800",
    "ä" * 300,
    "x" * 5000,
    "1_0",
    "0x10",
    [],
    [[]],
    {},
    {"": None},
    [0] * 1000,
    [None, "a", 1.5],
    {"a": {"a": {"a": []}}},
)
ODD_WORDS = (
    "",
    "0",
    "-1",
    "nan",
    "inf",
    "1e999",
    "1e-999",
    "0x1",
    "1:90",
    "190:20:30.15",
    "!!int x",
    "!!float ''",
    "!!timestamp x",
    "!!binary =",
    "!!python/object:os.system [ls]",
    "&a [*a]",
    "<<: *a",
    "*b",
    "{",
    "[",
    "]",
    "}",
    "'",
    '"',
    "|",
    ">",
    "%",
    "\t",
    "/",
    "//",
    "..",
    "./",
    "~",
    "/dev/zero",
    "/dev/stdin",
    "a" * 300,
    "a" * 5000,
    "\x00",
    "\x1b[31m",
    "\u2028",
    "é",
    "-" * 40,
    "<!DOCTYPE a [<!ENTITY b 'c'>]>",
    "&b;",
    "<object>",
    "</object>",
    "<bndbox/>",
    "<xmin>1</xmin>",
    "]]>",
    "<!--",
    "\\ud800",
)

_LARGE = 1 << 17  # bytes; what is larger is not repeated

Change = Callable[[random.Random, bytes], bytes]


def changed_bytes(rng: random.Random, data: bytes) -> bytes:
    """One to six changes anywhere, more often near the beginning."""
    for _ in range(rng.randint(1, 6)):
        data = rng.choice(_CHANGES)(rng, data)
    return data


def changed_text(rng: random.Random, text: str, words: Sequence[str] = ODD_WORDS) -> str:
    """One to four changes of words, lines or bytes."""
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(5)
        if kind == 0:
            text = re.sub(
                re.escape(rng.choice(re.findall(r"[\w.]+", text) or [""])),
                lambda _: rng.choice(words),
                text,
                count=1,
            )
        elif kind == 1:
            lines = text.split("\n")
            lines.insert(rng.randrange(len(lines) + 1), rng.choice([*lines, *words]))
            text = "\n".join(lines)
        elif kind == 2:
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(words) * rng.choice((1, 1, 1, 50)) + text[at:]
        elif kind == 3:
            text = text[: rng.randrange(len(text) + 1)]
        else:
            lines = text.split("\n")
            rng.shuffle(lines)
            text = "\n".join(lines)
    return text


def changed_tree(rng: random.Random, value: object, chance: float = 0.04) -> object:
    """JSON values of which some are replaced, dropped, doubled or renamed."""
    if rng.random() < chance:
        return rng.choice(ODD_VALUES)
    if isinstance(value, dict):
        items = [(key, changed_tree(rng, each, chance)) for key, each in value.items() if rng.random() > chance / 2]
        return {
            (rng.choice(("", "id", "\ud800", "0", key)) if rng.random() < chance / 2 else key): each
            for key, each in items
        }
    if isinstance(value, list):
        items_ = [changed_tree(rng, each, chance) for each in value if rng.random() > chance / 2]
        return items_ + items_[:1] if rng.random() < chance else items_
    return value


def changed_image(rng: random.Random, data: bytes) -> bytes:
    """Changes to the parts of an image file, by its format; else to its bytes."""
    if rng.random() < 0.5:
        if data[:4] == b"\x89PNG":
            return _changed_png(rng, data)
        if data[:2] == b"\xff\xd8":
            return _changed_jpeg(rng, data)
        if data[:2] in (b"II", b"MM"):
            return _changed_tiff(rng, data)
        if data[:4] == b"RIFF":
            return _changed_riff(rng, data)
    return changed_bytes(rng, data)


def _place(rng: random.Random, data: bytes, length: int = 1) -> int:
    """Where to change something; with an even chance in the first 64 bytes, where headers are."""
    end = max(len(data) - length + 1, 1)
    return rng.randrange(min(end, 64) if rng.random() < 0.5 else end)


def _flip(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + bytes([(data[at] if at < len(data) else 0) ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _number(rng: random.Random, data: bytes) -> bytes:
    form = rng.choice((">B", ">H", "<H", ">I", "<I"))
    size = struct.calcsize(form)
    at = _place(rng, data, size)
    return data[:at] + struct.pack(form, rng.choice(ODD_NUMBERS) & (256**size - 1)) + data[at + size :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at]


def _drop(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 200)) :]


def _double(rng: random.Random, data: bytes) -> bytes:
    at, length = _place(rng, data), rng.choice((1, 4, 12, 64, 500))
    return data[:at] + data[at : at + length] * rng.choice((2, 2, 3, 100)) + data[at + length :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.choice((b"\0", b"\xff", rng.randbytes(4))) * rng.choice((1, 4, 64, 4000)) + data[at:]


_CHANGES: Sequence[Change] = (_flip, _flip, _number, _number, _number, _cut, _drop, _double, _insert)


def _changed_png(rng: random.Random, data: bytes) -> bytes:
    """Whole chunks, with sums that are right."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    for _ in range(rng.randint(1, 3)):
        index = rng.randrange(len(chunks))
        name, body = chunks[index]
        kind = rng.randrange(6)
        if kind == 0:
            chunks[index] = (name, changed_bytes(rng, body))
        elif kind == 1:
            chunks.insert(rng.randrange(len(chunks) + 1), (name, body))
        elif kind == 2 and len(chunks) > 1:
            del chunks[index]
        elif kind == 3:
            bomb = _compressed(rng.choice((1000, 10**6, 3 * 10**7)))
            odd = rng.choice(
                (
                    (b"zTXt", b"a\0\0" + bomb),
                    (b"iCCP", b"a\0\0" + bomb),
                    (b"IDAT", bomb),
                    (b"iTXt", b"a\0\1\0\0\0" + bomb),
                )
            )
            chunks.insert(1, odd)
        elif kind == 4:
            number = struct.pack(">I", rng.choice((1, 2, 100, 2**31)))
            chunks.insert(1, (b"acTL", number + bytes(4)))
        else:
            rng.shuffle(chunks)
    lengths = [len(body) for _, body in chunks]
    if rng.random() < 0.2:
        lengths[rng.randrange(len(lengths))] = rng.choice(ODD_NUMBERS)
    parts = [
        struct.pack(">I", length) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for length, (name, body) in zip(lengths, chunks, strict=True)
    ]
    return data[:8] + b"".join(parts)


@cache
def _compressed(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


def _changed_jpeg(rng: random.Random, data: bytes) -> bytes:
    """Whole segments, and scans many times over."""
    scan = max(data.find(b"\xff\xda"), 2)
    segments, at = [], 2
    while at + 4 <= scan:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        segments.append(data[at : at + length])
        at += length
    rest = data[scan:]
    for _ in range(rng.randint(1, 3)):
        index, kind = rng.randrange(len(segments) or 1), rng.randrange(5)
        if kind == 0 and segments:
            segments[index] = segments[index][:4] + changed_bytes(rng, segments[index][4:])
        elif kind == 1 and segments:
            segments.insert(index, segments[rng.randrange(len(segments))])
        elif kind == 2 and segments:
            del segments[index]
        elif kind == 3 and len(rest) < _LARGE:
            rest = rest[:-2] * rng.choice((2, 10, 70, 300)) + rest[-2:]
        else:
            rest = rest[:12] + changed_bytes(rng, rest[12:-2]) + rest[-2:]
    return data[:2] + b"".join(segments) + rest


def _changed_tiff(rng: random.Random, data: bytes) -> bytes:
    """Entries of the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return changed_bytes(rng, data)
    (count,) = struct.unpack_from(order + "H", data, at)
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        entry = at + 2 + 12 * rng.randrange(max(count, 1))
        part, size = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "I"), (8, "H")))
        if entry + 12 <= len(out):
            tags = (254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 317, 322, 323, 324, 325, 330, 338, 339)
            value = rng.choice(tags) if (part, size) == (0, "H") else rng.choice(ODD_NUMBERS)
            struct.pack_into(order + size, out, entry + part, value & (0xFFFF if size == "H" else 0xFFFFFFFF))
    return bytes(out)


def _changed_riff(rng: random.Random, data: bytes) -> bytes:
    """The body, with a length that is right again."""
    body = changed_bytes(rng, data[12:])
    return b"RIFF" + struct.pack("<I", len(body) + 4) + data[8:12] + body
