"""Writing COCO as Roboflow exports it, and as RF-DETR finds it by itself.

train/_annotations.coco.json   images, annotations and categories of the split
train/NAME.jpg                 its images
valid/, test/                  the same
"""

from __future__ import annotations

from collections.abc import Sequence

from negmine.labels.base import Feature, LabelWriter
from negmine.labels.coco_writer import CocoLayout, plan_coco
from negmine.labels.plan import ExportImage, Header, Plan

_LAYOUT = CocoLayout("{split}", "{split}/_annotations.coco.json", {"val": "valid"})


class Roboflow(LabelWriter):
    """COCO in Roboflow's folders; what comes from a COCO data set is written as it was."""

    key = "roboflow"
    title = "Roboflow COCO"
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.CROWD})
    has_outlines = True
    tells_origin = True
    advice = (
        "RF-DETR trains on images without annotations, which negatives are, and asks for a valid/ beside train/: "
        "--merge a data set that has one"
    )

    @property
    def keeps_labels_of(self) -> str:
        """See `LabelWriter.keeps_labels_of`."""
        return "COCO"

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan` and `plan_coco`."""
        return plan_coco(images, class_names, _LAYOUT)


FORMAT = Roboflow()
