"""The frames of video files as items of a source."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from negmine.errors import ImageError, SourceError, VideoError
from negmine.files import reason_of
from negmine.images.header import read_header
from negmine.images.reading import read_image
from negmine.paths import printable
from negmine.sources.base import ImageFile, SourceItem
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.structures import FileStamp
from negmine.videos.config import VideoConfig
from negmine.videos.containers import VIDEO_SUFFIXES, container_kind, head_of_file, no_video
from negmine.videos.names import FrameName, frame_name
from negmine.videos.video import Frame, Video, open_video, stamp_of

_GIF = ".gif"
_STILL = IMAGE_SUFFIXES - {_GIF}  # files that are images by their names


@dataclass(frozen=True, slots=True, eq=False)
class FrameItem:
    """A frame of a video file.

    Attributes:
        key: its path below the video; see `negmine.videos.names`.
        name: what that says.
        video: the file.
        alone: whether no later frame of its group is wanted.
        is_picked: whether it was named by itself, without the frames around it.
    """

    key: str
    name: FrameName
    video: Video
    alone: bool = True
    is_picked: bool = False

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


@dataclass(frozen=True, slots=True)
class UnreadableVideo:
    """A video among other sources that cannot be opened, or has none of the frames that are asked for.

    Attributes:
        key: the path of the file.
        reason: why, for the one who counts it.
    """

    key: str
    reason: str

    @property
    def path(self) -> Path:
        """The same as a path."""
        return Path(self.key)

    def stamp(self) -> FileStamp:
        """See `SourceItem.stamp`."""
        return stamp_of(self.path)

    def read(self) -> bytes:
        """Say why it is not read.

        Raises:
            ImageError: always.
        """
        raise ImageError(self.reason)


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
    video = open_video(Path(path))
    return [FrameItem(name.key, name, video, alone) for name, alone in video.chosen(config)]


def items_of(path: str, config: VideoConfig, *, is_named: bool) -> list[SourceItem]:
    """What a path is to a scan: one image, frames of a video, or the frame that it names.

    Args:
        path: absolute; of a file, which need not exist, or of a frame as lists of negmine name it.
        config: which frames of a video.
        is_named: whether the user named it, rather than a folder, pattern or list that it is in.

    Raises:
        SourceError: where it is named, and is a video that cannot be opened or has none of these frames.
    """
    suffix = os.path.splitext(path)[1].lower()
    if frame_name(path) is not None:
        return [_named_frame(path)]
    if suffix in _STILL or not (is_named or suffix == _GIF or suffix in VIDEO_SUFFIXES):
        return [ImageFile(path)]
    try:
        head = head_of_file(Path(path))
        kind = container_kind(head)
        if kind is None and suffix == ".ts" and not is_named:
            return []  # TypeScript
        if kind is None and suffix in VIDEO_SUFFIXES:
            raise VideoError(no_video(head))
        is_image = kind is None or (kind == "gif" and _is_still(path))
        return [ImageFile(path)] if is_image else list(frames_of(path, config))
    except VideoError as error:
        reason = str(error)
    except FileNotFoundError:
        return [ImageFile(path)]
    except (OSError, ValueError) as error:
        reason = reason_of(error)
    if is_named:
        raise SourceError(f"source {printable(path)}: {reason}")
    return [UnreadableVideo(path, reason)]


def _named_frame(path: str) -> SourceItem:
    """A frame, or why it cannot be read."""
    try:
        item = item_at(Path(path))
        return replace(item, is_picked=True) if isinstance(item, FrameItem) else item
    except VideoError as error:
        return UnreadableVideo(path, str(error))
    except (OSError, ValueError) as error:
        return UnreadableVideo(path, reason_of(error))


def _is_still(path: str) -> bool:
    """Whether a GIF has one picture, or cannot be told to have more."""
    try:
        return read_header(read_image(Path(path))).frames < 2
    except (ImageError, OSError):
        return True


def item_at(path: Path) -> SourceItem:
    """The item of a path, as `SourceItem.path` has it.

    Raises:
        VideoError, OSError: where it is a frame of a video that cannot be opened.
    """
    name = frame_name(path)
    return ImageFile(str(path)) if name is None else FrameItem(str(path), name, open_video(name.video))
