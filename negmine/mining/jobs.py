"""What is to be stored of a chunk, without its pixels, and whether a chunk may be examined before others are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from negmine.bank.records import FileStamp, KnownFile, KnownSource
from negmine.mining.examining import Examination
from negmine.mining.reading import Decoded, Peeked, Read
from negmine.mining.result import SkippedImage
from negmine.structures import GroundTruth


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """An image file as it is stored under its name.

    Attributes:
        stamp: the file.
        sha256: of its bytes.
        size_wh: of the upright image, pixels; None where it was not decoded, since the bank has its content.
        truth: its labels; None to leave those that the bank has.
        before: what the bank knew of the file.
    """

    stamp: FileStamp
    sha256: str
    size_wh: tuple[int, int] | None
    truth: GroundTruth | None
    before: KnownFile | None

    @classmethod
    def of(cls, entry: Peeked | Decoded, before: KnownFile | None) -> Named:
        """Without the pixels."""
        if isinstance(entry, Decoded):
            return cls(entry.stamp, entry.sha256, entry.size_wh, entry.own_truth, before)
        return cls(entry.stamp, entry.sha256, None, None, before)

    @property
    def was_decoded(self) -> bool:
        """Whether its picture was read to be judged."""
        return self.size_wh is not None

    @property
    def is_news(self) -> bool:
        """Whether the bank does not have just that."""
        before = self.before
        return self.was_decoded or before is None or (before.stamp, before.sha256) != (self.stamp, self.sha256)

    @property
    def was_there(self) -> bool:
        """Whether the bank knew this content by this name."""
        return self.before is not None and self.before.sha256 == self.sha256


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A chunk that is decided about and not stored yet.

    Attributes:
        entries: its images, in order.
        fresh: the pictures that are examined, each by its hash, and which of the images stands for it.
        examination: of these.
    """

    entries: Sequence[SkippedImage | Named]
    fresh: Mapping[str, int]
    examination: Examination

    @property
    def pictures(self) -> set[str]:
        """The hashes of what was decoded for it."""
        return {e.sha256 for e in self.entries if isinstance(e, Named) and e.was_decoded}


def apart(
    entries: Sequence[Read],
    known: Sequence[KnownFile | None],
    sources: Mapping[str, KnownSource],
    under_way: Collection[str],
) -> bool:
    """Whether storing a chunk's names changes no labels that the bank has, and no chunk under way has its pictures.

    Args:
        entries: the chunk as it was read.
        known: what the bank knows of each file.
        sources: what the bank knows of the contents of these files.
        under_way: hashes of pictures that wait to be stored.
    """
    taken, done = set(under_way), set[str]()
    for entry, before in zip(entries, known, strict=True):
        if isinstance(entry, SkippedImage):
            continue
        hashes = {entry.sha256} | ({before.sha256} if before is not None else set())
        if hashes & taken or not _leaves_labels(entry, before, sources.get(entry.sha256)):
            return False
        if isinstance(entry, Decoded):
            taken |= hashes
            if hashes & done:
                return False
        done |= hashes
    return True


def _leaves_labels(entry: Peeked | Decoded, before: KnownFile | None, source: KnownSource | None) -> bool:
    """Whether storing a name changes no labels; what was not decoded must be done, too."""
    if before is not None:
        same = (before.sha256, before.stamp.truth_hash) == (entry.sha256, entry.stamp.truth_hash)
        return same and (before.done or isinstance(entry, Decoded))
    if source is None:
        return isinstance(entry, Decoded)
    return not source.labelled and entry.stamp.truth_hash is None and (source.done or isinstance(entry, Decoded))
