"""A data set that FiftyOne wrote (`samples.json` of a FiftyOneDataset): tags are verdicts, `ground_truth` has objects.

Boxes are x, y, width and height as shares of the image's sides. A detection with a confidence is a prediction, unless a
person confirmed it: it, or its sample, has the tag `target`.
"""

from __future__ import annotations

from collections.abc import Mapping

from negmine.bank.filters import ReviewState
from negmine.errors import LabelError
from negmine.importing.entry import Entry, ReadObjects, Shape, reader_of, verdicts_of
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
    verdicts, labels = _verdicts(sample), sample.get(_OBJECTS)
    read = None if labels is None else _reader(labels, where, are_confirmed="target" in verdicts)
    return Entry(where, name, stated, verdicts, read)


def _verdicts(tagged: Mapping[str, object]) -> tuple[ReviewState, ...]:
    """Those among the tags of a sample or a detection."""
    tags = tagged.get("tags")
    return verdicts_of([tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [])


def _reader(labels: object, where: str, *, are_confirmed: bool) -> ReadObjects:
    detections = labels.get("detections") if isinstance(labels, dict) else None
    if not isinstance(detections, list):
        other = f"expected detections in {_OBJECTS}; other kinds of labels are not read"
        return reader_of([], unread=[other], where=where)
    shapes, unread = list[Shape](), list[str]()
    for each in detections:
        try:
            shapes.append(_shape(each, is_confirmed=are_confirmed))
        except (LabelError, OverflowError) as error:
            unread.append(str(error))
    return reader_of(shapes, unread=unread, unit=1.0, where=where)


def _shape(detection: object, *, is_confirmed: bool) -> Shape:
    stated = detection if isinstance(detection, dict) else {}
    box, name = stated.get("bounding_box"), stated.get("label")
    if not (isinstance(box, list) and len(box) == 4 and all(type(side) in (int, float) for side in box)):
        raise LabelError("a detection has no bounding_box of four numbers")
    if stated.get("confidence") is not None and not (is_confirmed or "target" in _verdicts(stated)):
        raise LabelError(
            f"a detection in {_OBJECTS} has a confidence: it is a prediction, not a label; tag it target if it is right"
        )
    x, y, width, height = map(float, box)
    return Shape(FrameObject(name if isinstance(name, str) else "", (x, y, x + width, y + height)))
