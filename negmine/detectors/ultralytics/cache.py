"""Converted models in the user's cache folder, one file each.

A model is converted once for all scans. The cache only saves time: where it cannot be written, each run converts the
model again, and a damaged file is replaced.
"""

from __future__ import annotations

import contextlib
import io
import json
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from negmine.detectors.ultralytics.archive import ZIP_DAMAGE
from negmine.files import replace_file, sha256_of
from negmine.inside import read_plain, require_plain
from negmine.paths import cache_folder

_FORMAT = 3  # raised when files of an older negmine must not be used
_HOUR = 3600  # seconds
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever they are written


@dataclass(frozen=True, slots=True)
class ConvertedFile:
    """Where a converted model is kept, and what comparisons found out about it.

    Attributes:
        path: of the file; None where the user has no cache folder.
    """

    path: Path | None

    @classmethod
    def of(cls, weights_sha256: str, made_by: Mapping[str, str]) -> ConvertedFile:
        """The file of some weights.

        Args:
            weights_sha256: hex, of the original.
            made_by: everything that decides what they are converted into, such as the versions of libraries.
        """
        folder = cache_folder()
        key = json.dumps({"format": _FORMAT, "weights": weights_sha256, **made_by}, sort_keys=True)
        name = f"{weights_sha256[:16]}-{made_by['backend']}-{sha256_of(key.encode())[:16]}.zip"
        return cls(None if folder is None else folder / name)

    def read(self) -> dict[str, bytes] | None:
        """The parts of the model by name; None where the file is missing, damaged or truncated."""
        if self.path is None:
            return None
        try:
            with _opened(self.path) as file:
                return {name: file.read(name) for name in file.namelist()}
        except ZIP_DAMAGE:
            return None

    def write(self, parts: Mapping[str, bytes]) -> str | None:
        """Keep a model; return why that failed, or None."""
        return "the user has no home folder" if self.path is None else _write(self.path, pack(parts))

    def findings(self, sha256: str) -> dict[str, str]:
        """What comparisons found, by what they depend on; {} where they were of another model.

        Args:
            sha256: of the model, as `fingerprint` gives it.
        """
        if self.path is None:
            return {}
        try:
            document = json.loads(read_plain(_beside(self.path)))
            found = document["findings"] if document["model"] == sha256 else {}
            return {str(key): str(value) for key, value in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    def note(self, sha256: str, key: str, finding: str) -> None:
        """Keep what a comparison found; where that fails, nothing happens."""
        if self.path is not None:
            document = {"model": sha256, "findings": self.findings(sha256) | {key: finding}}
            _write(_beside(self.path), json.dumps(document, indent=1).encode())


def kept_parts(weights_sha256: str, part: str) -> Iterator[bytes]:
    """One part of each model that these weights were converted into, where it can be read."""
    folder = cache_folder()
    if folder is None:
        return
    for path in sorted(folder.glob(f"{weights_sha256[:16]}-*.zip")):
        with contextlib.suppress(*ZIP_DAMAGE, KeyError), _opened(path) as file:
            yield file.read(part)


def fingerprint(parts: Mapping[str, bytes]) -> str:
    """SHA-256 of a model, hex."""
    return sha256_of(pack(parts))


def pack(parts: Mapping[str, bytes]) -> bytes:
    """One file of all parts of a model, with a checksum for each."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, data in sorted(parts.items()):
            file.writestr(zipfile.ZipInfo(name, _ZIP_TIME), data)
    return buffer.getvalue()


def _opened(path: Path) -> zipfile.ZipFile:
    """The parts of a model, stored as they are: what is packed could unpack to any size.

    Raises:
        OSError: for a link, a pipe and the like.
        BadZipFile: where it is damaged, or was not written by `pack`.
    """
    require_plain(path)
    file = zipfile.ZipFile(path)
    if any(each.compress_type != zipfile.ZIP_STORED for each in file.infolist()):
        file.close()
        raise zipfile.BadZipFile("it is packed")
    return file


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _clear_leftovers(folder: Path, newest: Path) -> None:
    """Remove what killed processes left; a file younger than an hour may still be written."""
    now = newest.stat().st_mtime
    for part in folder.glob("*.part"):
        if now - part.lstat().st_mtime > _HOUR:
            part.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> str | None:
    """Write atomically, several processes and threads at the same time.

    Returns:
        Why it could not be written; None where it was.
    """

    def write(part: Path) -> None:
        part.write_bytes(data)
        _clear_leftovers(path.parent, part)

    try:
        replace_file(path, write, durable=False, part=path.with_name(f"{path.name}.{uuid.uuid4().hex}.part"))
    except OSError as error:  # a full disk, somebody else's folder: the model is in memory anyway
        return error.strerror or str(error)
    return None
