"""A data set that FiftyOne wrote (`samples.json` of a FiftyOneDataset): tags are verdicts, `ground_truth` has objects.

Boxes are x, y, width and height as shares of the image's sides. A detection with a confidence is a prediction.
"""

from __future__ import annotations

from collections.abc import Mapping

from negmine.errors import LabelError
from negmine.importing.entry import Entry, reader_of, verdicts_of
from negmine.labels.frames import FrameObject

TITLE = "FiftyOne"
_OBJECTS = "ground_truth"  # the name that FiftyOne gives to labels


def is_fiftyone(document: object) -> bool:
    """Whether a JSON document holds FiftyOne's samples."""
    return isinstance(document, dict) and isinstance(document.get("samples"), list)


def read_samples(document: Mapping[str, object]) -> list[Entry]:
    """What is said of each sample."""
    samples = document["samples"]
    return [_sample(each, index) for index, each in enumerate(samples)] if isinstance(samples, list) else []


def _sample(sample: object, index: int) -> Entry:
    where = f"sample [{index}]"
    if not isinstance(sample, dict) or not isinstance(sample.get("filepath"), str):
        return Entry(where, problem="it has no filepath")
    name, sha256 = sample["filepath"], sample.get("sha256")
    stated = sha256 if isinstance(sha256, str) else None
    tags = sample.get("tags")
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    try:
        shapes = _shapes(sample.get(_OBJECTS))
        read = None if shapes is None else reader_of(shapes, unit=1.0, stated_wh=(0, 0), where=where)
        return Entry(where, name, stated, verdicts_of(words), read)
    except (LabelError, OverflowError) as error:
        return Entry(where, name, stated, problem=str(error))


def _shapes(field: object) -> list[FrameObject] | None:
    """The objects; None where the sample has no labels."""
    if field is None:
        return None
    detections = field.get("detections") if isinstance(field, dict) else None
    if not isinstance(detections, list):
        raise LabelError(f"expected detections in {_OBJECTS}; other kinds of labels are not read")
    shapes = []
    for each in detections:
        box, name = (each.get("bounding_box"), each.get("label")) if isinstance(each, dict) else (None, None)
        if not (isinstance(box, list) and len(box) == 4 and all(type(side) in (int, float) for side in box)):
            raise LabelError("a detection has no bounding_box of four numbers")
        if each.get("confidence") is not None:
            raise LabelError(f"a detection in {_OBJECTS} has a confidence: it is a prediction, not a label")
        x, y, width, height = map(float, box)
        shapes.append(FrameObject(name if isinstance(name, str) else "", (x, y, x + width, y + height)))
    return shapes
