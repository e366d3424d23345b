"""The labels of one video, by the number of the frame."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from negmine.boxes import Box
from negmine.errors import LabelError
from negmine.labels.checks import hash_of_label, require_size
from negmine.structures import GroundTruth


@dataclass(frozen=True, slots=True)
class FrameObject:
    """An object in a frame or an image, as a label has it.

    Attributes:
        name: its class.
        box: xyxy, pixels of the upright frame, or what the label counts in.
        difficult: what matches it is neither a hit nor a false positive.
    """

    name: str
    box: Box
    difficult: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FrameLabels:
    """What a file says of a video.

    Attributes:
        format_name: what people call the format.
        class_names: the classes that it lists.
        video: the name of the video as the file states it; None where it does not.
        size_wh: of the frames, pixels; 0 where it does not say.
        labelled: the frames, from 0, that somebody looked at: in these, what is not listed is not there.
        objects: by frame.
    """

    format_name: str
    class_names: tuple[str, ...]
    video: str | None
    size_wh: tuple[int, int]
    labelled: range | frozenset[int]
    objects: Mapping[int, Sequence[FrameObject]]

    def is_labelled(self, frame: int) -> bool:
        """Whether somebody looked at a frame."""
        return frame in self.labelled

    def hash_of(self, frame: int) -> str:
        """Changes when the labels of a frame do."""
        said = repr((self.size_wh, self.objects.get(frame, ())))
        return hash_of_label(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest(), self.format_name)

    def truth_of(self, frame: int, size_wh: tuple[int, int], where: str) -> GroundTruth:
        """The objects of a frame, as far as they are inside it.

        Args:
            frame: its number.
            size_wh: width and height of the upright frame, pixels.
            where: the file, for messages.

        Raises:
            LabelError: where the labels are for frames of another size, or a box is not finite or inverted.
        """
        require_size(self.size_wh, size_wh, where)
        inside = [(each, box) for each in self.objects.get(frame, ()) if (box := _inside(each.box, size_wh, where))]
        return GroundTruth.of(
            [box for _, box in inside],
            [each.name for each, _ in inside],
            difficult=[each.difficult for each, _ in inside],
        )


def _inside(box: Box, size_wh: tuple[int, int], where: str) -> Box | None:
    """The part of a box in the frame; None where an object has left it, as tracks go on beyond its edges."""
    x1, y1, x2, y2 = box
    if not all(map(math.isfinite, box)) or x2 <= x1 or y2 <= y1:
        raise LabelError(f"{where}: a box has no area: {box}; correct it")
    clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(size_wh[0])), min(y2, float(size_wh[1])))
    return clipped if clipped[0] < clipped[2] and clipped[1] < clipped[3] else None
