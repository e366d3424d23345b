"""The frames of video files as items of a source."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from negmine.structures import FileStamp
from negmine.videos import Frame, FrameName, Video, VideoConfig, open_video
from negmine.videos.video import stamp_of


@dataclass(frozen=True, slots=True, eq=False)
class FrameItem:
    """A frame of a video file.

    Attributes:
        key: its path below the video; see `negmine.videos.names`.
        name: what that says.
        video: the file.
        alone: whether no later frame of its group is wanted.
    """

    key: str
    name: FrameName
    video: Video
    alone: bool

    @property
    def path(self) -> Path:
        """The same as a path."""
        return Path(self.key)

    def stamp(self) -> FileStamp:
        """That of the video; see `SourceItem.stamp`."""
        return stamp_of(self.name.video)

    def read(self) -> Frame:
        """The frame; see `SourceItem.read`."""
        return self.video.frame(self.name, alone=self.alone)


def frames_of(path: str, config: VideoConfig) -> list[FrameItem]:
    """The frames of a video that a configuration names, in order.

    Args:
        path: of the file, absolute.
        config: which frames.

    Raises:
        VideoError: where it is no video, is encrypted, has too large frames, or none of those that are named.
        OSError: where it cannot be read.
        ValueError: for a NUL in the path.
    """
    video = open_video(Path(os.path.abspath(path)))
    return [FrameItem(name.key, name, video, alone) for name, alone in video.chosen(config)]
