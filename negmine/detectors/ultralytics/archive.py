"""The zip archive that torch.save writes: its pickle, and the elements of its tensors."""

from __future__ import annotations

import io
import math
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from negmine.detectors.ultralytics.records import Tensor, UnreadableError
from negmine.errors import WeightsError
from negmine.files import require_dense
from negmine.paths import printable

if TYPE_CHECKING:
    import torch

_ZIP_MAGIC = b"PK\x03\x04"  # what torch.load itself goes by
_MOST_LISTED = 4 << 20  # bytes of the list of members; a large network has two thousand
ZIP_DAMAGE = (  # what reading a zip archive raises where it is damaged
    OSError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError,
)  # fmt: skip


class Archive:
    """A checkpoint that is open; close it with `with`.

    Attributes:
        size: of the file, bytes.

    Args:
        path: of the checkpoint.

    Raises:
        WeightsError: where the file cannot be read, is truncated, or is not a checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self._where = printable(path)
        _require_zip(path)
        self.size = path.stat().st_size  # bytes
        self._left = self.size  # to read; members may overlap
        self._elements: dict[tuple[str, torch.dtype], torch.Tensor] = {}
        self._file = _File(io.FileIO(path))
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        try:
            self._zip = zipfile.ZipFile(self._file)
        except ZIP_DAMAGE as error:
            raise self._damaged() from error
        self._file.most = sys.maxsize
        names = self._zip.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise WeightsError(
                f"{self._where} is a TorchScript archive, not a checkpoint; give the .pt that was trained"
            )
        pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            found = "no PyTorch checkpoint (no data.pkl)" if not pickles else "several checkpoints"
            raise WeightsError(f"{self._where} is a zip archive, but holds {found}")
        self._folder = pickles[0].removesuffix("data.pkl")
        if f"{self._folder}byteorder" in names and self._read("byteorder") != b"little":
            raise WeightsError(f"{self._where} was written on a big-endian machine; save it again on another")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def pickled(self) -> bytes:
        """The pickle.

        Raises:
            WeightsError: where it is damaged.
        """
        return self._read("data.pkl")

    def tensor(self, found: Tensor) -> torch.Tensor:
        """A tensor of the file, on the CPU.

        Raises:
            WeightsError: where its elements are damaged or missing.
            UnreadableError: where it reaches outside them, or repeats them: a copy would be larger than the file.
        """
        import torch

        dtype: torch.dtype = getattr(torch, found.dtype)
        if 0 in found.shape:
            return torch.empty(found.shape, dtype=dtype)
        key = (found.storage.key, dtype)
        if key not in self._elements:
            read = bytearray(self._read(f"data/{found.storage.key}"))
            whole = len(read) // dtype.itemsize
            self._elements[key] = torch.frombuffer(read, dtype=dtype, count=whole) if whole else torch.empty(0)
        elements = self._elements[key]
        last = found.offset + sum((side - 1) * step for side, step in zip(found.shape, found.strides, strict=True))
        if last >= len(elements):
            raise UnreadableError("it holds a tensor that reaches beyond its elements")
        if math.prod(found.shape) > len(elements):
            raise UnreadableError("it holds a tensor that has more elements than are in the file")
        return elements.as_strided(found.shape, found.strides, found.offset)

    def _read(self, name: str) -> bytes:
        """A member; only stored ones, as torch writes them: others may be a thousand times as long as the file."""
        try:
            member = self._zip.getinfo(self._folder + name)
            if member.compress_type != zipfile.ZIP_STORED:
                raise WeightsError(f"{self._where} is compressed, as torch.save writes none; save it again with torch")
            self._left -= member.file_size
            if self._left < 0:
                raise self._damaged()
            return self._zip.read(member)
        except (KeyError, *ZIP_DAMAGE) as error:
            raise self._damaged() from error

    def _damaged(self) -> WeightsError:
        return WeightsError(f"{self._where} is damaged or truncated; torch cannot read it as a checkpoint")


class _File(io.BufferedReader):
    """A file of which no more is read at once than `most` bytes: zipfile reads the list of members at once."""

    most = _MOST_LISTED

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > self.most:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(size)


def _require_zip(path: Path) -> None:
    try:
        require_dense(path)
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightsError(f"cannot read weights {printable(path)}: {error.strerror or error}") from error
    if not head.startswith(_ZIP_MAGIC):
        raise WeightsError(f"{printable(path)} is not a PyTorch checkpoint: {_what_starts_with(head)}")


def _what_starts_with(head: bytes) -> str:
    if not head:
        return "it is empty"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "it is a web page, probably an error page saved in its place; download it again"
    return (
        f"it starts with {head[:8]!r}; expected the zip format of torch.save since 1.6 "
        "(an older one opens with --trust-weights, if you know who made it)"
    )
