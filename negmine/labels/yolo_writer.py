"""Writing YOLO: images and labels by split, and a `data.yaml` beside them.

What comes from a YOLO data set is written as it was: label files byte for byte, and with them the numbers of the
classes and all that the `data.yaml` says of the rows. So masks, key points and angles survive, which negmine does not
read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from negmine.boxes import Box
from negmine.errors import LabelError
from negmine.files import sha256_of
from negmine.labels.base import Feature
from negmine.labels.checks import at_least_a_pixel, clipped_box, clipped_polygon, read_label
from negmine.labels.plan import Content, ExportImage, Header, Outline, Plan, Polygon, SourceLabel, StoredFile
from negmine.labels.splits import TRAIN, VAL
from negmine.paths import printable
from negmine.plain_yaml import yaml_of
from negmine.structures import GroundTruth

_DATA_YAML = "data.yaml"
# Where the images of the data set are, which is not where those of the export are.
_PLACES = frozenset("path train val validation test minival download yaml_file masks_dir".split())
_COLOURS = 3
_BOX, _CORNERS = 4, 8  # values of a box, and of an oriented box


def plan_yolo(images: Sequence[ExportImage], class_names: Sequence[str], header: Header) -> Plan:
    """See `LabelFormat.plan`. The `data.yaml` names no root, so the folder can be moved.

    Where there is nothing to validate on, it names no `val`, and Ultralytics refuses to train on it: images to train on
    are none to measure with.
    """
    files: dict[str, Content] = {}
    class_ids = {name: number for number, name in enumerate(class_names)}
    for image in images:
        label = _label(image, class_ids)
        for split in image.splits:
            files[f"images/{split}/{image.name}{image.suffix}"] = image.file
            files[f"labels/{split}/{image.name}.txt"] = label
    present = {split for image in images for split in image.splits}
    keys = header.keys or {"names": dict(enumerate(class_names))}
    files[_DATA_YAML] = _data_yaml(sorted(present | {TRAIN}), keys)
    return files


def _label(image: ExportImage, class_ids: Mapping[str, int]) -> Content:
    if image.label is not None and isinstance(image.label.content, StoredFile):
        return image.label.content
    return yolo_lines(image.truth, image.size_wh, class_ids, image.outlines).encode("ascii")


def yolo_source_label(path: Path, *, has_key_points: bool) -> SourceLabel:
    """A label file, to be written again as it is.

    Args:
        path: of the file, whose rows have been read.
        has_key_points: the `data.yaml` has a `kpt_shape`, so that what follows a box are key points.

    Raises:
        LabelError: where it cannot be read.
    """
    data = read_label(path)
    counts = {len(line.split()) - 1 for line in data.splitlines()}
    features = _features({count for count in counts if count > _BOX}, has_key_points)
    return SourceLabel(StoredFile(path, sha256_of(data), in_bank=False, may_be_linked=False), features)


def _features(counts: set[int], has_key_points: bool) -> frozenset[Feature]:
    """What rows with so many values after the class say; the mask of a quadrangle looks like an oriented box."""
    if not counts:
        return frozenset()
    if has_key_points:
        return frozenset({Feature.KEYPOINTS})
    return frozenset({Feature.MASKS, Feature.ORIENTED_BOXES} if counts == {_CORNERS} else {Feature.MASKS})


def yolo_header(document: Mapping[str, object], names: Mapping[int, str]) -> Header:
    """What the labels of a data set need of its `data.yaml`: all but the places of its images.

    Args:
        document: the `data.yaml`.
        names: class id to name; ids may have gaps, and names may repeat.
    """
    keys = {str(key): value for key, value in document.items() if key not in _PLACES} | {"names": dict(names)}
    channels = document.get("channels")
    return Header(keys, channels if isinstance(channels, int) else _COLOURS)


def yolo_lines(
    truth: GroundTruth, size_wh: tuple[int, int], class_ids: Mapping[str, int], outlines: Sequence[Outline] = ()
) -> str:
    """The rows `class x y width height` of an image's objects, as shares of the image with six digits.

    An object with an outline has the row `class x1 y1 x2 y2 ...` instead, of its one polygon.

    YOLO has no marks: a `difficult` object is written as any other, a `crowd` is left out, since its box is that of no
    single object. A box under a pixel is grown to one, so that no object is rounded away.

    Args:
        truth: the objects.
        size_wh: of the image, pixels.
        class_ids: class name to number.
        outlines: of each object, a polygon or none; () where none has one.

    Returns:
        One line an object, in order; "" where there is none.

    Raises:
        LabelError: for an object whose class has no number, or whose box has no area inside the image.
    """
    rows = []
    every = zip(truth.boxes_xyxy, truth.class_names, truth.crowd, outlines or ((),) * len(truth), strict=True)
    for index, (box, name, crowd, outline) in enumerate(every):
        if crowd:
            continue
        where = f"object {index} ({printable(name)})"
        if name not in class_ids:
            raise LabelError(
                f"{where}: its class is none of the {len(class_ids)} that are written; add it to the classes"
            )
        x1, y1, x2, y2 = (float(value) for value in box)
        if outline:
            row = _polygon_row(clipped_polygon(outline[0], size_wh, where), size_wh)
        else:
            row = _row_of(clipped_box((x1, y1, x2, y2), size_wh, where), size_wh)
        rows.append(f"{class_ids[name]} {row}\n")
    return "".join(rows)


def _row_of(box: Box, size_wh: tuple[int, int]) -> str:
    """Centre and size, as shares."""
    x1, y1, x2, y2 = at_least_a_pixel(box, size_wh)
    spans = ((x1, x2), (y1, y2))
    centres = [(low + high) / 2 / side for (low, high), side in zip(spans, size_wh, strict=True)]
    sizes = [(high - low) / side for (low, high), side in zip(spans, size_wh, strict=True)]
    return " ".join(f"{share:.6f}" for share in (*centres, *sizes))


def _polygon_row(points: Polygon, size_wh: tuple[int, int]) -> str:
    """Points x, y, as shares."""
    width, height = size_wh
    return " ".join(f"{x / width:.6f} {y / height:.6f}" for x, y in points)


def _data_yaml(splits: Sequence[str], keys: Mapping[str, object]) -> bytes:
    """`train`, `val`, then any other split; the names by number, one a line; and the other keys."""
    places = {split: f"images/{split}" for split in (TRAIN, VAL) if split in splits}
    places |= {split: f"images/{split}" for split in splits}
    text = yaml_of({**places, "names": keys["names"]})
    text += "".join(_yaml_line(key, value) for key, value in keys.items() if key != "names")
    return text.encode()


def _yaml_line(key: str, value: object) -> str:
    """A key with its value, lists in brackets as in `kpt_shape: [17, 3]`."""
    is_nested = isinstance(value, (list, dict))
    return yaml_of({key: value}, in_brackets=is_nested)
