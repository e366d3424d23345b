"""The scores of a detector, image by image: all that recall and false positives per image are computed from.

Enough to draw other samples of the same images, to compare detectors image by image, and to write down: a few numbers
for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from negmine.evaluating.count import ScoredDetections
from negmine.evaluating.match import MatchedDetections, MatchedImage
from negmine.matching import Kind
from negmine.paths import printable
from negmine.structures import BoolArray, FloatArray, IntArray

GroupOf = Callable[[MatchedImage], str]  # images of one group are not independent: frames of a clip, near-duplicates

_MOST_OBJECTS = 1 << 30  # of an image


@dataclass(frozen=True, slots=True, eq=False)
class ImageScores:
    """What a detector found in each image of an evaluation.

    False positives that score less than every true positive, and less than the threshold of the figures at one
    threshold, are left out: no figure counts them.

    Attributes:
        keys: [I] sha256 of each image.
        paths: [I] its file, as text for people.
        groups: [I] the group of each image; images that belong together have the same.
        objects: [I] objects to find.
        counted: [I] whether false positives are counted on it.
        true: [T] scores of the true positives, falling.
        true_images: [T] index of the image of each.
        false: [F] scores of the false positives on images that are counted, falling.
        false_images: [F] index of the image of each.
    """

    keys: tuple[str, ...]
    paths: tuple[str, ...]
    groups: tuple[str, ...]
    objects: IntArray
    counted: BoolArray
    true: FloatArray
    true_images: IntArray
    false: FloatArray
    false_images: IntArray

    @classmethod
    def of(cls, matched: MatchedDetections, *, conf: float, group_of: GroupOf | None = None) -> ImageScores:
        """Those of matched detections.

        Args:
            matched: of one detector.
            conf: the lowest threshold that figures at one threshold are asked for.
            group_of: the group of an image; None if every image is one of its own.
        """
        rows, images = ScoredDetections.of(matched), matched.images
        judged = frozenset(matched.judged)
        counted = [image.without_targets or rows.fppi_over == "labelled" for image in images]
        hits = rows.is_kind(Kind.TRUE_POSITIVE)
        lowest = rows.scores[hits].min(initial=conf)
        others = rows.false_positives & rows.counted & (rows.scores >= lowest)
        true, true_images = _falling(rows.scores[hits], rows.images[hits])
        false, false_images = _falling(rows.scores[others], rows.images[others])
        return cls(
            keys=tuple(image.sha256 for image in images),
            paths=tuple(printable(image.path) for image in images),
            groups=tuple(str(index) if group_of is None else group_of(image) for index, image in enumerate(images)),
            objects=np.array([_objects(image, judged) for image in images], dtype=np.int64),
            counted=np.array(counted, dtype=np.bool_),
            true=true,
            true_images=true_images,
            false=false,
            false_images=false_images,
        )

    def only(self, kept: BoolArray) -> ImageScores:
        """The images that a mask [I] names."""
        number = np.cumsum(kept) - 1
        true, false = kept[self.true_images], kept[self.false_images]
        where = np.flatnonzero(kept)
        return ImageScores(
            keys=tuple(self.keys[index] for index in where),
            paths=tuple(self.paths[index] for index in where),
            groups=tuple(self.groups[index] for index in where),
            objects=self.objects[kept],
            counted=self.counted[kept],
            true=self.true[true],
            true_images=number[self.true_images[true]],
            false=self.false[false],
            false_images=number[self.false_images[false]],
        )

    def to_dict(self) -> dict[str, object]:
        """JSON values: a row for each image."""
        true, false = _by_image(self.true, self.true_images), _by_image(self.false, self.false_images)
        return {
            "images": [
                {
                    "sha256": key,
                    "path": path,
                    "group": group,
                    "objects": int(objects),
                    "counted": bool(counted),
                    "true": true.get(index, []),
                    "false": false.get(index, []),
                }
                for index, (key, path, group, objects, counted) in enumerate(
                    zip(self.keys, self.paths, self.groups, self.objects, self.counted, strict=True)
                )
            ]
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, object]) -> ImageScores:
        """Read back what `to_dict` gave.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: where it is something else.
        """
        rows: Sequence[Mapping[str, object]] = document["images"]  # type: ignore[assignment]
        true, true_images = _falling(*_rows(rows, "true"))
        false, false_images = _falling(*_rows(rows, "false"))
        objects = np.array([row["objects"] for row in rows], dtype=np.int64)
        if (objects < np.bincount(true_images, minlength=len(rows))).any() or (objects > _MOST_OBJECTS).any():
            raise ValueError("expected as many objects in each image as are found in it, or more")
        return cls(
            keys=tuple(str(row["sha256"]) for row in rows),
            paths=tuple(str(row["path"]) for row in rows),
            groups=tuple(str(row["group"]) for row in rows),
            objects=objects,
            counted=np.array([row["counted"] for row in rows], dtype=np.bool_),
            true=true,
            true_images=true_images,
            false=false,
            false_images=false_images,
        )


def on_the_same_images(scores: Sequence[ImageScores]) -> list[ImageScores]:
    """The scores of several detectors on the images that all of them have, in the order of the first.

    Args:
        scores: of one or more detectors. No image is in any of them twice, unless all have just the same images.
    """
    first = scores[0]
    if all(each.keys == first.keys for each in scores):
        return list(scores)
    common = frozenset(first.keys).intersection(*(each.keys for each in scores[1:]))
    kept = [each.only(np.array([key in common for key in each.keys], dtype=np.bool_)) for each in scores]
    return [_ordered(each, kept[0].keys) for each in kept]


def _ordered(scores: ImageScores, keys: tuple[str, ...]) -> ImageScores:
    """The same images in the order of `keys`."""
    place = {key: index for index, key in enumerate(keys)}
    new = np.array([place[key] for key in scores.keys], dtype=np.int64)  # [I] new index of each
    old = np.argsort(new)
    return ImageScores(
        keys=keys,
        paths=tuple(scores.paths[index] for index in old),
        groups=tuple(scores.groups[index] for index in old),
        objects=scores.objects[old],
        counted=scores.counted[old],
        true=scores.true,
        true_images=new[scores.true_images],
        false=scores.false,
        false_images=new[scores.false_images],
    )


def _objects(image: MatchedImage, judged: frozenset[str]) -> int:
    ignored = image.truth.difficult | image.truth.crowd
    names = zip(image.truth.class_names, ignored, strict=True)
    return sum(name in judged and not skip for name, skip in names)


def _falling(scores: FloatArray, images: npt.NDArray[np.int32] | IntArray) -> tuple[FloatArray, IntArray]:
    """Scores and the images that they are of, by falling score; equal ones by image."""
    order = np.lexsort((images, -scores))
    return scores[order], images[order].astype(np.int64)


def _by_image(scores: FloatArray, images: IntArray) -> dict[int, list[float]]:
    found: dict[int, list[float]] = {}
    for score, image in zip(scores.tolist(), images.tolist(), strict=True):
        found.setdefault(image, []).append(score)
    return found


def _rows(rows: Sequence[Mapping[str, object]], name: str) -> tuple[FloatArray, IntArray]:
    pairs = [(score, index) for index, row in enumerate(rows) for score in row[name]]  # type: ignore[attr-defined]
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    if scores.ndim != 1 or not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("expected scores from 0 to 1")
    return scores, np.array([index for _, index in pairs], dtype=np.int64)
