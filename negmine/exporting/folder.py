"""Writing a plan into a folder that may hold an earlier export, without touching what anyone else put there.

A manifest lists the files of the export with their hashes. It is written before the first file, so that an export that
was killed is recognised as one, and running it again finishes it.

The folder and its manifest may be somebody else's: what the manifest names is touched only where it is in the folder.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from negmine.engines.threads import ThreadEngine
from negmine.errors import ExportError
from negmine.exporting.config import CopyMethod
from negmine.exporting.staging import content_sha256, place_files
from negmine.files import PART, flush_file_system, sha256_of_file, write_file
from negmine.inside import is_below, read_plain
from negmine.labels.plan import Content, Plan, StoredFile, StreamedFile
from negmine.locks import FolderLock
from negmine.paths import EXPORT_MANIFEST, printable, sortable

MANIFEST = EXPORT_MANIFEST
_MANIFEST_VERSION = 1
_LOCK = FolderLock("export", "negmine-export.lock", "negmine-export.holder", ExportError, is_kept=False)


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a plan changed."""

    written: int
    unchanged: int
    removed: int


@dataclass(frozen=True, slots=True)
class _Earlier:
    """An earlier export in the folder.

    Attributes:
        hashes: of each of its files that exists; "" for a link to nothing.
        caches: what a trainer keeps beside the files.
        method: how its files got there; "" where it was interrupted.
    """

    hashes: Mapping[str, str]
    caches: Sequence[str]
    method: str


def write_plan(plan: Plan, out: Path, *, format_name: str, method: CopyMethod, workers: int | None = None) -> Written:
    """Bring a folder to what the plan says.

    Args:
        plan: every file of the export.
        out: the folder; new, empty, or an earlier export of the same format.
        format_name: kept in the manifest.
        method: how stored files get to the export.
        workers: threads; one per core where None.

    Raises:
        ExportError: where the folder holds anything else, a file of the export was changed by someone, or it cannot be
            written. Either nothing was touched, or running the export again finishes it.
        BankError: where a file of the bank is missing or damaged.
    """
    with _out_errors(out):
        _require_folder(out)
        out.mkdir(parents=True, exist_ok=True)
        with _LOCK.hold(out, purpose="negmine export"):
            return _written(plan, out, format_name, method, workers)


def _written(plan: Plan, out: Path, format_name: str, method: CopyMethod, workers: int | None) -> Written:
    earlier = _earlier(out, format_name, workers)
    present = earlier.hashes
    wanted = {name: content_sha256(content) for name, content in plan.items()}
    again = earlier.method != method  # a copy becomes a link, or the other way round
    linked = {name for name, content in plan.items() if again and _is_linkable(content)}
    new = [name for name in plan if present.get(name) != wanted[name] or name in linked]
    stale = sorted(set(present) - set(wanted))
    if new or stale or not (out / MANIFEST).exists():
        for part in out.rglob(f"*{PART}"):
            part.unlink()
        _write_manifest(out, format_name, "", _both(present, wanted))
        _remove(out, earlier.caches)  # they would hide what changes from the trainer
        place_files({name: plan[name] for name in new}, out, method, workers)
        _remove(out, stale)
        flush_file_system(out)
        _write_manifest(out, format_name, method, _both({}, wanted))
    return Written(written=len(new), unchanged=len(plan) - len(new), removed=len(stale))


def _is_linkable(content: Content | StreamedFile) -> bool:
    return isinstance(content, StoredFile) and content.may_be_linked


def require_ours(out: Path, format_name: str) -> None:
    """Refuse a wrong folder early, by file names alone; `write_plan` looks at the files themselves.

    Raises:
        ExportError: where it holds anything else than an export of the same format, or cannot be searched.
    """
    with _out_errors(out):
        _require_folder(out)
        if any((out / name).exists() for name in (MANIFEST, _LOCK.file)):
            with _LOCK.hold(out, purpose="negmine export"):
                _listed(out, format_name)
        else:
            _listed(out, format_name)


def has_manifest(out: Path) -> bool:
    """Whether a folder holds an earlier export."""
    return os.path.exists(out / MANIFEST)  # noqa: PTH110  (it raises for no path)


def _require_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ExportError(f"{printable(out)} is a file, and an export needs a folder; name another with --out")


@contextmanager
def _out_errors(out: Path) -> Iterator[None]:
    """Turn what the file system says about an export's folder into one line."""
    try:
        yield
    except OSError as error:
        raise ExportError(_explain(out, error)) from error


def _earlier(out: Path, format_name: str, workers: int | None) -> _Earlier:
    """The earlier export in `out`."""
    allowed, ours, caches, method = _listed(out, format_name)
    with ThreadEngine(workers, name="negmine-export") as engine:
        hashes = engine.map(lambda name: _hash_unless_changed(out / name, allowed[name]), ours)
        return _Earlier(dict(zip(ours, hashes, strict=True)), caches, method)


def _listed(out: Path, format_name: str) -> tuple[dict[str, list[str]], list[str], list[str], str]:
    """What the manifest lists, which of these files exist, what a trainer caches, and how the files got there."""
    where = printable(out)
    allowed, method = _read_manifest(out, format_name)
    ours, caches = list[str](), list[str]()
    is_cache = _Caches(allowed)
    for path in sorted(out.rglob("*"), key=sortable):
        name = path.relative_to(out).as_posix()
        is_folder = path.is_dir() and not path.is_symlink()
        if is_folder or name == MANIFEST or name in _LOCK.files or _is_part(name, allowed):
            continue
        if name in allowed:
            ours.append(name)
        elif is_cache(name):
            caches.append(name)
        else:
            raise ExportError(
                f"{where} holds something that no export put there ({printable(name)}); name an empty folder with --out"
            )
    return allowed, ours, caches, method


def _hash_unless_changed(path: Path, allowed: Collection[str]) -> str:
    """The hash of a file of the export; "" for a link to nothing.

    A file with other bytes than the export wrote is refused, since they may be somebody's work. A link is not: what it
    shows is kept where it points.
    """
    if not path.exists():
        return ""
    if not path.is_file():  # reading a pipe could wait for ever
        raise ExportError(f"{printable(path)} is not the file that was exported; move it away")
    sha256 = sha256_of_file(path)
    if sha256 not in allowed and not path.is_symlink() and path.stat().st_nlink == 1:
        raise ExportError(
            f"{printable(path)} was changed since it was exported; move it away, or name another folder with --out"
        )
    return sha256


class _Caches:
    """Recognises the caches of Ultralytics: `labels/train.cache`, and a `.npy` of an image's pixels."""

    def __init__(self, exported: Collection[str]) -> None:
        paths = [PurePosixPath(name) for name in exported]
        self._names = {f"{folder}.cache" for folder in {path.parent for path in paths}}
        self._names |= {str(path.with_suffix(".npy")) for path in paths if path.parts[0] == "images"}

    def __call__(self, name: str) -> bool:
        return name in self._names


def _is_part(name: str, allowed: Mapping[str, list[str]]) -> bool:
    """Whether a file is the unfinished one of a killed export."""
    whole = name.removesuffix(PART)
    return whole != name and (whole in allowed or whole == MANIFEST)


def _read_manifest(out: Path, format_name: str) -> tuple[dict[str, list[str]], str]:
    """The files of the manifest, each with the hashes it may have, and how they got there; without one, nothing."""
    manifest = out / MANIFEST
    if not manifest.exists() and not manifest.is_symlink():
        return {}, ""
    try:
        document = json.loads(read_plain(manifest))
        found, method = str(document["format"]), str(document["method"])
        files = {str(name): [str(sha256) for sha256 in hashes] for name, hashes in document["files"].items()}
        if not all(map(is_below, files)):
            raise ValueError("it names files elsewhere")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ExportError(
            f"{printable(manifest)} is not the manifest of an export; name another folder with --out"
        ) from error
    if found != format_name:
        shown = printable(found[:20])
        raise ExportError(f"{printable(out)} holds an export of format {shown}; name another folder with --out")
    return files, method


def _both(present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, list[str]]:
    """What each file may be, while one state becomes the other."""
    names = sorted({*present, *wanted})
    return {name: sorted({state[name] for state in (present, wanted) if name in state}) for name in names}


def _write_manifest(out: Path, format_name: str, method: str, files: Mapping[str, list[str]]) -> None:
    document = {
        "written_by": "negmine export",
        "schema_version": _MANIFEST_VERSION,
        "format": format_name,
        "method": method,  # empty while files are being written
        "files": files,
    }
    write_file(out / MANIFEST, json.dumps(document, indent=1).encode())


def _remove(out: Path, names: Sequence[str]) -> None:
    """Remove files of an earlier export, and the folders that they leave empty."""
    for name in names:
        path = out / name
        path.unlink(missing_ok=True)
        for parent in path.relative_to(out).parents:
            if parent != Path() and (out / parent).is_dir() and not any((out / parent).iterdir()):
                (out / parent).rmdir()


def _explain(out: Path, error: OSError) -> str:
    """What went wrong while writing, and what to do."""
    what = printable(error.filename) if error.filename else printable(out)
    if error.errno == errno.EXDEV:
        return f"{what}: it and the export are on different file systems, which hard links cannot cross; use --copy"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{what}: {error.strerror}; free some space and run the same command again to finish the export"
    return f"{what}: {error.strerror or error}; name a folder that can be written with --out"
