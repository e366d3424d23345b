"""Writing tasks for Label Studio: images with boxes that a person corrects, where other formats hold labels.

tasks.json         imported into a project: each task has an image, and what is known of it
label-config.xml   the labelling interface of the project, with all classes; with negatives, also a choice of a verdict
images/            the images, as Label Studio serves local files: below the folder that this one is in

An image that a person looked at, and one of a data set, has an annotation: without results where it is empty. One that
nobody looked at has none, but a prediction: the boxes of the detector, which a person confirms or removes.

Where objects have outlines, they are polygons in place of boxes, and the interface has both.

Label Studio measures in percent of the image (labelstud.io/guide/predictions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from lxml import etree

from negmine.boxes import Box
from negmine.labels.base import Feature, LabelWriter
from negmine.labels.checks import clipped_polygon
from negmine.labels.nameable import is_xml, require_nameable
from negmine.labels.objects import class_numbers, json_file, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Outline, Plan, Polygon, Proposal
from negmine.paths import printable

TASKS = "tasks.json"
_INTERFACE = "label-config.xml"
_LABEL, _POLYGON, _IMAGE, _VERDICT = "label", "polygon", "image", "verdict"  # names of the interface's elements
_VERDICTS = ("accepted", "rejected", "target")  # choices that `negmine import` reads
_SERVED = "/data/local-files/?d="
_GAP = "likely miss: found in the frames before and after"  # shown beside the box

_Shape = tuple[str, Box, Proposal | None, Outline]  # class, box, what a detector says of it, and its one polygon


class LabelStudio(LabelWriter):
    """The tasks of a project."""

    key = "label-studio"
    title = "Label Studio"
    image_suffixes = frozenset({".jpg", ".png", ".webp", ".bmp", ".gif", ".avif"})  # that browsers show
    features = frozenset({Feature.MASKS})
    has_outlines = True
    needs_one_polygon = True
    tells_origin = True
    advice = (
        "import tasks.json into a project with the interface of label-config.xml, and start Label Studio with "
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT set to the folder "
        "above this one"
    )

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        require_nameable(class_names, _can_name, self.title, "whose labels hold no control characters")
        files: dict[str, Content] = {f"images/{image.file_name}": image.file for image in images}
        numbers = class_numbers(class_names)
        files[TASKS] = json_file([_task(image, numbers, folder) for image in images], indent=1)
        files[_INTERFACE] = _interface(
            class_names,
            polygons=any(map(any, (image.outlines for image in images))),
            verdicts=any(image.is_negative for image in images),
        )
        return files


FORMAT = LabelStudio()


def _can_name(name: str) -> bool:
    return is_xml(name) and bool(name.strip())


def _task(image: ExportImage, numbers: Mapping[str, int], folder: str) -> dict[str, object]:
    written = written_objects(image, numbers, crowds=False)
    objects = [(e.class_name, e.box_xyxy, e.proposal, e.outline) for e in written]
    data: dict[str, object] = {"image": f"{_SERVED}{quote(f'{folder}/images/{image.file_name}')}"}
    task: dict[str, object] = {"data": data}
    origin, proposed = image.origin, list[_Shape]()
    if origin is not None:
        data |= {"source": origin.source, "sha256": origin.sha256}
        proposed = [(each.class_name, each.box_xyxy, Proposal(each.score), ()) for each in origin.found]
    if not image.proposals:
        data["split"] = ",".join(image.splits)
    if origin is None or origin.state == "accepted":
        labelled = [shape for shape in objects if shape[2] is None]
        task["annotations"] = [{"result": [_result(image, index, shape) for index, shape in enumerate(labelled)]}]
    if shapes := objects if image.proposals else proposed:
        scores = [proposal.score for _, _, proposal, _ in shapes if proposal is not None]
        results = [_result(image, index, shape) for index, shape in enumerate(shapes)]
        task["predictions"] = [{"model_version": "negmine", "score": max(scores, default=0.0), "result": results}]
    return task


def _result(image: ExportImage, index: int, shape: _Shape) -> dict[str, object]:
    (width, height), (name, box, proposal, outline) = image.size_wh, shape
    kind = "polygonlabels" if outline else "rectanglelabels"
    where = f"{printable(image.name)}, object {index} ({printable(name)})"
    value = _polygon(clipped_polygon(outline[0], image.size_wh, where), image) if outline else _rectangle(box, image)
    result: dict[str, object] = {
        "id": f"box-{index}",
        "type": kind,
        "from_name": _POLYGON if outline else _LABEL,
        "to_name": _IMAGE,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {**value, kind: [name]},
    }
    if proposal is not None:
        result |= {"score": proposal.score} | ({"meta": {"text": [_GAP]}} if proposal.is_gap else {})
    return result


def _rectangle(box_xyxy: Box, image: ExportImage) -> Mapping[str, object]:
    (x1, y1, x2, y2), (width, height) = box_xyxy, image.size_wh
    return {
        "x": 100 * x1 / width,
        "y": 100 * y1 / height,
        "width": 100 * (x2 - x1) / width,
        "height": 100 * (y2 - y1) / height,
        "rotation": 0,
    }


def _polygon(points: Polygon, image: ExportImage) -> Mapping[str, object]:
    width, height = image.size_wh
    return {"points": [[100 * x / width, 100 * y / height] for x, y in points], "closed": True}


def _interface(class_names: Sequence[str], *, polygons: bool, verdicts: bool) -> bytes:
    root = etree.Element("View")
    etree.SubElement(root, "Image", {"name": _IMAGE, "value": "$image", "zoom": "true"})
    for kind, name in (("RectangleLabels", _LABEL), *([("PolygonLabels", _POLYGON)] if polygons else [])):
        labels = etree.SubElement(root, kind, {"name": name, "toName": _IMAGE})
        for class_name in class_names:
            etree.SubElement(labels, "Label", {"value": class_name})
    if verdicts:
        choices = {"name": _VERDICT, "toName": _IMAGE, "choice": "single", "required": "false"}
        asked = etree.SubElement(root, "Choices", choices)
        for state in _VERDICTS:
            etree.SubElement(asked, "Choice", {"value": state})
    etree.indent(root, space="  ")
    return etree.tostring(root, encoding="utf-8") + b"\n"
