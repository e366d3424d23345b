"""Writing tasks for Label Studio: images with boxes that a person corrects, where other formats hold labels.

tasks.json         imported into a project: each task has an image and one prediction, the boxes to begin with
label-config.xml   the labelling interface of the project, with all classes
images/            the images, as Label Studio serves local files: below the folder that this one is in

Label Studio measures boxes in percent of the image (labelstud.io/guide/predictions).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from negmine.labels.plan import Content, ExportImage, Plan
from negmine.paths import printable

LABEL_STUDIO = "label-studio"  # as users type it
TASKS = "tasks.json"
_INTERFACE = "label-config.xml"
_LABEL, _IMAGE = "label", "image"  # names of the interface's two elements
_GAP = "likely miss: found in the frames before and after"  # shown beside the box
_SERVED = "/data/local-files/?d="


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """An image to label.

    Attributes:
        image: with the boxes to begin with as its `truth`.
        source: where the image is from, for people.
        sha256: that the bank knows it by.
    """

    image: ExportImage
    source: str
    sha256: str


def plan_label_studio(tasks: Sequence[Task], class_names: Sequence[str], folder: str) -> Plan:
    """The files of a project.

    Args:
        tasks: the images.
        class_names: that a person may choose from.
        folder: the name of the folder that they are written to.
    """
    files: dict[str, Content] = {f"images/{_file(task.image)}": task.image.file for task in tasks}
    document = [_task(task, folder) for task in tasks]
    files[TASKS] = (json.dumps(document, indent=1) + "\n").encode("ascii")
    files[_INTERFACE] = _interface(class_names).encode()
    return files


def _file(image: ExportImage) -> str:
    return f"{image.name}{image.suffix}"


def _task(task: Task, folder: str) -> dict[str, object]:
    image, (width, height) = task.image, task.image.size_wh
    proposals, results = image.proposed(), []
    boxes = zip(image.truth.boxes_xyxy.tolist(), image.truth.class_names, proposals, strict=True)
    for index, ((x1, y1, x2, y2), name, proposal) in enumerate(boxes):
        value = {
            "x": 100 * x1 / width,
            "y": 100 * y1 / height,
            "width": 100 * (x2 - x1) / width,
            "height": 100 * (y2 - y1) / height,
            "rotation": 0,
            "rectanglelabels": [printable(name)],
        }
        result: dict[str, object] = {
            "id": f"box-{index}",
            "type": "rectanglelabels",
            "from_name": _LABEL,
            "to_name": _IMAGE,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": value,
        }
        if proposal is not None:
            result |= {"score": proposal.score} | ({"meta": {"text": [_GAP]}} if proposal.is_gap else {})
        results.append(result)
    scores = [each.score for each in proposals if each is not None]
    return {
        "data": {
            "image": f"{_SERVED}{quote(f'{folder}/images/{_file(image)}')}",
            "source": task.source,
            "sha256": task.sha256,
        },
        "predictions": [{"model_version": "negmine", "score": max(scores, default=0.0), "result": results}],
    }


def _interface(class_names: Sequence[str]) -> str:
    labels = "".join(f"    <Label value={quoteattr(printable(name))}/>\n" for name in class_names)
    return (
        f'<View>\n  <Image name="{_IMAGE}" value="$image" zoom="true"/>\n'
        f'  <RectangleLabels name="{_LABEL}" toName="{_IMAGE}">\n{labels}  </RectangleLabels>\n</View>\n'
    )
