"""How images are told to belong together: frames of a clip, pictures of one folder. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from negmine.errors import ConfigError
from negmine.paths import printable
from negmine.videos.names import frame_name

NEAR_DUPLICATE, FOLDER = "near-duplicate", "folder"


@dataclass(frozen=True, slots=True)
class CameraShot:
    """Where a frame of a camera is from.

    Attributes:
        camera: its address, without user, password and query.
        name: what the frame is called: the camera and the time, UTC.
    """

    camera: str
    name: str


@dataclass(frozen=True, slots=True)
class GroupBy:
    """What images of one group have in common, besides that near-duplicates always belong together.

    Attributes:
        text: `near-duplicate` for nothing else but the video or camera that frames are of; `folder` for their folder;
            else a regular expression that is searched for in the path, and whose first group is the same for images
            that belong together.
        shots: the frames of cameras, by the names of their files without suffix. The names of the frames stand for the
            paths of these, and their cameras for the folders.

    Raises:
        ConfigError: where it is none of these.
    """

    text: str = NEAR_DUPLICATE
    shots: Mapping[str, CameraShot] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.is_regex:
            return
        expected = f"expected group-by {FOLDER}, {NEAR_DUPLICATE}, or a regular expression with a group"
        try:
            groups = re.compile(self.text).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ConfigError(f"{expected}, found {self.text!r}: {error}") from error
        if not groups:
            raise ConfigError(rf"{expected}, such as '(clip\d+)_', found {self.text!r}")

    @property
    def is_regex(self) -> bool:
        """Whether it is a regular expression."""
        return self.text not in (NEAR_DUPLICATE, FOLDER)

    @property
    def has_keys(self) -> bool:
        """Whether paths say what belongs together."""
        return self.text != NEAR_DUPLICATE

    def key(self, path: Path) -> str | None:
        """What an image has in common with the others of its group; None where its path does not say."""
        shot = self.shots.get(path.stem)
        if shot is not None and not self.is_regex:
            return shot.camera
        if self.text == FOLDER:
            return str(path.parent)
        if not self.is_regex:
            frame = frame_name(path)
            return None if frame is None else str(frame.video)
        found = re.search(self.text, path.as_posix() if shot is None else shot.name)
        return None if found is None else found.group(1)

    def keys(self, paths: Iterable[Path]) -> frozenset[str]:
        """The keys of several images."""
        return frozenset(key for key in map(self.key, paths) if key is not None)

    def require_match(self, paths: Iterable[Path]) -> None:
        """Refuse a regular expression that is in no path.

        Raises:
            ConfigError: where it matches none of the paths, of which there is at least one.
        """
        every = list(paths)
        if self.is_regex and every and not self.keys(every):
            raise ConfigError(
                f"expected group-by to match paths of images, and {self.text!r} matches none of {len(every)}, such as "
                f"{printable(every[0])}"
            )
