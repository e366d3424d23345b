"""Pascal VOC: `JPEGImages`, `Annotations`, and `ImageSets/Main` with a list of names for each split."""

from __future__ import annotations

from collections.abc import Sequence

from negmine.exporting.plan import TRAIN, Content, Picture, Plan
from negmine.labels.voc_writer import voc_annotation

_CHANNELS = 3


def plan_voc(pictures: Sequence[Picture], *, folder: str) -> Plan:
    """The files of a VOC data set.

    Args:
        pictures: what to export.
        folder: the data set's name, for the `folder` element.

    Raises:
        ExportError: for a class whose name XML cannot hold.
    """
    plan: dict[str, Content] = {}
    lists: dict[str, list[str]] = {TRAIN: []}
    for picture in pictures:
        plan[f"JPEGImages/{picture.name}{picture.suffix}"] = picture.file
        plan[f"Annotations/{picture.name}.xml"] = voc_annotation(
            folder=folder,
            filename=f"{picture.name}{picture.suffix}",
            database=picture.database,
            size_whd=(*picture.size_wh, _CHANNELS),
            verified=picture.accepted,
            truth=picture.truth,
        )
        for split in picture.splits:
            lists.setdefault(split, []).append(picture.name)
    for split, names in lists.items():
        plan[f"ImageSets/Main/{split}.txt"] = "".join(f"{name}\n" for name in sorted(names)).encode("ascii")
    return plan
