"""Reading an image for a scan, in two steps: what it is (cheap), then its pixels and labels (only where needed)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from negmine.bank.records import FileStamp, KnownFile
from negmine.errors import ImageError, LabelError
from negmine.files import sha256_of
from negmine.images import decode_image
from negmine.labels.base import Truth
from negmine.mining.result import SkippedImage
from negmine.structures import GroundTruth, Image, ImageRef


@dataclass(frozen=True, slots=True)
class Peeked:
    """An image file by its hash and its labels' hash, without its pixels.

    Attributes:
        stamp: where it is, size and time, hash of its labels.
        sha256: of its bytes, hex.
        data: its bytes, where they had to be read.
        labelled: whether `--truth` speaks of this image, be it to say that it is empty.
    """

    stamp: FileStamp
    sha256: str
    data: bytes | None
    labelled: bool


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """An image with its pixels and objects."""

    peeked: Peeked
    image: Image
    truth: GroundTruth

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright image, in pixels."""
        return self.image.shape[1], self.image.shape[0]

    @property
    def stamp(self) -> FileStamp:
        """The file."""
        return self.peeked.stamp

    @property
    def sha256(self) -> str:
        """Of its bytes, hex."""
        return self.peeked.sha256

    @property
    def own_truth(self) -> GroundTruth | None:
        """The labels of this file alone; None where `--truth` does not speak of it."""
        return self.truth if self.peeked.labelled else None


Read: TypeAlias = SkippedImage | Peeked | Decoded


class Reader:
    """Reads images and their labels. Holds no state, so that any number of threads may share one.

    Args:
        truth: the labels; None where every image is background.
        missing_is_empty: an image without a label holds no target.
    """

    def __init__(self, truth: Truth | None, *, missing_is_empty: bool) -> None:
        self._truth = truth
        self._missing_is_empty = missing_is_empty
        classes = "\n".join(truth.class_names) if truth else ""
        self._classes_hash = hashlib.sha256(classes.encode("utf-8", "surrogatepass")).hexdigest()

    def unchanged(self, known: Sequence[KnownFile | None]) -> list[bool]:
        """Whether the bank has all of a file: its content under this run, its labels, its size and time."""
        return [each is not None and each.done and self._same(each) for each in known]

    def as_known(self, known: KnownFile) -> Peeked:
        """A file that is unchanged."""
        return Peeked(known.stamp, known.sha256, None, labelled=self._truth is not None)

    def read(self, ref: ImageRef, known: KnownFile | None, seems_done: Callable[[str], bool]) -> Read:
        """Tell what an image file is, and read pixels and objects unless the bank seems to have all of them.

        Args:
            ref: the image.
            known: what the bank knew of it when the scan looked.
            seems_done: whether the bank may have the results for a hash; where it has not, the caller finds out.
        """
        peeked = self.peek(ref, known)
        if isinstance(peeked, SkippedImage):
            return peeked
        if known is not None:
            done = known.done and known.sha256 == peeked.sha256 and known.stamp.truth_hash == peeked.stamp.truth_hash
        else:
            done = not peeked.labelled and seems_done(peeked.sha256)
        return replace(peeked, data=None) if done else self.decode(peeked)

    def peek(self, ref: ImageRef, known: KnownFile | None) -> Peeked | SkippedImage:
        """Tell what an image file is; its bytes are read only where size or time differ from what the bank knows."""
        try:
            truth_hash = self._truth_hash(ref.path)
            if self._truth is not None and truth_hash is None:
                return SkippedImage(ref.path, "unlabelled", "the truth has no label for it (empty is not missing)")
            stat = ref.path.stat()
            same = known is not None and (known.stamp.size, known.stamp.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
            data = None if same else ref.read_bytes()
        except LabelError as error:
            return SkippedImage(ref.path, "label", str(error))
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name out of a list
            return SkippedImage(ref.path, "unreadable", _os_reason(error))
        sha256 = known.sha256 if known is not None and data is None else sha256_of(data or b"")
        if self._truth is None and known is not None and known.sha256 == sha256:
            truth_hash = known.stamp.truth_hash  # labels given earlier hold until others are given
        stamp = FileStamp(ref.path, stat.st_size, stat.st_mtime_ns, truth_hash)
        return Peeked(stamp, sha256, data, labelled=self._truth is not None)

    def decode(self, peeked: Peeked) -> Decoded | SkippedImage:
        """Read pixels and objects."""
        path = peeked.stamp.path
        try:
            if peeked.data is None:  # size and time were the bank's; the content may still be another
                data = path.read_bytes()
                peeked = replace(peeked, sha256=sha256_of(data), data=data)
            image = decode_image(peeked.data or b"")
            truth = self._read_truth(path, (image.shape[1], image.shape[0]))
        except ImageError as error:
            return SkippedImage(path, "unreadable", str(error))
        except LabelError as error:
            return SkippedImage(path, "label", str(error))
        except OSError as error:
            return SkippedImage(path, "unreadable", _os_reason(error))
        return Decoded(peeked, image, truth)

    def _same(self, known: KnownFile) -> bool:
        stamp = known.stamp
        try:
            stat = os.stat(stamp.path)  # noqa: PTH116  (a million of them)
            if (stat.st_size, stat.st_mtime_ns) != (stamp.size, stamp.mtime_ns):
                return False
            truth_hash = self._truth_hash(stamp.path)
            return self._truth is None or (truth_hash is not None and truth_hash == stamp.truth_hash)
        except (OSError, ValueError, LabelError):  # whoever reads it says what is wrong
            return False

    def _truth_hash(self, path: Path) -> str | None:
        """The hash of an image's labels and of the classes that were looked for; None where it has none."""
        if self._truth is None:
            return None
        label_hash = self._truth.label_hash(path)
        if label_hash is None and self._missing_is_empty:
            label_hash = "missing is empty"
        if label_hash is None:
            return None
        return hashlib.sha256(f"{label_hash}\n{self._classes_hash}".encode()).hexdigest()

    def _read_truth(self, path: Path, size_wh: tuple[int, int]) -> GroundTruth:
        truth = None if self._truth is None else self._truth.read(path, size_wh)
        return GroundTruth.empty() if truth is None else truth


def _os_reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
