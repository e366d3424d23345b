"""Scores of images, written out by hand."""

from __future__ import annotations

from collections.abc import Sequence

from negmine.evaluating.image_scores import ImageScores


def scores_of(
    labelled: Sequence[tuple[int, Sequence[float]]],
    empty: Sequence[Sequence[float]],
    *,
    groups: Sequence[str] | None = None,
) -> ImageScores:
    """The scores of a detector.

    Args:
        labelled: of each labelled image the number of objects, and the scores of those that are found.
        empty: of each image without targets the scores of its false positives.
        groups: of all images; None if each is one of its own.
    """
    rows = [(objects, found, [], False) for objects, found in labelled] + [(0, [], false, True) for false in empty]
    return ImageScores.from_dict(
        {
            "images": [
                {
                    "sha256": f"image {index}",
                    "path": f"{index}.png",
                    "group": f"image {index}" if groups is None else groups[index],
                    "objects": objects,
                    "counted": counted,
                    "true": list(found),
                    "false": list(false),
                }
                for index, (objects, found, false, counted) in enumerate(rows)
            ]
        }
    )
