"""Thumbnails in the user's cache folder, named by the hash of the file that they show.

They are not in the bank: it may be read-only, or have come from somebody whose thumbnails show something else. They
only save time, so the oldest are removed when there are too many, and nothing is said where they cannot be written.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from negmine.files import replace_file
from negmine.inside import read_plain

_MOST_BYTES = 1 << 30  # of all thumbnails; some 100,000 of them
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Those that were made before.

    Attributes:
        folder: that they are in; None to keep none.
    """

    folder: Path | None

    def read(self, sha256: str) -> bytes | None:
        """The thumbnail of a file; None where there is none.

        Args:
            sha256: of the file, 64 hex digits.
        """
        if self.folder is None:
            return None
        try:
            data = read_plain(self._path(self.folder, sha256))
        except OSError:
            return None
        return data if data.startswith(_JPEG) else None

    def write(self, sha256: str, data: bytes) -> None:
        """Keep the thumbnail of a file."""
        if self.folder is None:
            return
        path = self._path(self.folder, sha256)
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # others need not see them
            replace_file(
                path,
                lambda part: part.write_bytes(data),
                durable=False,
                part=path.with_name(f"{sha256}-{uuid.uuid4().hex}.part"),
            )

    def trim(self, most_bytes: int = _MOST_BYTES) -> int:
        """Remove the oldest where they take more than so many bytes together.

        Returns:
            How many were removed.
        """
        if self.folder is None:
            return 0
        found = []
        for path in self.folder.glob("??/*"):
            with suppress(OSError):  # another process removed it
                stat = path.lstat()
                found.append((stat.st_mtime, stat.st_size, path))
        over, removed = sum(size for _, size, _ in found) - most_bytes, 0
        for _, size, path in sorted(found):
            if over <= 0:
                break
            with suppress(OSError):
                path.unlink()
                over, removed = over - size, removed + 1
        return removed

    @staticmethod
    def _path(folder: Path, sha256: str) -> Path:
        return folder / sha256[:2] / f"{sha256}.jpg"
