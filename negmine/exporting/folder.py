"""Writing a plan into a folder that may hold an earlier export, and never touching what someone else put there.

A manifest lists the files of the export with their hashes. It is there before the first file, so an export that was
killed can be told from a folder of somebody else's, and is finished by running it again.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.files import sha256_of
from negmine.errors import BankError, ExportError
from negmine.exporting.config import CopyMethod
from negmine.exporting.plan import BankFile, Content, Plan
from negmine.paths import EXPORT_MANIFEST, printable, sortable

MANIFEST = EXPORT_MANIFEST
SCHEMA_VERSION = 1
_PART = ".negmine-part"  # suffix of a file that is being written


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a plan changed."""

    written: int
    unchanged: int
    removed: int


def write_plan(plan: Plan, out: Path, *, format_name: str, method: CopyMethod) -> Written:
    """Bring a folder to what the plan says.

    Args:
        plan: every file of the export.
        out: the folder; new, empty, or an earlier export of the same format.
        format_name: kept in the manifest.
        method: how files get from the bank to the export.

    Raises:
        ExportError: where the folder holds anything else, a file of the export was changed by someone, or it cannot be
            written; nothing was touched then, or what was written is finished by running the export again.
        BankError: where a file of the bank is missing or damaged.
    """
    try:
        present, before = _require_ours(out, format_name)
        wanted = {name: _sha256(content) for name, content in plan.items()}
        linked = {name for name, content in plan.items() if before != method and isinstance(content, BankFile)}
        new = [name for name in plan if present.get(name) != wanted[name] or name in linked]
        stale = sorted(set(present) - set(wanted))
        if new or stale or not (out / MANIFEST).exists():
            out.mkdir(parents=True, exist_ok=True)
            for part in out.rglob(f"*{_PART}"):
                part.unlink()
            _write_manifest(out, format_name, "", _both(present, wanted))
            for name in new:
                _write(out / name, plan[name], method)
            for name in stale:
                _remove(out, name)
            _write_manifest(out, format_name, method, _both({}, wanted))
    except OSError as error:
        raise ExportError(_explain(out, error)) from error
    return Written(written=len(new), unchanged=len(plan) - len(new), removed=len(stale))


def _require_ours(out: Path, format_name: str) -> tuple[dict[str, str], str]:
    """The earlier export in `out`: name to hash of each file that is there, and how files got there."""
    where = printable(out)
    if out.exists() and not out.is_dir():
        raise ExportError(f"{where} is a file, and an export needs a folder; name another with --out")
    allowed, method = _read_manifest(out, format_name)
    present: dict[str, str] = {}
    for path in sorted(out.rglob("*"), key=sortable):
        name = path.relative_to(out).as_posix()
        if (path.is_dir() and not path.is_symlink()) or name == MANIFEST or _is_part(name, allowed):
            continue
        if name not in allowed:
            raise ExportError(
                f"{where} holds something that no export put there ({printable(name)}); name an empty folder with --out"
            )
        sha256 = sha256_of(path.read_bytes()) if path.exists() else ""  # a link into a bank that has moved
        if sha256 and sha256 not in allowed[name]:
            raise ExportError(
                f"{printable(path)} was changed since it was exported; move it away, or name another folder with --out"
            )
        present[name] = sha256
    return present, method


def _is_part(name: str, allowed: Mapping[str, list[str]]) -> bool:
    """Whether a file is what a killed export was writing."""
    whole = name.removesuffix(_PART)
    return whole != name and (whole in allowed or whole == MANIFEST)


def _read_manifest(out: Path, format_name: str) -> tuple[dict[str, list[str]], str]:
    """The files that the manifest lists, each with the hashes it may have, and how they got there; else nothing."""
    manifest = out / MANIFEST
    if not manifest.is_file():
        return {}, ""
    try:
        document = json.loads(manifest.read_text(encoding="utf-8"))
        found, method = document["format"], str(document["method"])
        files = {str(name): list(hashes) for name, hashes in document["files"].items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ExportError(
            f"{printable(manifest)} is no manifest of an export; name another folder with --out"
        ) from error
    if found != format_name:
        raise ExportError(f"{printable(out)} holds an export of format {found}; name another folder with --out")
    return files, method


def _both(present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, list[str]]:
    """What each file may be, while one state becomes the other."""
    names = sorted({*present, *wanted})
    return {name: sorted({state[name] for state in (present, wanted) if name in state}) for name in names}


def _write_manifest(out: Path, format_name: str, method: str, files: Mapping[str, list[str]]) -> None:
    document = {
        "written_by": "negmine export",
        "schema_version": SCHEMA_VERSION,
        "format": format_name,
        "method": method,  # empty while files are being written
        "files": files,
    }
    _replace(out / MANIFEST, lambda part: _flushed(part, json.dumps(document, indent=1).encode()))


def _write(target: Path, content: Content, method: CopyMethod) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        _replace(target, lambda part: _flushed(part, content))
    elif method == "hardlink":
        _replace(target, lambda part: os.link(_whole(content), part))
    elif method == "symlink":
        link = os.path.relpath(_whole(content).resolve(), target.parent.resolve())
        _replace(target, lambda part: part.symlink_to(link))
    else:
        _replace(target, lambda part: _flushed(part, _whole(content).read_bytes()))


def _replace(target: Path, make: Callable[[Path], object]) -> None:
    """Make a file under another name and rename it, so that nobody ever sees half of it."""
    part = target.with_name(target.name + _PART)
    part.unlink(missing_ok=True)
    try:
        make(part)
        part.replace(target)
        part.unlink(missing_ok=True)  # renaming one link of a file to another of its links leaves both
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _flushed(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _whole(file: BankFile) -> Path:
    """The file's path, once its bytes are known to be what the bank says."""
    advice = "`negmine verify` lists all that is wrong with the bank"
    if not file.path.is_file():
        raise BankError(f"{printable(file.path)} is gone from the bank; {advice}")
    if sha256_of(file.path.read_bytes()) != file.sha256:
        raise BankError(f"{printable(file.path)} is damaged: it does not have the hash that is its name; {advice}")
    return file.path


def _remove(out: Path, name: str) -> None:
    """Remove a file of an earlier export, and the folders that it leaves empty."""
    path = out / name
    path.unlink(missing_ok=True)
    for parent in path.relative_to(out).parents:
        if parent != Path() and not any((out / parent).iterdir()):
            (out / parent).rmdir()


def _sha256(content: Content) -> str:
    return content.sha256 if isinstance(content, BankFile) else sha256_of(content)


def _explain(out: Path, error: OSError) -> str:
    """What went wrong while writing, and what to do."""
    what = printable(error.filename) if error.filename else printable(out)
    if error.errno == errno.EXDEV:
        return f"{what}: bank and export are on different file systems, where files share no hard link; use --copy"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{what}: {error.strerror}; free some space and run the same command again to finish the export"
    return f"{what}: {error.strerror or error}; name a folder that can be written with --out"
