"""Reading an image and its labels in steps, so that no step is taken that an unchanged image does not need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from negmine.bank.records import ItemRecord, KnownItem
from negmine.engines.budget import Budget
from negmine.errors import ImageError, LabelError
from negmine.files import reason_of, sha256_of, sha256_of_file
from negmine.images import decode_image
from negmine.images.header import decoding_bytes
from negmine.images.windows import MEMORY, LargeFile, WindowedImage, large_file
from negmine.labels.base import Truth
from negmine.mining.result import SkipKind, SkippedImage
from negmine.sources.base import ImageFile, SourceItem
from negmine.sources.videos import UnreadableVideo
from negmine.structures import GroundTruth, Image
from negmine.videos.video import Frame

DECODING_BYTES = 1 << 29  # that decoding may take at the same time; one image always may be decoded
_KEPT = 8 << 20  # bytes of an encoded image that are kept until it is decoded


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImage:
    """An image as it was read.

    Attributes:
        path: the file that it is in.
        record: what the catalogue keeps of it.
        sha256: of its bytes, hex.
        nbytes: what decoding it will take; 0 where that cannot be told, or the image is unchanged and was not read.
        load: decodes it; bytes are read again where they are many. What is too large to be decoded whole is opened, and
            parts of it are read. It raises an ImageError where that fails, or the image has changed; None where the
            image was not read.
    """

    path: Path
    record: ItemRecord
    sha256: str
    nbytes: int = 0
    load: Callable[[], Image] | None = None

    def decode(self) -> Image:
        """The pixels; of an image that is too large, a file of which parts are read.

        Raises:
            ImageError: where it cannot be decoded.
        """
        if self.load is None:
            raise ImageError("it was not read")
        return self.load()


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """An image with its pixels and objects."""

    path: Path
    sha256: str
    image: Image
    truth: GroundTruth

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height of the upright image, in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class ImageLabels:
    """What the catalogue keeps of an image before any detector sees it.

    Attributes:
        record: item, stamp, hash of the labels.
        sha256: of its bytes, hex.
        size_wh: of the upright image, pixels; None where the bank has this content and these labels.
        truth: its labels; None to leave those that the bank has.
    """

    record: ItemRecord
    sha256: str
    size_wh: tuple[int, int] | None
    truth: GroundTruth | None


class Reader:
    """Reads images and their labels; any number of threads may share one.

    Args:
        truth: the labels; None where every image is background.
        in_parts: whether whoever gets the images reads parts of them, so that they may be too large to be decoded.
    """

    def __init__(self, truth: Truth | None, *, in_parts: bool = False) -> None:
        self._in_parts = in_parts
        self.has_truth = truth is not None
        self._truth = truth
        self._budget = Budget(DECODING_BYTES)
        classes = "\n".join(truth.class_names) if truth else ""
        self._classes_hash = hashlib.sha256(classes.encode("utf-8", "surrogatepass")).hexdigest()

    def is_unchanged(self, item: SourceItem, known: KnownItem | None) -> bool:
        """Whether an item is as the bank knows it: by its stamp, and by its labels where labels are given.

        One of which a scan for flickers alone knows is not: nobody has said of it that it is background.
        """
        if known is None or not known.record.is_background:
            return False
        try:
            if item.stamp() != known.record.stamp:
                return False
            truth_hash = self._truth_hash(item.path) if self.has_truth else known.record.truth_hash
            return not self.has_truth or (truth_hash is not None and truth_hash == known.record.truth_hash)
        except (OSError, ValueError, LabelError):  # reading it says what is wrong
            return False

    def read(self, item: SourceItem, known: KnownItem | None = None) -> EncodedImage | SkippedImage:
        """Read the bytes of an item, and the hash of its labels.

        Args:
            item: the image.
            known: what the bank knows of it. Labels given earlier hold until others are given, or the image changes.
        """
        try:
            truth_hash = self._truth_hash(item.path)
            if self.has_truth and truth_hash is None:
                return SkippedImage(item.path, "unlabelled", "the truth has no label for it (empty is not missing)")
            large = large_file(item.path) if self._in_parts and isinstance(item, ImageFile) else None
            stamp, data = item.stamp(), b"" if large else item.read()
            sha256 = sha256_of_file(item.path) if large else _hash_of(data)
        except LabelError as error:
            return SkippedImage(item.path, "label", str(error))
        except ImageError as error:
            kind: SkipKind = "video" if isinstance(item, UnreadableVideo) else "unreadable"
            return SkippedImage(item.path, kind, str(error))
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name from a list
            return SkippedImage(item.path, "unreadable", reason_of(error))
        if not self.has_truth and known is not None and known.sha256 == sha256:
            truth_hash = known.record.truth_hash
        record = ItemRecord(item.key, stamp, truth_hash)
        if large is not None:
            return EncodedImage(item.path, record, sha256, MEMORY, partial(_in_parts, item.path, large))
        if isinstance(data, Frame):
            return EncodedImage(item.path, record, sha256, data.nbytes, data.decode)
        load = partial(decode_image, data) if len(data) <= _KEPT else partial(_decode_again, item, sha256)
        return EncodedImage(item.path, record, sha256, decoding_bytes(data), load)

    def decode(self, encoded: EncodedImage) -> DecodedImage | SkippedImage:
        """Decode the pixels, and read the objects."""
        try:
            image = encoded.decode()
            truth = self._read_truth(encoded.path, (image.shape[1], image.shape[0]))
        except ImageError as error:
            return SkippedImage(encoded.path, "unreadable", str(error))
        except LabelError as error:
            return SkippedImage(encoded.path, "label", str(error))
        return DecodedImage(encoded.path, encoded.sha256, image, truth)

    def read_labels(self, item: SourceItem, known: KnownItem | None) -> ImageLabels | SkippedImage | None:
        """Tell what the catalogue is to keep of an item; None where it is unchanged."""
        if self.is_unchanged(item, known):
            return None
        encoded = self.read(item, known)
        if isinstance(encoded, SkippedImage):
            return encoded
        record, sha256 = encoded.record, encoded.sha256
        if known is not None and (known.sha256, known.record.truth_hash) == (sha256, record.truth_hash):
            return ImageLabels(record, sha256, None, None)
        with self._budget.hold(encoded.nbytes):
            decoded = self.decode(encoded)
            if isinstance(decoded, SkippedImage):
                return decoded
            return ImageLabels(record, sha256, decoded.size_wh, decoded.truth if self.has_truth else None)

    def _truth_hash(self, path: Path) -> str | None:
        """The hash of an image's labels and of the classes that were looked for; None where it has none."""
        if self._truth is None:
            return None
        label_hash = self._truth.label_hash(path)
        if label_hash is None:
            return None
        return hashlib.sha256(f"{label_hash}\n{self._classes_hash}".encode()).hexdigest()

    def _read_truth(self, path: Path, size_wh: tuple[int, int]) -> GroundTruth:
        truth = None if self._truth is None else self._truth.read(path, size_wh)
        return GroundTruth.empty() if truth is None else truth


def _hash_of(data: bytes | Frame) -> str:
    return data.sha256 if isinstance(data, Frame) else sha256_of(data)


def _in_parts(path: Path, large: LargeFile) -> Image:
    """A file of which parts are read: only a detector that reads parts gets it."""
    return cast(Image, WindowedImage(path, large))


def _decode_again(item: SourceItem, sha256: str) -> Image:
    """The pixels that an item had.

    Raises:
        ImageError: where it has others now, or cannot be read.
    """
    try:
        data = item.read()
    except (OSError, ValueError) as error:
        raise ImageError(reason_of(error)) from error
    if isinstance(data, Frame) or sha256_of(data) != sha256:
        raise ImageError("it changed while it was scanned")
    return decode_image(data)
