"""Reading an image and its labels in steps, so that no step is taken that an unchanged image does not need."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.records import ItemRecord, KnownItem
from negmine.errors import ImageError, LabelError
from negmine.files import sha256_of
from negmine.images import decode_image
from negmine.labels.base import Truth
from negmine.mining.result import SkippedImage
from negmine.sources.base import SourceItem
from negmine.structures import GroundTruth, Image


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImage:
    """An image as it was read.

    Attributes:
        path: the file that it is in.
        record: what the catalogue keeps of it.
        sha256: of its bytes, hex.
        data: its bytes; None where the image is unchanged, and was not read.
    """

    path: Path
    record: ItemRecord
    sha256: str
    data: bytes | None


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
    """Reads images and their labels. Holds no state, so that any number of threads may share one.

    Args:
        truth: the labels; None where every image is background.
    """

    def __init__(self, truth: Truth | None) -> None:
        self.has_truth = truth is not None
        self._truth = truth
        classes = "\n".join(truth.class_names) if truth else ""
        self._classes_hash = hashlib.sha256(classes.encode("utf-8", "surrogatepass")).hexdigest()

    def is_unchanged(self, item: SourceItem, known: KnownItem | None) -> bool:
        """Whether an item is as the bank knows it: by its stamp, and by its labels where labels are given."""
        if known is None:
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
            stamp, data = item.stamp(), item.read()
        except LabelError as error:
            return SkippedImage(item.path, "label", str(error))
        except (OSError, ValueError) as error:  # ValueError: a NUL in a name from a list
            return SkippedImage(item.path, "unreadable", _os_reason(error))
        sha256 = sha256_of(data)
        if not self.has_truth and known is not None and known.sha256 == sha256:
            truth_hash = known.record.truth_hash
        return EncodedImage(item.path, ItemRecord(item.key, stamp, truth_hash), sha256, data)

    def decode(self, encoded: EncodedImage) -> DecodedImage | SkippedImage:
        """Decode the pixels, and read the objects."""
        try:
            image = decode_image(encoded.data or b"")
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


def _os_reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
