"""False positives by where and when the images were taken: by folder, by hour of the day, and by camera.

An hour is taken from the name of the file, else from its EXIF; a camera from EXIF alone. Of a frame that was taken from
a camera, the bank knows both. The time of a file is not used: copying changes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.counts import ScannedSource
from negmine.engines.threads import ThreadEngine
from negmine.files import open_regular
from negmine.images.taken import HEAD, NOTHING, Taken, taken
from negmine.paths import printable
from negmine.videos.contents import OnCount

_DATE = r"(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3])[-_.:h]?[0-5]\d(?:[-_.:m]?[0-5]\d\d{0,6})?"
_STAMP = re.compile(rf"(?<!\d){_DATE}[-_.T ]*{_TIME}(?!\d)")  # as cameras and recorders name files


@dataclass(frozen=True, slots=True)
class Group:
    """Images that have something in common.

    Attributes:
        name: what that is.
        images: that were scanned.
        scans: of them; more where several runs have scanned an image.
        false_positives: in all scans.
    """

    name: str
    images: int
    scans: int
    false_positives: int

    @property
    def fppi(self) -> float:
        """False positives per image and run."""
        return self.false_positives / max(self.scans, 1)

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "name": self.name,
            "images": self.images,
            "scans": self.scans,
            "false_positives": self.false_positives,
            "fppi": self.fppi,
        }


@dataclass(frozen=True, slots=True)
class Groups:
    """The scanned images, divided.

    Attributes:
        folder: that all of them are below; empty where there is none.
        folders: by that folder and those below, most false positives first.
        hours: by hour of the day; () where no image says.
        cameras: by camera, most false positives first; () where no image says.
        without_hour, without_camera: images that do not say.
    """

    folder: str
    folders: tuple[Group, ...]
    hours: tuple[Group, ...]
    cameras: tuple[Group, ...]
    without_hour: int
    without_camera: int

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "images_below": self.folder,
            "folders": [each.to_dict() for each in self.folders],
            "hours": [each.to_dict() for each in self.hours],
            "cameras": [each.to_dict() for each in self.cameras],
            "images_without_hour": self.without_hour,
            "images_without_camera": self.without_camera,
        }


def group(
    sources: Sequence[ScannedSource], *, workers: int | None = None, on_progress: OnCount | None = None
) -> Groups:
    """Divide the scanned images; the beginning of each file is read for its EXIF, in threads.

    Args:
        sources: one or more.
        workers: threads; one per core where None.
        on_progress: told how many images were read, of how many.
    """
    said: list[Taken] = []
    with ThreadEngine(workers, name="negmine-report") as engine:
        for found in engine.map(_taken, sources):
            said.append(found)
            if on_progress is not None:
                on_progress(len(said), len(sources))
    top = _common([each.path.parent for each in sources])
    hours = _grouped(sources, [None if each.hour is None else f"{each.hour:02d}" for each in said])
    cameras = _grouped(sources, [None if each.camera is None else printable(each.camera) for each in said])
    return Groups(
        folder=printable(top),
        folders=_hardest_first(_grouped(sources, [_below(each.path, top) for each in sources])),
        hours=tuple(sorted(hours, key=lambda each: each.name)),
        cameras=_hardest_first(cameras),
        without_hour=sum(each.hour is None for each in said),
        without_camera=sum(each.camera is None for each in said),
    )


def hour_in_name(path: Path) -> int | None:
    """The hour of the day in the name of a file such as `cam1_2024-05-01T23-15-00.jpg`; None where there is none."""
    return _hour_in(path.name)


def _hour_in(name: str) -> int | None:
    found = _STAMP.search(name)
    return None if found is None else int(found[1])


def _taken(source: ScannedSource) -> Taken:
    if source.shot is not None:
        return Taken(_hour_in(source.shot.name), source.shot.camera)
    hour, of_file = hour_in_name(source.path), _exif(source)
    return of_file if hour is None else Taken(hour, of_file.camera)


def _exif(source: ScannedSource) -> Taken:
    """What the file says, where it is still the one that was scanned."""
    try:
        with open_regular(source.path) as file:
            stat = os.fstat(file.fileno())
            known = source.stamp is not None and (stat.st_size, stat.st_mtime_ns) == (
                source.stamp.size,
                source.stamp.mtime_ns,
            )
            return taken(file.read(HEAD)) if known else NOTHING
    except (OSError, ValueError):
        return NOTHING


def _common(folders: Sequence[Path]) -> str:
    """The folder that all are in or below; '' where there is none, as on two drives."""
    try:
        return os.path.commonpath(folders)
    except ValueError:
        return ""


def _below(path: Path, top: str) -> str:
    """The folder of a file, from the last part of `top` on."""
    return printable(path.parent if not top else os.path.relpath(path.parent, Path(top).parent))


def _grouped(sources: Iterable[ScannedSource], names: Iterable[str | None]) -> list[Group]:
    found: dict[str, tuple[int, int, int]] = {}
    for source, name in zip(sources, names, strict=True):
        if name is not None:
            images, scans, false = found.get(name, (0, 0, 0))
            found[name] = images + 1, scans + source.scans, false + source.false_positives
    return [Group(name, *counts) for name, counts in found.items()]


def _hardest_first(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda each: (-each.false_positives, each.name)))
