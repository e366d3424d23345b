"""Writing a FiftyOne data set: samples with tags, labels and what the bank knows of them.

metadata.json   the classes; it states no version, by which FiftyOne tells this layout from a dump of its database
samples.json    a sample for each image
data/           the images

`ground_truth` has the boxes of objects, none for a negative, and `polygons` the outlines of those that have one;
`false_positives` has what the detector took for objects in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from negmine.boxes import Box
from negmine.labels.base import Feature, LabelWriter
from negmine.labels.objects import WrittenObject, class_numbers, json_file, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Plan

_TAG, _VARIANT = "hard_negative", "variant"


class FiftyOne(LabelWriter):
    """A `fiftyone.types.FiftyOneDataset`."""

    key = "fiftyone"
    title = "FiftyOne"
    features = frozenset({Feature.DIFFICULT, Feature.CROWD, Feature.MASKS})
    has_outlines = True
    tells_origin = True
    advice = (
        "fiftyone.Dataset.from_dir(FOLDER, fiftyone.types.FiftyOneDataset) reads it; negatives have the tag "
        f"{_TAG}, and a score"
    )

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        files: dict[str, Content] = {f"data/{image.file_name}": image.file for image in images}
        numbers = class_numbers(class_names)
        files["samples.json"] = json_file({"samples": [_sample(image, numbers) for image in images]})
        info = {"classes": {"ground_truth": list(class_names)}}
        files["metadata.json"] = json_file({"name": folder, "media_type": "image", "info": info}, indent=1)
        return files


FORMAT = FiftyOne()


def _sample(image: ExportImage, numbers: Mapping[str, int]) -> Mapping[str, object]:
    written = written_objects(image, numbers, crowds=True)
    objects = [
        _detection(image, e.class_name, e.box_xyxy, e.score, difficult=e.difficult, iscrowd=int(e.crowd))
        for e in written
    ]
    origin, tags, known = image.origin, [*image.splits], dict[str, object]()
    if outlined := [_polyline(image, each) for each in written if each.outline]:
        known["polygons"] = {"_cls": "Polylines", "polylines": outlined}
    if origin is not None:
        known |= {"source": origin.source, "sha256": origin.sha256, "state": origin.state}
    if origin is not None and image.is_negative:
        tags += [_TAG, *([_VARIANT] if origin.operation else [])]
        found = [_detection(image, each.class_name, each.box_xyxy, each.score) for each in origin.found]
        known |= {"false_positives": _detections(found), "score": origin.found[0].score if origin.found else None}
    return {"filepath": f"data/{image.file_name}", "tags": tags, "ground_truth": _detections(objects), **known}


def _detections(every: Sequence[object]) -> Mapping[str, object]:
    return {"_cls": "Detections", "detections": every}


def _polyline(image: ExportImage, each: WrittenObject) -> Mapping[str, object]:
    """The polygons of an object, in shares of the image."""
    width, height = image.size_wh
    points = [[[x / width, y / height] for x, y in part] for part in each.outline]
    plain = {"_cls": "Polyline", "tags": [], "attributes": {}, "label": each.class_name}
    return {**plain, "points": points, "closed": True, "filled": True}


def _detection(
    image: ExportImage, name: str, box_xyxy: Box, score: float | None, **marks: object
) -> Mapping[str, object]:
    """A detection, whose box is given in shares of the image."""
    (x1, y1, x2, y2), (width, height) = box_xyxy, image.size_wh
    box = [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]
    confidence = {} if score is None else {"confidence": score}
    plain = {"_cls": "Detection", "tags": [], "attributes": {}, "label": name, "bounding_box": box}
    return {**plain, **confidence, **marks}
