"""Writing where negatives come from: the images, and a CSV with a row for each.

images/NAME.jpg   the negatives and variants
negatives.csv     what the bank knows of each, hardest first, variants last
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from negmine.csv_cells import to_cell
from negmine.errors import ExportError
from negmine.labels.base import LabelWriter
from negmine.labels.plan import Content, ExportImage, Header, Origin, Plan
from negmine.paths import printable

TABLE = "negatives.csv"
_BOX, _CUT = ("x1", "y1", "x2", "y2"), ("source_x1", "source_y1", "source_x2", "source_y2")
_COLUMNS = (
    "file", "sha256", "split", "width", "height", "state", "class", "score", *_BOX, "found", "source", "source_sha256",
    *_CUT, "video_s", "taken", "runs", "operation",
)  # fmt: skip


class ProvenanceCsv(LabelWriter):
    """A row for each negative: `class`, `score` and box of its hardest false positive, and how many it has (`found`).

    Boxes are pixels of the image, `source_x1` and so on pixels of the source. A cell is empty where nobody knows.
    """

    key = "csv"
    title = "CSV"
    tells_origin = True

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`.

        Raises:
            ExportError: for images of a data set, of which there is nothing to say here.
        """
        files: dict[str, Content] = {f"images/{image.file_name}": image.file for image in images}
        text = io.StringIO()
        table = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        table.writeheader()
        for image in images:
            if image.origin is None:
                raise ExportError(f"a CSV lists negatives, and {printable(image.name)} is none; choose another format")
            table.writerow({key: to_cell(value) for key, value in _row(image, image.origin).items()})
        files[TABLE] = text.getvalue().encode("utf-8")
        return files


FORMAT = ProvenanceCsv()


def _row(image: ExportImage, origin: Origin) -> Mapping[str, object]:
    hardest = origin.found[0] if origin.found else None
    return {
        "file": f"images/{image.file_name}",
        "sha256": origin.sha256,
        "split": " ".join(image.splits),
        "width": image.size_wh[0],
        "height": image.size_wh[1],
        "state": origin.state,
        "class": hardest and hardest.class_name,
        "score": hardest and hardest.score,
        **dict(zip(_BOX, [round(side, 3) for side in hardest.box_xyxy] if hardest else [None] * 4, strict=True)),
        "found": len(origin.found),
        "source": origin.source,
        "source_sha256": origin.source_sha256,
        **dict(zip(_CUT, origin.rect or (None,) * 4, strict=True)),
        "video_s": None if origin.video_ms is None else origin.video_ms / 1000,
        "taken": None if origin.taken_ms is None else _time(origin.taken_ms),
        "runs": "; ".join(origin.runs),
        "operation": origin.operation,
    }


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
