"""The JSON export of Label Studio: tasks with annotations, whose boxes are in percent of the image.

An annotation with an empty result says that the image is empty, and accepts a negative. A choice that is no verdict
says nothing about objects. A task without an annotation was not looked at; the drafts and predictions of a task say
nothing (labelstud.io/guide/export, labelstud.io/guide/task_format).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from negmine.boxes import Box, box_around
from negmine.errors import LabelError
from negmine.importing.entry import VERDICTS, Entry, Shape, reader_of, verdicts_of
from negmine.labels.frames import FrameObject
from negmine.paths import printable
from negmine.words import did_you_mean

TITLE = "Label Studio"
_PERCENT = 100.0
_LARGEST = 1e9  # of a number in a region
_NO_SHAPES = frozenset({"choices", "textarea", "rating", "taxonomy", "number", "datetime", "pairwise", "relation"})


def is_label_studio(document: object) -> bool:
    """Whether a JSON document is an export of Label Studio."""
    first = document[0] if isinstance(document, list) and document else None
    return isinstance(first, dict) and isinstance(first.get("data"), dict) and "annotations" in first


def read_tasks(document: Sequence[object]) -> list[Entry]:
    """What a project says of each of its images."""
    return [_task(task, index) for index, task in enumerate(document)]


def _task(task: object, index: int) -> Entry:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        return Entry(f"task [{index}]", problem="it has no data")
    where, data = f"task {task.get('id', f'[{index}]')}", task["data"]
    name, sha256 = _name(data), data.get("sha256")
    stated = sha256 if isinstance(sha256, str) else None
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        return Entry(where, name, stated, problem="expected a list of annotations; export the project as JSON")
    handed_in = [each for each in annotations if not (isinstance(each, dict) and each.get("was_cancelled"))]
    if not handed_in:
        return Entry(where, name, stated)
    results, unread = _results(handed_in)
    shapes, words = _shapes(results, unread), [word for each in results for word in _words(each, "choices")]
    verdicts = verdicts_of(words)
    if results and not shapes and not unread and not verdicts:
        return Entry(where, name, stated, problem=_without_meaning(words))
    is_judged_alone = verdicts and not shapes and not unread
    read = None if is_judged_alone else reader_of(shapes, unread=unread, unit=_PERCENT, where=where)
    return Entry(where, name, stated, verdicts, read, is_confirmed_empty=not results and not unread)


def _without_meaning(words: Sequence[str]) -> str:
    """Why results without a region and a verdict cannot be used: they do not say that the image is empty."""
    if not words:
        return "its annotation has neither a region nor a verdict; label it, or submit it empty where nothing is there"
    found = ", ".join(repr(printable(word)[:40]) for word in words[:4])
    return f"expected a verdict (accepted, rejected, target), found {found}{did_you_mean(words[0], VERDICTS)}"


def _name(data: Mapping[str, object]) -> str | None:
    """The image; a local file is named by the query of a URL."""
    text = data.get("image")
    if not isinstance(text, str):
        return None
    asked = parse_qs(text.partition("?")[2]).get("d") if text.startswith("/data/local-files/") else None
    return asked[0] if asked else text


def _results(annotations: Sequence[object]) -> tuple[list[Mapping[str, object]], list[str]]:
    """The results of annotations, and why others cannot be read."""
    found, unread = list[Mapping[str, object]](), list[str]()
    for each in annotations:
        results = each.get("result") if isinstance(each, dict) else None
        if not isinstance(results, list):
            unread.append("an annotation has no result; export the project as JSON")
            continue
        for result in results:
            if isinstance(result, dict):
                found.append(result)
            else:
                unread.append("a result is not a JSON object; export the project as JSON")
    return found, unread


def _words(result: Mapping[str, object], key: str) -> list[str]:
    value = result.get("value")
    words = value.get(key) if isinstance(value, dict) else None
    return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []


def _shapes(results: Sequence[Mapping[str, object]], unread: list[str]) -> list[Shape]:
    """The objects; why others cannot be read is added to `unread`."""
    shapes = list[Shape]()
    labelled = {str(each.get("id")) for each in results if str(each.get("type")).endswith("labels") and each.get("id")}
    for each in results:
        kind = str(each.get("type"))
        if kind in _NO_SHAPES or (not kind.endswith("labels") and str(each.get("id")) in labelled):
            continue
        try:
            shapes += _region(each, kind)
        except LabelError as error:
            unread.append(str(error))
    return shapes


def _region(result: Mapping[str, object], kind: str) -> list[Shape]:
    """The objects of a region, one for each of its labels."""
    if result.get("image_rotation"):
        raise LabelError("the image was turned while it was labelled; turn it back")
    size_wh, names, value = _size(result), _words(result, kind), result.get("value")
    if not names or not isinstance(value, dict):
        raise LabelError(f"a region of type {kind} has no label; give it one")
    box = _box(kind, value, size_wh)
    return [Shape(FrameObject(name, box), size_wh) for name in names]


def _size(result: Mapping[str, object]) -> tuple[int, int]:
    width, height = result.get("original_width"), result.get("original_height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def _box(kind: str, value: Mapping[str, object], size_wh: tuple[int, int]) -> Box:
    """The box around a region, in percent."""
    if kind == "rectanglelabels":
        x, y, width, height = (_number(value, key) for key in ("x", "y", "width", "height"))
        corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]
        turned = _turned(corners, _number(value, "rotation", 0.0), size_wh)
        return box_around([(x + across, y + down) for across, down in turned])
    if kind == "ellipselabels":
        x, y, across, down = (_number(value, key) for key in ("x", "y", "radiusX", "radiusY"))
        return x - across, y - down, x + across, y + down
    if kind == "polygonlabels":
        points = value.get("points")
        if isinstance(points, list) and points and all(isinstance(each, list) and len(each) == 2 for each in points):
            return box_around([(_finite(x), _finite(y)) for x, y in points])
    raise LabelError(f"expected rectangles, ellipses or polygons, found {kind!r}; export it in another format")


def _turned(
    corners: Sequence[tuple[float, float]], degrees: float, size_wh: tuple[int, int]
) -> Sequence[tuple[float, float]]:
    """Corners turned about the first one, as Label Studio does it, in pixels."""
    if not degrees:
        return corners
    if not all(size_wh):
        raise LabelError("a box is turned, and the size of the image is not stated; export it again")
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ratio = size_wh[0] / size_wh[1]
    return [(x * cosine - y * sine / ratio, x * sine * ratio + y * cosine) for x, y in corners]


def _number(value: Mapping[str, object], key: str, default: float | None = None) -> float:
    return _finite(value.get(key, default))


def _finite(value: object) -> float:
    if type(value) not in (int, float) or not abs(value) < _LARGEST:  # type: ignore[arg-type]
        raise LabelError("a region has a number that is missing or not finite; label it again")
    return float(value)  # type: ignore[arg-type]
