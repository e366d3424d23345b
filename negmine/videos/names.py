"""The names of frames: paths below the video, where no file can be.

The frame at 12.480 seconds of `clip.mp4`, its 312th from 0, is `clip.mp4/t=12.480,frame=312`. So its folder is the
video, it sorts by neither but means the same to everybody, and it is no name that a file could have as well.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from negmine.paths import printable

_NAME = re.compile(r"t=(\d{1,10})\.(\d{3}),frame=(\d{1,10})")


@dataclass(frozen=True, slots=True)
class FrameName:
    """What the path of a frame says.

    Attributes:
        video: the path of the file.
        time_ms: when it is shown, from the first frame on.
        number: of the frame in the order of showing, from 0.
    """

    video: Path
    time_ms: int
    number: int

    @property
    def key(self) -> str:
        """Its path, as text."""
        return f"{self.video}{os.sep}t={self.time_ms // 1000}.{self.time_ms % 1000:03d},frame={self.number}"


def frame_name(path: str | os.PathLike[str]) -> FrameName | None:
    """What the path of a frame says; None for any other path, such as that of a file in a folder."""
    video, name = os.path.split(os.fspath(path))
    match = _NAME.fullmatch(name)
    if match is None or not video or os.path.isdir(video):
        return None
    return FrameName(Path(video), int(match[1]) * 1000 + int(match[2]), int(match[3]))


def stem_of(path: Path) -> str:
    """The stem of an image's name: of a frame `clip-t12.480-f312`."""
    name = frame_name(path)
    return path.stem if name is None else f"{name.video.stem}-t{name.time_ms / 1000:.3f}-f{name.number}"


def is_there(path: Path) -> bool:
    """Whether a file is there: the image itself, or the video that it is a frame of."""
    name = frame_name(path)
    return os.path.isfile(path if name is None else name.video)


def short_name(path: Path) -> str:
    """The name of an image for people, without folders: that of the file, and of a frame that of its video too."""
    return printable(path.name if frame_name(path) is None else Path(path.parent.name, path.name))
