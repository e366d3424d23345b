"""Removing what has no ground any more: negatives whose file or whose image is gone.

A negative whose file is gone leaves a bank that cannot be exported. Once its row is removed, and its image counts as
not scanned, the next scan brings it back. Where the whole folder of an image is gone, a disk may not be mounted: its
negatives are removed only where the caller says so. What cannot be read now, as with too many open files or a disk
that fails, may be sound: it is named and never removed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal

from negmine.bank.bank import Bank
from negmine.bank.cells import FILE, KEY, REVIEW, SHA256, STAMP, TEXT, WHOLE, Cell
from negmine.bank.content_files import source_path
from negmine.bank.filters import ReviewState
from negmine.bank.writer import BankWriter
from negmine.engines.threads import ThreadEngine
from negmine.errors import ImageError
from negmine.files import sha256_of
from negmine.images.reading import read_image
from negmine.inside import hash_plain, inside
from negmine.paths import printable

SCHEMA_VERSION = 1

Ground = Literal[
    "file-gone", "file-damaged", "file-unreadable", "source-gone", "source-changed", "source-unreadable", "folder-gone"
]
GROUND_MEANINGS: Mapping[Ground, str] = {
    "file-gone": "its file is gone",
    "file-damaged": "its file is not what its name, the hash of its bytes, says",
    "file-unreadable": "its file cannot be read now",
    "source-gone": "the image that it was cut from is gone",
    "source-changed": "the image that it was cut from has changed",
    "source-unreadable": "the image that it was cut from cannot be read now",
    "folder-gone": "the folder of its image is gone or empty",
}
_UNREADABLE: tuple[Ground, ...] = ("file-unreadable", "source-unreadable")
_NO_FILE = (errno.EINVAL, errno.ENOTDIR, errno.EFBIG)  # something else is there; see `inside` and `hash_plain`
_AT_ONCE = 200  # that are removed in a transaction
_FILES = """
SELECT 'negative', n.id, n.file, n.sha256, coalesce(r.state, 'unreviewed')
FROM negatives n LEFT JOIN reviews r ON r.negative_id = n.id
UNION ALL
SELECT 'variant', v.id, v.file, v.sha256, coalesce(r.state, 'unreviewed')
FROM variants v LEFT JOIN reviews r ON r.negative_id = v.negative_id
ORDER BY 1, 2
"""
_PATHS = """
SELECT s.id, s.sha256, s.key, -1, -1 FROM sources s WHERE s.id IN (SELECT source_id FROM crops)
UNION ALL
SELECT s.id, s.sha256, i.key, i.size, i.mtime_ns FROM items i JOIN sources s ON s.id = i.source_id
WHERE s.id IN (SELECT source_id FROM crops)
"""

_There = Literal[
    "there", "source-gone", "source-changed", "source-unreadable", "folder-gone"
]  # what became of an image
_Row = tuple[str, int, str, str, ReviewState]  # kind, number, file, sha256, state of the negative
_Path = tuple[bytes, int, int]  # with the size and time of change that the file had, as far as they are known
_IsEmpty = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Groundless:
    """A negative or a variant without ground.

    Attributes:
        is_variant: whether it is a variant.
        id: its number.
        sha256: that its file had.
        file: its name in the bank.
        state: what a person said of the negative.
        ground: what is missing, or cannot be read.
        source: the image that it was cut from, if that is what is missing, or cannot be read.
    """

    is_variant: bool
    id: int
    sha256: str
    file: str
    state: ReviewState
    ground: Ground
    source: Path | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "id": self.sha256,
            "kind": "variant" if self.is_variant else "negative",
            "file": self.file,
            "state": self.state,
            "ground": self.ground,
            "source": None if self.source is None else printable(self.source),
        }


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What has no ground in a bank.

    Attributes:
        bank: its folder.
        prunable: what is removed, or would be.
        kept: negatives of folders that are gone, which are kept.
        unreadable: what has a file, or an image, that cannot be read now; it is kept too.
        is_done: whether `prunable` was removed.
    """

    bank: Path
    prunable: tuple[Groundless, ...]
    kept: tuple[Groundless, ...]
    unreadable: tuple[Groundless, ...]
    is_done: bool

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": printable(self.bank),
            "removed": self.is_done,
            "prunable": [each.to_dict() for each in self.prunable],
            "kept": [each.to_dict() for each in self.kept],
            "unreadable": [each.to_dict() for each in self.unreadable],
        }


def prune(
    bank: str | Path,
    *,
    remove: bool = False,
    files_only: bool = False,
    missing_folders: bool = False,
    workers: int | None = None,
) -> PruneResult:
    """Find the negatives and variants of a bank whose file is gone or damaged, and the negatives whose image is gone.

    Args:
        bank: the bank's folder.
        remove: remove them; else they are only named. They are looked for twice, before and after the bank is locked,
            and what is not found both times stays.
        files_only: look at the files of the bank alone, and keep negatives whatever became of their images.
        missing_folders: remove the negatives of images whose whole folder is gone, too.
        workers: threads that read files.

    Raises:
        BankError: where the folder is not a bank.
        BankLockedError: where another process writes to it, and something is to be removed.
    """
    find = partial(_find, files_only=files_only, missing_folders=missing_folders, workers=workers)
    with Bank(bank) as opened:
        found = find(opened)
        half_done = opened.scalar("SELECT count(*) FROM removals")  # files that a killed process had still to remove
    if not remove or not (found.prunable or half_done):
        return found
    with BankWriter(bank, purpose="negmine bank prune") as writer:
        named = {(each.is_variant, each.id, each.sha256) for each in found.prunable}
        found = find(writer)
        prunable = tuple(each for each in found.prunable if (each.is_variant, each.id, each.sha256) in named)
        for start in range(0, len(prunable), _AT_ONCE):
            part = prunable[start : start + _AT_ONCE]
            with writer.transaction():
                writer.drop(
                    [each.id for each in part if not each.is_variant], [each.id for each in part if each.is_variant]
                )
    return replace(found, prunable=prunable, is_done=True)


def _find(bank: Bank, *, files_only: bool, missing_folders: bool, workers: int | None) -> PruneResult:
    with ThreadEngine(workers, name="negmine-prune") as engine:
        found = _without_file(bank, engine)
        if not files_only:
            without_file = {each.id for each in found if not each.is_variant}
            found += [each for each in _without_source(bank, engine) if each.id not in without_file]
    keeps: tuple[Ground, ...] = () if missing_folders else ("folder-gone",)
    return PruneResult(
        bank.folder,
        prunable=tuple(each for each in found if each.ground not in (*keeps, *_UNREADABLE)),
        kept=tuple(each for each in found if each.ground in keeps),
        unreadable=tuple(each for each in found if each.ground in _UNREADABLE),
        is_done=False,
    )


def _without_file(bank: Bank, engine: ThreadEngine) -> list[Groundless]:
    columns: dict[str, Cell] = {"kind": TEXT, "id": WHOLE, "file": FILE, "sha256": SHA256, "state": REVIEW}
    rows: list[_Row] = list(bank.rows(_FILES, columns))
    grounds = engine.map(lambda row: _ground_of_file(bank.folder, row[2], row[3]), rows)
    return [
        Groundless(kind == "variant", number, sha256, file, state, ground)
        for (kind, number, file, sha256, state), ground in zip(rows, grounds, strict=True)
        if ground is not None
    ]


def _ground_of_file(folder: Path, name: str, sha256: str) -> Ground | None:
    try:
        return None if hash_plain(inside(folder, name)) == sha256 else "file-damaged"
    except FileNotFoundError:
        return "file-gone"
    except OSError as error:
        return "file-damaged" if error.errno in _NO_FILE else "file-unreadable"


def _without_source(bank: Bank, engine: ThreadEngine) -> list[Groundless]:
    """The negatives of whose images none is there any more."""
    places = _places(bank)
    is_empty = cache(_is_empty)
    states = dict(zip(places, engine.map(lambda each: _state_of(*each, is_empty), places.values()), strict=True))
    by_negative: dict[int, list[tuple[int, _There]]] = {}
    for negative, source in bank.rows(
        "SELECT negative_id, source_id FROM crops", {"negative_id": WHOLE, "source_id": WHOLE}
    ):
        by_negative.setdefault(negative, []).append((source, states.get(source, "there")))
    lost = {number: images for number, images in by_negative.items() if all(state != "there" for _, state in images)}
    return [
        Groundless(False, each.id, each.sha256, each.path.relative_to(bank.folder).as_posix(), each.review,
                   _worst(state for _, state in lost[each.id]), each.source)
        for each in bank.negatives(sorted(lost))
    ]  # fmt: skip


def _places(bank: Bank) -> dict[int, tuple[str, list[_Path]]]:
    """The hash and the paths of each image that a negative was cut from, by its number."""
    columns = {"id": WHOLE, "sha256": SHA256, "key": KEY, "size": STAMP, "mtime_ns": STAMP}
    found: dict[int, tuple[str, list[_Path]]] = {}
    for number, sha256, key, size, mtime_ns in bank.rows(_PATHS, columns):
        path = os.fsencode(source_path(bank.folder, key))
        found.setdefault(number, (sha256, []))[1].append((path, size, mtime_ns))
    return found


def _state_of(sha256: str, paths: Sequence[_Path], is_empty: _IsEmpty) -> _There:
    """Whether an image is at one of its paths; a file of the same size and time is taken for unchanged."""
    found = set[_There]()
    for key, size, mtime_ns in sorted(paths, key=lambda path: -path[1]):  # those whose time is known first
        path = Path(os.fsdecode(key))
        try:
            stat = path.stat()
            if (stat.st_size, stat.st_mtime_ns) == (size, mtime_ns) or sha256_of(read_image(path)) == sha256:
                return "there"
            found.add("source-changed")
        except ImageError:  # far larger than any image
            found.add("source-changed")
        except FileNotFoundError:
            continue
        except OSError as error:
            found |= set() if error.errno in _NO_FILE else {"source-unreadable"}
    if found:
        return "source-unreadable" if "source-unreadable" in found else "source-changed"
    try:
        return "folder-gone" if all(is_empty(os.path.dirname(key)) for key, _, _ in paths) else "source-gone"  # noqa: PTH120
    except OSError:
        return "source-unreadable"


def _is_empty(folder: bytes) -> bool:
    """Whether a folder is gone, or holds nothing, as the place of a disk that is not mounted.

    Raises:
        OSError: where it cannot be searched now.
    """
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return True


def _worst(states: Iterable[_There]) -> Ground:
    found = {state for state in states if state != "there"}
    return next(
        ground for ground in ("source-unreadable", "folder-gone", "source-changed", "source-gone") if ground in found
    )
