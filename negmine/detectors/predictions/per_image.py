"""JSON files with the detections of one image each: those of MMDetection, and of Roboflow's inference.

MMDetection's `DetInferencer(..., out_dir=DIR)` writes `DIR/preds/STEM.json` with `labels`, `scores` and `bboxes` (x1,
y1, x2, y2): https://mmdetection.readthedocs.io/en/latest/user_guides/inference.html. Roboflow's inference answers with
`predictions` of x and y of the centre, width, height, confidence, class and class_id:
https://docs.roboflow.com/deploy/serverless/object-detection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from negmine.detectors.predictions.base import Predictions, is_number, kind_of, parse_json, short
from negmine.detectors.predictions.collecting import FoundBox, collected
from negmine.detectors.predictions.names import ImageName, image_name
from negmine.errors import PredictionsError
from negmine.paths import printable

_MMDETECTION = ("labels", "scores", "bboxes")
_ROBOFLOW = ("x", "y", "width", "height")


def is_of_one_image(document: object) -> bool:
    """Whether it is what one of the programs writes for an image."""
    return isinstance(document, Mapping) and ("predictions" in document or set(_MMDETECTION) <= set(document))


def read_per_image(
    texts: Mapping[Path, bytes], home: Path, class_names: Path | None, base: Literal[0, 1] | None
) -> Predictions:
    """Read such files.

    Args:
        texts: contents by path; each is named after its image.
        home: their folder, or the only one of them.
        class_names: of the class numbers; None where the files have names.
        base: the number of the first class; None for 0.

    Raises:
        PredictionsError: where a file is something else.
    """
    found: list[FoundBox] = []
    listed: set[ImageName] = set()
    for path, data in texts.items():
        document = parse_json(path, data)
        if not isinstance(document, Mapping) or not is_of_one_image(document):
            raise PredictionsError(
                f"{printable(path)}: expected labels, scores and bboxes of MMDetection, or predictions of Roboflow, "
                f"found {kind_of(document)}"
            )
        read = _roboflow if "predictions" in document else _mmdetection
        own = _own_name(path)
        boxes = list(read(document, own, printable(path), class_names is None))
        listed |= {own} if not boxes else {each.image for each in boxes}
        found += boxes
    files = [(path.name, data) for path, data in texts.items()]
    return collected(found, files, home, class_names=class_names, base=base or 0, listed=listed)


def _own_name(path: Path) -> ImageName:
    """The image that a file is named after: `a.json`, or `a.jpg.json`."""
    return image_name(path.stem)


def _mmdetection(document: Mapping[str, object], image: ImageName, where: str, by_name: bool) -> Iterator[FoundBox]:
    columns = [document[name] for name in _MMDETECTION]
    lengths = {len(column) if isinstance(column, list) else -1 for column in columns}
    if len(lengths) > 1 or -1 in lengths:
        raise PredictionsError(f"{where}: expected labels, scores and bboxes to be lists of one length")
    rows = zip(*(column for column in columns if isinstance(column, list)), strict=True)
    for index, (label, score, box) in enumerate(rows):
        at = f"{where}: bboxes[{index}]"
        if not (isinstance(box, list) and len(box) == 4 and all(map(is_number, box))):
            raise PredictionsError(f"{at}: expected [x1, y1, x2, y2], found {short(box)}")
        if not isinstance(label, int) or isinstance(label, bool) or not is_number(score):
            raise PredictionsError(f"{at}: expected a label and a score, found {short(label)} and {short(score)}")
        x1, y1, x2, y2 = map(float, box)
        yield FoundBox(image, (x1, y1, x2, y2), float(score), label, at)


def _roboflow(document: Mapping[str, object], own: ImageName, where: str, by_name: bool) -> Iterator[FoundBox]:
    rows = document["predictions"]
    if not isinstance(rows, list):
        raise PredictionsError(f"{where}: expected predictions to be a list, found {kind_of(rows)}")
    for index, row in enumerate(rows):
        at = f"{where}: predictions[{index}]"
        if not isinstance(row, Mapping) or not all(is_number(row.get(name)) for name in _ROBOFLOW):
            raise PredictionsError(f"{at}: expected x, y, width and height of a box, found {short(row)}")
        score, label = row.get("confidence"), row.get("class")
        if not is_number(score) or not isinstance(label, str) or not label:
            raise PredictionsError(f"{at}: expected class and confidence, found {short(label)} and {short(score)}")
        x, y, width, height = (float(row[name]) for name in _ROBOFLOW)
        if min(width, height) < 0:
            raise PredictionsError(f"{at}: expected a box with a width and height of 0 or more, found {width}x{height}")
        named = row.get("image_path")
        image = image_name(Path(named).name) if isinstance(named, str) and named else own
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        yield FoundBox(image, box, float(score), label, at)
