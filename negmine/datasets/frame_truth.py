"""The truth of a video: labels by the path of a frame."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from negmine.datasets.config import LabelConfig
from negmine.datasets.truth import reading_of, renames
from negmine.errors import ConfigError, LabelError, TruthError
from negmine.labels.checks import read_label
from negmine.labels.classes import pairs_for_detectors
from negmine.labels.cvat import is_cvat_video, parse_cvat_video
from negmine.labels.frames import FrameLabels
from negmine.labels.mot import is_mot, parse_mot
from negmine.paths import printable
from negmine.structures import GroundTruth
from negmine.videos.names import frame_name
from negmine.videos.video import open_video

_MORE_FRAMES = 2  # that programs count at the end, and others do not
_MOT = ("gt/gt.txt", "gt.txt")


class FrameTruth:
    """The labels of one video; see `Truth`. Any number of threads may share one.

    Args:
        path: the file that they are from.
        labels: what it says.
        video: what they are of; None where none of the sources is.
        config: how they are understood.

    Attributes:
        class_names: the classes, by the names that the class map gives them.

    Raises:
        TruthError: where the class map has a pair of names that the labels have neither of.
    """

    def __init__(self, path: Path, labels: FrameLabels, video: Path | None, config: LabelConfig) -> None:
        self.format_name = labels.format_name
        self.notes = (f"{printable(path)}: labels of frames of {printable(video) if video else 'no video here'}",)
        self._path, self._labels, self._video = path, labels, video
        self._map = renames(labels.class_names, config)
        self.class_names = tuple(dict.fromkeys(self._map.get(name, name) for name in labels.class_names))
        self.pairs_left = pairs_for_detectors(labels.class_names, config.class_map)
        self._reading = reading_of(self._map, self.pairs_left)

    def label_hash(self, image_path: Path) -> str | None:
        """See `Truth.label_hash`."""
        frame = self._frame(image_path)
        if frame is None:
            return None
        found = self._labels.hash_of(frame)
        return hashlib.sha256(f"{found}\n{self._reading}".encode()).hexdigest() if self._reading else found

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """See `Truth.object_names`."""
        frame = self._frame(image_path)
        if frame is None:
            return None
        return tuple(self._map.get(each.name, each.name) for each in self._labels.objects.get(frame, ()))

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """See `Truth.read`."""
        frame = self._frame(image_path)
        if frame is None:
            return None
        truth = self._labels.truth_of(frame, size_wh, f"{printable(self._path)}, frame {frame}")
        names = tuple(self._map.get(name, name) for name in truth.class_names)
        return GroundTruth(truth.boxes_xyxy, names, truth.difficult, truth.crowd)

    def _frame(self, image_path: Path) -> int | None:
        """The number of a labelled frame; None for what nobody labelled."""
        name = frame_name(image_path)
        if name is None or name.video != self._video or not self._labels.is_labelled(name.number):
            return None
        return name.number


def open_frame_truth(path: Path, images: Iterable[str | Path], config: LabelConfig) -> FrameTruth | None:
    """Open the labels of a video: CVAT's XML for video, MOT's `gt.txt`, or a folder that holds one.

    Returns:
        The labels; None where the path holds labels of images.

    Raises:
        TruthError: where they cannot be read, or it is not clear which video they are of.
        ConfigError: for settings that are about labels of images.
    """
    file = next((each for name in _MOT if (each := path / name).is_file()), path) if path.is_dir() else path
    if file.suffix.lower() not in (".xml", ".txt") or not file.is_file():
        return None
    try:
        data = read_label(file)
    except LabelError as error:
        raise TruthError(str(error)) from error
    if is_cvat_video(data):
        labels = parse_cvat_video(file, data)
    elif is_mot(data):
        labels = parse_mot(file, data)
    else:
        return None
    if config.missing_is_empty or config.images is not None or config.ignore_orphans:
        raise ConfigError(f"{config.options}: labels of a video say which frames were looked at; leave it out")
    videos = dict.fromkeys(name.video for image in images if (name := frame_name(image)) is not None)
    video = _video_of(file, labels, list(videos))
    if video is not None:
        _require_frames(file, labels, video)
    return FrameTruth(file, labels, video, config)


def _require_frames(file: Path, labels: FrameLabels, video: Path) -> None:
    """Refuse labels of more frames than a video has: they are of another one, or of another encoding of it.

    Raises:
        TruthError: for these.
    """
    last, count = max(labels.labelled, default=-1), len(open_video(video).index.shown)
    if last >= count + _MORE_FRAMES:
        raise TruthError(
            f"{printable(file)} has labels up to frame {last}, and {printable(video)} has only {count} frames: they "
            "are of another video, or this one was cut; scan the one that was labelled"
        )


def _video_of(file: Path, labels: FrameLabels, videos: list[Path]) -> Path | None:
    """Which of several videos labels are of: the one that they name, or whose name they or their folder have."""
    if not videos:
        return None
    if labels.video is not None:
        stated = os.path.splitext(os.path.basename(labels.video.replace("\\", "/")))[0]
        found = [each for each in videos if each.stem == stated]
    else:
        names = {file.stem, *(each.name for each in file.absolute().parents[:2])}
        found = [each for each in videos if each.stem in names] if len(videos) > 1 else videos
    if len(found) != 1:
        said = f"of {printable(labels.video)!r}" if labels.video is not None else "of a video that they do not name"
        raise TruthError(
            f"{printable(file)}: expected one video whose labels these are, found {len(found)} of {len(videos)} with "
            f"that name (they are {said}); scan that video alone, or give it the name that the labels have"
        )
    return found[0]
