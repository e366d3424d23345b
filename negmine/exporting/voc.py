"""Pascal VOC: `JPEGImages`, `Annotations` without objects, `ImageSets/Main/train.txt`."""

from __future__ import annotations

from collections.abc import Sequence

from negmine.exporting.plan import Content, Picture, Plan
from negmine.labels.voc_writer import voc_annotation

_DATABASE = "negmine"
_CHANNELS = 3


def plan_voc(pictures: Sequence[Picture], *, folder: str) -> Plan:
    """The files of a VOC data set of images without objects.

    Args:
        pictures: what to export.
        folder: the data set's name, for the `folder` element.
    """
    plan: dict[str, Content] = {}
    for picture in pictures:
        plan[f"JPEGImages/{picture.name}.jpg"] = picture.file
        plan[f"Annotations/{picture.name}.xml"] = voc_annotation(
            folder=folder,
            filename=f"{picture.name}.jpg",
            database=_DATABASE,
            size_whd=(*picture.size_wh, _CHANNELS),
            verified=picture.accepted,
        )
    plan["ImageSets/Main/train.txt"] = "".join(f"{name}\n" for name in sorted(p.name for p in pictures)).encode("ascii")
    return plan
