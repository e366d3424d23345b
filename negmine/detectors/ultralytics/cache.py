"""Converted models on disk: in the user's cache folder, one file each, whole or not there.

A model is converted once for all scans. Nothing depends on the folder but time: where it cannot be written, a model is
converted again, and a file that is damaged is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FORMAT = 2  # raised where files of an older negmine must not be used any more
_HOUR = 3600  # seconds
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError)
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever they are written


@dataclass(frozen=True, slots=True)
class ConvertedFile:
    """Where a converted model is kept, and what was found out about it.

    Attributes:
        path: of the file; None where the user has no folder for it.
    """

    path: Path | None

    @classmethod
    def of(cls, weights_sha256: str, made_by: Mapping[str, str]) -> ConvertedFile:
        """The file of some weights.

        Args:
            weights_sha256: hex, of the original.
            made_by: all that decides what it is converted into, such as the versions of libraries.
        """
        folder = cache_folder()
        key = json.dumps({"format": _FORMAT, "weights": weights_sha256, **made_by}, sort_keys=True)
        name = f"{weights_sha256[:16]}-{made_by['backend']}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.zip"
        return cls(None if folder is None else folder / name)

    def read(self) -> dict[str, bytes] | None:
        """The parts of the model by their names; None where it is missing, damaged or cut short."""
        if self.path is None:
            return None
        try:
            with zipfile.ZipFile(self.path) as file:
                return {name: file.read(name) for name in file.namelist()}
        except _UNREADABLE:
            return None

    def write(self, parts: Mapping[str, bytes]) -> str | None:
        """Keep a model; where that cannot be, nothing happens, and the reason is given."""
        return "nobody knows the user's home" if self.path is None else _write(self.path, pack(parts))

    def findings(self, sha256: str) -> dict[str, str]:
        """What was noted about the model, by what it was noted for; {} where that was about another.

        Args:
            sha256: of the model, as `fingerprint` gives it.
        """
        if self.path is None:
            return {}
        try:
            document = json.loads(_beside(self.path).read_text(encoding="utf-8"))
            found = document["findings"] if document["model"] == sha256 else {}
            return {str(key): str(value) for key, value in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def note(self, sha256: str, asked: str, finding: str) -> None:
        """Note something about the model; where that cannot be, nothing happens."""
        if self.path is not None:
            document = {"model": sha256, "findings": self.findings(sha256) | {asked: finding}}
            _write(_beside(self.path), json.dumps(document, indent=1).encode())


def kept_parts(weights_sha256: str, part: str) -> Iterator[bytes]:
    """One part of each model that some weights were converted into, where it can be read."""
    folder = cache_folder()
    if folder is None:
        return
    for path in sorted(folder.glob(f"{weights_sha256[:16]}-*.zip")):
        with contextlib.suppress(*_UNREADABLE, KeyError), zipfile.ZipFile(path) as file:
            yield file.read(part)


def cache_folder() -> Path | None:
    """`negmine` in the user's cache folder, which XDG_CACHE_HOME names; None where nobody knows the user's home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():  # the specification has others passed over
        return Path(named) / "negmine"
    try:
        return Path.home() / ".cache" / "negmine"
    except RuntimeError:
        return None


def fingerprint(parts: Mapping[str, bytes]) -> str:
    """SHA-256 of a model, hex."""
    return hashlib.sha256(pack(parts)).hexdigest()


def pack(parts: Mapping[str, bytes]) -> bytes:
    """One file of the parts of a model, with a checksum of each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, data in sorted(parts.items()):
            file.writestr(zipfile.ZipInfo(name, _ZIP_TIME), data)
    return buffer.getvalue()


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _clear_leftovers(folder: Path, newest: Path) -> None:
    """Remove what killed processes left; what is younger than an hour may still be written."""
    now = newest.stat().st_mtime
    for part in folder.glob("*.part"):
        if now - part.stat().st_mtime > _HOUR:
            part.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> str | None:
    """Write under a name of its own and rename, so that processes that do so at the same time do not meet.

    Returns:
        Why it could not be written; None where it was.
    """
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
        with open(number, "wb") as file:  # noqa: PTH123 - there is no path to open, only a descriptor
            file.write(data)
        _clear_leftovers(path.parent, Path(part))
        Path(part).replace(path)
    except OSError as error:  # a full disk, a folder of somebody else: the model is in memory all the same
        if part is not None:
            with contextlib.suppress(OSError):
                Path(part).unlink(missing_ok=True)
        return error.strerror or str(error)
    return None
