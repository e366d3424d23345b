"""What is suspicious about the images of a training, each finding with its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from negmine.datasets.labelled import LabelledImage
from negmine.datasets.open import Dataset
from negmine.paths import printable, sortable
from negmine.ratios.bank_summary import BankSummary
from negmine.ratios.mix import kind_of
from negmine.videos.contents import Contents
from negmine.words import counted

FindingKind = Literal[
    "contradiction", "leak", "hard-empty", "small", "unlabelled", "ignored", "lost", "broken", "unreadable"
]
MIN_SIDE = 32  # pixels; MMDetection's default `filter_cfg=dict(min_size=32)`


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to check before training.

    Attributes:
        kind: what it is about.
        message: one sentence for people, without file names.
        files: sorted.
    """

    kind: FindingKind
    message: str
    files: tuple[Path, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"kind": self.kind, "message": self.message, "files": [printable(path) for path in self.files]}


def sorted_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Each once, by the bytes of their names."""
    return tuple(sorted(set(paths), key=sortable))


def file_findings(images: Sequence[LabelledImage], bank: BankSummary, contents: Contents) -> list[Finding]:
    """All findings that need no comparison between images, the most important first.

    Args:
        images: each file once.
        bank: the bank.
        contents: at least of the images without objects.
    """
    return [
        *_hard_empties(images, bank, contents),
        *_small(images, bank, contents),
        *_unlabelled(images),
        *_ignored(images),
        *_broken(images),
        *_unreadable(contents),
    ]


def _hard_empties(images: Sequence[LabelledImage], bank: BankSummary, contents: Contents) -> list[Finding]:
    """Images with an empty label that a detector or a reviewer doubts, the highest score first."""
    found: list[tuple[float, Path, str]] = []
    for image in images:
        sha256 = contents.sha256.get(image.path)
        if kind_of(image) != "empty" or sha256 is None:
            continue
        if sha256 in bank.doubted:
            said = "saw a target in it" if bank.doubted[sha256] == "target" else "rejected it as a negative"
            found.append((2.0, image.path, f"its label is empty, but a reviewer {said}"))
        elif sha256 in bank.fired:
            score = bank.fired[sha256]
            message = f"its label is empty, but the bank's detector fires on it with a score of {score:.2f}"
            found.append((score, image.path, f"{message}; make sure that no object is missing"))
    found.sort(key=lambda each: (-each[0], sortable(each[1])))
    return [Finding("hard-empty", message, (path,)) for _, path, message in found]


def _small(images: Sequence[LabelledImage], bank: BankSummary, contents: Contents) -> list[Finding]:
    sizes = [(negative.path, negative.size_wh) for negative in bank.negatives]
    sizes += [(variant.path, variant.size_wh) for variant in bank.variants]
    for image in images:
        content = contents.image(image.path) if kind_of(image) == "empty" else None
        if content is not None and content.size_wh is not None:
            sizes.append((image.path, content.size_wh))
    files = [path for path, size_wh in sizes if min(size_wh) < MIN_SIDE]
    what = f"without objects, with a side under {MIN_SIDE} px: MMDetection and others drop such images silently"
    return _if_any("small", files, lambda n: f"{counted(n, 'image')} {what}")


def lost_labels(datasets: Sequence[Dataset]) -> list[Finding]:
    """Labels without an image, which a training never sees."""
    files = [Path(name) for dataset in datasets for name in dataset.lost]
    return _if_any("lost", files, lambda n: f"{counted(n, 'label')} without an image; add the images")


def _unlabelled(images: Sequence[LabelledImage]) -> list[Finding]:
    files = [image.path for image in images if kind_of(image) == "unlabelled"]
    what = "without a label, not even an empty one: Ultralytics trains on such images as background, others drop them"
    return _if_any("unlabelled", files, lambda n: f"{counted(n, 'image')} {what}")


def _ignored(images: Sequence[LabelledImage]) -> list[Finding]:
    files = [image.path for image in images if kind_of(image) == "ignored"]
    what = "with regions to ignore alone: not counted, since nobody knows what is in them"
    return _if_any("ignored", files, lambda n: f"{counted(n, 'image')} {what}")


def _broken(images: Sequence[LabelledImage]) -> list[Finding]:
    broken = sorted((image for image in images if image.broken is not None), key=lambda each: sortable(each.path))
    return [Finding("broken", f"its label cannot be read: {image.broken}", (image.path,)) for image in broken]


def _unreadable(contents: Contents) -> list[Finding]:
    reasons = contents.reasons()
    return [
        Finding("unreadable", f"the image cannot be decoded: {reasons[path]}", (path,))
        for path in sorted(reasons, key=sortable)
    ]


def _if_any(kind: FindingKind, files: Sequence[Path], message: Callable[[int], str]) -> list[Finding]:
    """One finding for all files; [] for no files."""
    once = sorted_files(files)
    return [Finding(kind, message(len(once)), once)] if once else []
