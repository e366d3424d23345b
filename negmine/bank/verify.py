"""Checking a bank: every row has its file, every file its row, and no negative holds a target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from negmine.bank.bank import Bank, require_bank
from negmine.bank.cells import BOX, FILE, RECT, SHA256, SIDE, TEXT, WHOLE
from negmine.bank.connection import against_writers, bank_errors
from negmine.bank.content_files import CONTENTS, TEMPORARY, is_content_name, is_half_written
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect, rect_touches, touched_pixels
from negmine.inside import hash_plain, inside, is_real_folder
from negmine.notebook import facts
from negmine.paths import printable, sortable
from negmine.structures import as_boxes_xyxy

SCHEMA_VERSION = 1

ProblemKind = Literal["missing", "changed", "leftover", "foreign", "outside", "target", "unfounded", "database"]
PROBLEM_MEANINGS: Mapping[ProblemKind, str] = {
    "missing": "a row whose file is gone",
    "changed": "a file that is not what its name, the hash of its bytes, says",
    "leftover": "a file that a killed run left without a row; --repair removes it",
    "foreign": "a file that negmine did not write",
    "outside": "a crop that leaves its source image",
    "target": "a crop that holds a pixel of a target",
    "unfounded": "a row without the rows that it stands on",
    "database": "damage that SQLite reports",
}
_KINDS = (*CONTENTS, TEMPORARY)  # of folders


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a bank."""

    kind: ProblemKind
    what: str  # which file or row

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"kind": self.kind, "what": self.what}


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What a check of a bank found.

    Attributes:
        bank: the bank's folder.
        negatives: rows checked.
        variants: rows checked.
        frames: of cameras; rows checked.
        problems: what is wrong now.
        repaired: leftovers that were removed.
    """

    bank: Path
    negatives: int
    variants: int
    frames: int
    problems: tuple[Problem, ...]
    repaired: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def _repr_html_(self) -> str:
        """The counts, in a notebook."""
        return facts("Bank", self.to_dict())

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": str(self.bank),
            "ok": self.ok,
            "negatives": self.negatives,
            "variants": self.variants,
            "frames": self.frames,
            "problems": [problem.to_dict() for problem in self.problems],
            "repaired": list(self.repaired),
        }


def verify(bank: str | Path, *, repair: bool = False) -> VerifyResult:
    """Check every row of a bank against its file, every file against its row, and every crop against the targets.

    Args:
        bank: the bank's folder.
        repair: remove what killed runs left behind (files without a row), and nothing else.

    Raises:
        BankError: where the folder is not a bank.
        BankLockedError: where a process is writing to it: what that has not stored yet would look like a leftover.
    """
    folder = Path(bank)
    require_bank(folder)
    with bank_errors(folder):
        if repair:
            return _repaired(folder)
        with against_writers(folder, purpose="negmine verify"), Bank(folder) as opened:
            return _check(opened, ())


def _repaired(folder: Path) -> VerifyResult:
    half_written = [name for name in _files_of(folder, TEMPORARY) if is_half_written(name)]
    with BankWriter(folder, purpose="negmine verify --repair") as writer:  # opening it clears what is half-written
        rows = _rows(writer)
        leftovers = [name for name in _files_of(folder, *_KINDS) if name not in rows and _is_leftover(folder, name)]
        writer.remove_leftovers(leftovers)
        return _check(writer, (*half_written, *leftovers))


def _check(bank: Bank, repaired: tuple[str, ...]) -> VerifyResult:
    rows = _rows(bank)
    problems = [*_damage(bank), *_files(bank.folder, rows), *_without_row(bank.folder, rows), *_crops(bank)]
    variants, frames = (int(bank.scalar(f"SELECT count(*) FROM {table}") or 0) for table in ("variants", "frames"))
    return VerifyResult(bank.folder, bank.negative_count(), variants, frames, tuple(problems), repaired)


def _rows(bank: Bank) -> dict[str, str]:
    """File to hash, for all that has a row."""
    every = (
        "SELECT file, sha256 FROM negatives UNION ALL SELECT file, sha256 FROM variants UNION ALL"
        " SELECT f.file, s.sha256 FROM frames f JOIN sources s ON s.id = f.source_id"
    )
    return dict(bank.rows(every, {"file": FILE, "sha256": SHA256}))


def _files_of(folder: Path, *kinds: str) -> list[str]:
    """Every file under folders of a bank, relative to it; links are listed, and not followed."""
    names = []
    for kind in kinds:
        if is_real_folder(folder / kind):
            found = [p for p in _below(folder / kind) if p.is_symlink() or not p.is_dir()]
            names += [p.relative_to(folder).as_posix() for p in sorted(found, key=sortable)]
        elif (folder / kind).is_symlink() or (folder / kind).exists():
            names.append(kind)
    return names


def _below(folder: Path) -> Iterator[Path]:
    """All in a folder and below it, however deep; a link is not followed."""
    folders = [folder]
    while folders:
        for path in folders.pop().iterdir():
            yield path
            if path.is_dir() and not path.is_symlink():
                folders.append(path)


def _is_leftover(folder: Path, name: str) -> bool:
    """Whether negmine wrote this file: it is named by the hash of its bytes, or half-written."""
    if is_half_written(name):
        return True
    is_content = any(is_content_name(name, kind) for kind in CONTENTS)
    return is_content and _hash_of(folder, name) == Path(name).stem


def _hash_of(folder: Path, name: str) -> str | None:
    """The hash of the bytes of a file of the bank; None where it is no plain file, or cannot be read."""
    try:
        return hash_plain(inside(folder, name))
    except OSError:
        return None


def _damage(bank: Bank) -> Iterator[Problem]:
    for (message,) in bank.query("PRAGMA integrity_check"):
        if message != "ok":
            yield Problem("database", printable(str(message)))
    for table, row, parent, _ in bank.query("PRAGMA foreign_key_check"):
        yield Problem("database", f"row {row} of {table} names a row of {parent} that is not there")
    for (number,) in bank.query(
        "SELECT id FROM negatives n WHERE NOT EXISTS (SELECT 1 FROM detections WHERE negative_id = n.id)"
        " OR NOT EXISTS (SELECT 1 FROM crops WHERE negative_id = n.id)"
    ):
        yield Problem("unfounded", f"negative {number}")
    of_frames = (
        "SELECT f.source_id FROM frames f JOIN sources s ON s.id = f.source_id WHERE s.key != CAST(f.file AS BLOB)"
    )
    for (number,) in bank.rows(of_frames, {"source_id": WHOLE}):
        yield Problem("unfounded", f"frame of source {number}")
    question = (
        "SELECT path FROM items i WHERE truth_hash IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM truths WHERE source_id = i.source_id AND hash = i.truth_hash)"
    )
    for (path,) in bank.rows(question, {"path": TEXT}):
        yield Problem("unfounded", f"labels of {printable(path)}")


def _files(folder: Path, rows: Mapping[str, str]) -> Iterator[Problem]:
    for name, sha256 in sorted(rows.items()):
        if not (folder / name).is_file():
            yield Problem("missing", name)
        elif _hash_of(folder, name) != sha256 or sha256 != Path(name).stem:
            yield Problem("changed", name)


def _without_row(folder: Path, rows: Mapping[str, str]) -> Iterator[Problem]:
    for name in _files_of(folder, *_KINDS):
        if name not in rows:
            yield Problem("leftover" if _is_leftover(folder, name) else "foreign", printable(name))


def _crops(bank: Bank) -> Iterator[Problem]:
    objects: dict[int, list[tuple[float, ...]]] = defaultdict(list)
    of_objects = "SELECT t.source_id, o.x1, o.y1, o.x2, o.y2 FROM objects o JOIN truths t ON t.id = o.truth_id"
    for source_id, *box in bank.rows(of_objects, {"source_id": WHOLE, **BOX}):
        objects[source_id].append(tuple(box))
    of_crops = (
        "SELECT c.negative_id, s.id, s.width, s.height, c.x1, c.y1, c.x2, c.y2"
        " FROM crops c JOIN sources s ON s.id = c.source_id ORDER BY c.id"
    )
    columns = {"negative_id": WHOLE, "source_id": WHOLE, "width": SIDE, "height": SIDE, **RECT}
    for number, source_id, width, height, *sides in bank.rows(of_crops, columns):
        rect = Rect(*sides)
        what = f"negative {number}, source {source_id}, rectangle {tuple(rect)}"
        if not Rect(0, 0, width, height).contains(rect) or rect.area == 0:
            yield Problem("outside", f"{what}, image {width}x{height}")
        if objects[source_id] and rect_touches(rect, touched_pixels(as_boxes_xyxy(objects[source_id]))):
            yield Problem("target", what)
