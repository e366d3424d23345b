"""Which labelled objects a bank knows to be found: those of the last run that has judged labelled images."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.cells import BOX, TEXT, WHOLE
from negmine.boxes import Box, box_iou
from negmine.matching import Kind
from negmine.structures import BoolArray, FloatArray

_JUDGED = "s.truth_key != '' AND x.truth_key = s.truth_key"
_RUN = f"SELECT max(x.run_id) FROM scans x JOIN sources s ON s.id = x.source_id WHERE {_JUDGED}"
_OBJECTS = f"""
SELECT DISTINCT s.id, s.width, s.height, o.class_name, o.x1, o.y1, o.x2, o.y2
FROM scans x JOIN sources s ON s.id = x.source_id
JOIN truths t ON t.source_id = s.id JOIN objects o ON o.truth_id = t.id
WHERE x.run_id = ?1 AND {_JUDGED} AND o.difficult = 0 AND o.crowd = 0
ORDER BY s.id, o.x1, o.y1, o.x2, o.y2, o.class_name
"""
_HITS = f"""
SELECT source_id, x1, y1, x2, y2 FROM detections
WHERE run_id = ?1 AND kind = '{Kind.TRUE_POSITIVE}' ORDER BY source_id, id
"""


@dataclass(frozen=True, slots=True, eq=False)
class FoundObjects:
    """Labelled objects that count.

    Attributes:
        class_names: of the N objects.
        boxes_xyxy: [N, 4] pixels.
        images_wh: [N, 2] width and height of the image of each, pixels.
        found: [N] whether a detection matched it.
    """

    class_names: tuple[str, ...]
    boxes_xyxy: FloatArray
    images_wh: FloatArray
    found: BoolArray


def found_objects(bank: Bank) -> FoundObjects:
    """Which objects the last run that has judged labelled images has found; one that two copies label alike is one."""
    run = bank.scalar(_RUN)
    hits, in_image = defaultdict[int, list[Box]](list), defaultdict[int, list[int]](list)
    boxes, images_wh, names = list[Box](), list[tuple[int, int]](), list[str]()
    columns = {"id": WHOLE, "width": WHOLE, "height": WHOLE, "class_name": TEXT, **BOX}
    for source, width, height, name, *box in bank.rows(_OBJECTS, columns, (run,)):
        in_image[source].append(len(boxes))
        boxes.append((box[0], box[1], box[2], box[3]))
        images_wh.append((width, height))
        names.append(name)
    for source, *box in bank.rows(_HITS, {"source_id": WHOLE, **BOX}, (run,)):
        hits[source].append((box[0], box[1], box[2], box[3]))
    boxes_xyxy = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    found = np.zeros(len(boxes), dtype=np.bool_)
    for source, members in in_image.items():
        iou = box_iou(np.array(hits[source], dtype=np.float64).reshape(-1, 4), boxes_xyxy[members])
        found[np.array(members)[iou.argmax(axis=1)]] = True
    return FoundObjects(tuple(names), boxes_xyxy, np.array(images_wh, dtype=np.float64).reshape(-1, 2), found)
