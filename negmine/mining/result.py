"""What a scan did, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from negmine.bank.pictures import picture_in
from negmine.bank.records import ScannedImage, Stored
from negmine.detectors.base import Detector
from negmine.matching import FALSE_POSITIVES, Kind
from negmine.mining.suspected_targets import CONFIDENT
from negmine.notebook import gallery, table
from negmine.paths import printable

SCHEMA_VERSION = 1
_HARDEST = 5  # negatives that a result names

SkipKind = Literal["unreadable", "video", "unlabelled", "label", "detector"]
SKIP_MEANINGS: Mapping[SkipKind, str] = {
    "unreadable": "no readable image",
    "video": "no readable video",
    "unlabelled": "no label file",
    "label": "labels that cannot be trusted",
    "detector": "detector gave no detections",
}


@dataclass(frozen=True, slots=True)
class SkippedImage:
    """An image that was passed over, and why."""

    source: Path
    kind: SkipKind
    reason: str


@dataclass(frozen=True, slots=True)
class HardNegative:
    """A negative that this scan added, for the list of the hardest.

    Attributes:
        score, class_name: of the false positive.
        source: the path of the image.
        sha256: of the negative, hex.
        shown: what the image is called, for people.
    """

    score: float
    class_name: str
    source: Path
    sha256: str
    shown: str


@dataclass(frozen=True, slots=True)
class CameraCount:
    """How much of a camera was looked at.

    Attributes:
        camera: its address, without user, password and query.
        frames: that it sent.
        looked_at: of these.
    """

    camera: str
    frames: int
    looked_at: int

    def to_dict(self) -> dict[str, object]:
        """JSON values only."""
        return {"camera": self.camera, "frames": self.frames, "looked_at": self.looked_at}


@dataclass(frozen=True, slots=True)
class Footage:
    """How much of the sources is video.

    Attributes:
        videos: files with a frame that is looked at.
        only: whether there is nothing else but cameras.
    """

    videos: int = 0
    only: bool = False

    @property
    def unit(self) -> str:
        """What the images of the sources are called."""
        return "frame" if self.only else "image"


@dataclass(frozen=True, slots=True)
class Device:
    """What a detector ran on.

    Attributes:
        name: by torch's name, such as `cpu` or `cuda:0`; None where the detector does not know.
        backend: what ran it, such as `openvino` or `openvino int8`; None where it has but one.
        busy: share of the scan's time that the detector was at work, 0 to 1; the rest it waited for images.
    """

    name: str | None
    backend: str | None
    busy: float

    @classmethod
    def of(cls, detector: Detector, busy: float) -> Device:
        """As a detector says it."""
        settings = detector.identity.settings
        backend = str(settings["backend"]) if "backend" in settings else None
        return cls(detector.device, f"{backend} int8" if "int8" in settings else backend, busy)

    def to_dict(self) -> dict[str, object]:
        """JSON values only."""
        return {"name": self.name, "backend": self.backend, "busy": round(self.busy, 3)}


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is.

    Attributes:
        total: images to look at; None where nobody knows, as with cameras.
        done: images looked at, skipped and unchanged ones among them.
        scanned: images that the detector saw.
        false_positives: of the kind `background`, so far.
        negatives: added so far.
        labels_read: images whose labels were read so far; None once that is done, or where there are none.
        notes: what the scan found out before it began, such as the format of the labels.
        unit: what the images are called, `image` or `frame`.
    """

    total: int | None
    done: int
    scanned: int
    false_positives: int
    negatives: int
    labels_read: int | None = None
    notes: tuple[str, ...] = ()
    unit: str = "image"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan did. Counts of detections are of the images that it scanned, not of unchanged ones.

    Attributes:
        bank: the bank's folder.
        scanned: images that the detector saw.
        unchanged: images that the bank already had, under this detector and these settings.
        duplicates: images whose content another image of this scan, or of the bank, has too.
        with_false_positives: scanned images with a false positive of any kind.
        skipped: images passed over, each with its reason.
        kinds: how many detections turned out to be what.
        classes: background false positives by class, most frequent first.
        crops_skipped: background false positives that gave no negative, by reason.
        sharing: background false positives whose crop is that of a harder one in the same image.
        added: negatives that the bank did not have.
        known: negatives that it had, from another run or image.
        withdrawn: negatives taken out again: labels given later show a target in them, or nothing is found there now.
        total: negatives in the bank now.
        hardest: the hardest of the negatives added, at most five.
        seconds: from the first image to the last.
        device: what the detector ran on.
        notes: what the detector noted while it ran, such as a batch halved for want of memory.
        warnings: why the negatives should be looked at before they are used; empty where nothing says so.
        told: those of them that `on_progress` was told before the first image.
        cameras: that were looked at.
        gaps: likely misses, beside flickers.
        was_stopped: whether a Ctrl-C ended it, as it ends a scan of cameras.
        with_flickers: scanned frames with a detection that is alone in time.
        footage: the videos among the sources.
    """

    bank: Path
    scanned: int
    unchanged: int
    duplicates: int
    with_false_positives: int
    skipped: tuple[SkippedImage, ...]
    kinds: Mapping[Kind, int]
    classes: Mapping[str, int]
    crops_skipped: Mapping[str, int]
    sharing: int
    added: int
    known: int
    withdrawn: int
    total: int
    hardest: tuple[HardNegative, ...]
    seconds: float
    device: Device
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    cameras: tuple[CameraCount, ...] = ()
    gaps: int = 0
    was_stopped: bool = False
    with_flickers: int = 0
    footage: Footage = field(default_factory=Footage)

    @property
    def flickers(self) -> int:
        """Detections that are alone in time."""
        return self.kinds[Kind.FLICKER]

    @property
    def images_per_second(self) -> float:
        """Images that the detector saw, a second; 0 where it saw none."""
        return self.scanned / self.seconds if self.scanned and self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, object]:
        """The `--json` document: JSON values only."""
        return {
            "schema_version": SCHEMA_VERSION,
            "bank": str(self.bank),
            "images": {
                "scanned": self.scanned,
                "unchanged": self.unchanged,
                "duplicates": self.duplicates,
                "skipped": len(self.skipped),
                "with_false_positives": self.with_false_positives,
                "with_flickers": self.with_flickers,
            },
            "videos": self.footage.videos,
            "detections": sum(self.kinds.values()),
            "true_positives": self.kinds[Kind.TRUE_POSITIVE],
            "ignored": self.kinds[Kind.IGNORED],
            "unjudged": self.kinds[Kind.UNJUDGED],
            "false_positives": {str(kind): self.kinds[kind] for kind in FALSE_POSITIVES},
            "false_positives_by_class": dict(self.classes),
            "crops_skipped": dict(self.crops_skipped),
            "crops_shared": self.sharing,
            "negatives": {
                "added": self.added,
                "known": self.known,
                "withdrawn": self.withdrawn,
                "total": self.total,
            },
            "hardest": [
                {"score": h.score, "class": h.class_name, "source": str(h.source), "sha256": h.sha256}
                for h in self.hardest
            ],
            "skipped": [{"source": str(s.source), "kind": s.kind, "reason": s.reason} for s in self.skipped],
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 3),
            "device": self.device.to_dict(),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "cameras": [camera.to_dict() for camera in self.cameras],
            "flickers": self.flickers,
            "likely_misses": self.gaps,
            "stopped": self.was_stopped,
        }

    def _repr_html_(self) -> str:
        """Counts, warnings and the hardest new negatives, in a notebook."""
        counts = (
            ("scanned", self.scanned),
            ("unchanged", self.unchanged + self.duplicates),
            ("skipped", len(self.skipped)),
            ("false positives on background", self.kinds[Kind.BACKGROUND]),
            ("negatives added", self.added),
            ("negatives in the bank", self.total),
            *(("warning", warning) for warning in self.warnings),
        )
        hardest = (
            (partial(picture_in, self.bank, each.sha256), f"{each.score:.2f} {each.class_name}")
            for each in self.hardest
        )
        return table(f"Scan into {self.bank}", (), counts) + gallery(hardest)


@dataclass(slots=True)
class ScanCounts:
    """The counts of a scan while it runs."""

    scanned: int = 0
    unchanged: int = 0
    duplicates: int = 0
    with_false_positives: int = 0
    confident: int = 0  # images with a background false positive of a high score
    skipped: list[SkippedImage] = field(default_factory=list)
    kinds: Counter[Kind] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    crops_skipped: Counter[str] = field(default_factory=Counter)
    sharing: int = 0
    added: int = 0
    known: int = 0
    withdrawn: int = 0
    hardest: list[HardNegative] = field(default_factory=list)
    labels_read: int | None = None  # so far, while that is under way
    cameras: list[CameraCount] = field(default_factory=list)
    gaps: int = 0
    was_stopped: bool = False
    with_flickers: int = 0

    @property
    def done(self) -> int:
        """Images looked at."""
        return self.scanned + self.unchanged + self.duplicates + len(self.skipped)

    def add(self, image: ScannedImage, source: Path, stored: Stored) -> None:
        """Count an image that the detector saw.

        Args:
            image: what was found in it.
            source: the file that it is in.
            stored: what that changed in the bank.
        """
        kinds = [d.kind for d in image.detections]
        self.scanned += 1
        self.with_false_positives += any(kind in FALSE_POSITIVES for kind in kinds)
        self.with_flickers += Kind.FLICKER in kinds
        self.confident += any(d.kind is Kind.BACKGROUND and d.score >= CONFIDENT for d in image.detections)
        self.kinds.update(kinds)
        self.gaps += len(image.gaps)
        self.classes.update(d.class_name for d in image.detections if d.kind is Kind.BACKGROUND)
        self.crops_skipped.update(d.skipped for d in image.detections if d.skipped is not None)
        self.sharing += sum(d.negative is not None for d in image.detections) - len(image.negatives)
        self.added += len(stored.added)
        self.known += len(image.negatives) - len(stored.added)
        self.withdrawn += stored.withdrawn
        for index in stored.added:
            hardest = max((d for d in image.detections if d.negative == index), key=lambda d: d.score)
            found = HardNegative(
                hardest.score,
                hardest.class_name,
                source,
                image.negatives[index].sha256,
                image.item.shown or printable(source),
            )
            self.hardest = sorted([*self.hardest, found], key=lambda h: (-h.score, h.sha256))[:_HARDEST]

    def result(
        self,
        bank: Path,
        total: int,
        seconds: float,
        device: Device,
        *,
        notes: tuple[str, ...],
        warnings: tuple[str, ...],
        told: tuple[str, ...],
        footage: Footage,
    ) -> ScanResult:
        """The finished counts."""
        return ScanResult(
            bank=bank,
            scanned=self.scanned,
            unchanged=self.unchanged,
            duplicates=self.duplicates,
            with_false_positives=self.with_false_positives,
            skipped=tuple(self.skipped),
            kinds={kind: self.kinds[kind] for kind in Kind},
            classes=dict(self.classes.most_common()),
            crops_skipped=dict(sorted(self.crops_skipped.items())),
            sharing=self.sharing,
            added=self.added,
            known=self.known,
            withdrawn=self.withdrawn,
            total=total,
            hardest=tuple(self.hardest),
            seconds=seconds,
            device=device,
            notes=notes,
            warnings=warnings,
            told=told,
            cameras=tuple(self.cameras),
            gaps=self.gaps,
            was_stopped=self.was_stopped,
            with_flickers=self.with_flickers,
            footage=footage,
        )
