"""Writing COCO: images, and a JSON for each split.

What comes from a COCO data set is written as it was: the entries of images and annotations with every key, and the
categories with their ids. So masks, key points and attributes survive, which negmine does not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from negmine.errors import ExportError
from negmine.labels.objects import WrittenObject, by_split, class_numbers, json_file, written_objects
from negmine.labels.plan import Content, ExportImage, FileEntry, Plan, Proposal
from negmine.paths import printable

_INFO = {
    "description": "Hard negatives, images that hold no target, alone or beside labelled images",
    "url": "",
    "version": "1.0",
    "contributor": "written by negmine export",
}
_NOT_STATED = {"name": "not stated: that of the image that it was cut from", "url": ""}
# RF-DETR takes a category whose supercategory is "none" for a heading, and fails on one without the key.
_SUPERCATEGORY = "object"
_LARGEST_ID = 2**53  # from here on JavaScript, pandas and floats in general take different ids for one

_Entry = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CocoLayout:
    """Where the files of a COCO data set are.

    Attributes:
        folder: of the images of a split, with `{split}` for its name; the JSON names images without it.
        document: the JSON of a split, likewise.
        names: of the splits that this layout calls differently.
    """

    folder: str
    document: str
    names: Mapping[str, str] = field(default_factory=dict)


def plan_coco(images: Sequence[ExportImage], class_names: Sequence[str], layout: CocoLayout) -> Plan:
    """See `LabelFormat.plan`. Images without objects are listed, without annotations.

    Ids are those of the data set where it is COCO and they are whole numbers that nothing else has; else 1, 2 and so
    on in the order of the images.
    """
    files: dict[str, Content] = {}
    categories = _categories(images, class_names)
    for split, members in by_split(images).items():
        name = layout.names.get(split, split)
        files |= {f"{layout.folder.format(split=name)}/{image.file_name}": image.file for image in members}
        files[layout.document.format(split=name)] = _document(members, categories)
    return files


def _document(images: Sequence[ExportImage], categories: Sequence[_Entry]) -> bytes:
    """The JSON of a split."""
    class_ids = {category.get("name"): category.get("id") for category in reversed(categories)}
    numbers = class_numbers(str(name) for name in class_ids)
    image_ids = _ids([None if (entry := _entry(image)) is None else entry.image.get("id") for image in images])
    annotations = [
        (image_id, annotation)
        for image, image_id in zip(images, image_ids, strict=True)
        for annotation in _annotations(image, class_ids, numbers)
    ]
    ids = _ids([annotation.get("id") for _, annotation in annotations])
    source: _Entry = next((entry.document for image in images if (entry := _entry(image)) is not None), {})
    licenses, unstated = _licenses(source, any(_entry(image) is None for image in images))
    document = {
        "info": _INFO,
        **source,
        "licenses": licenses,
        "categories": categories,
        "images": [_image(image, image_id, unstated) for image, image_id in zip(images, image_ids, strict=True)],
        "annotations": [
            {**annotation, "id": own_id, "image_id": image_id}
            for own_id, (image_id, annotation) in zip(ids, annotations, strict=True)
        ],
    }
    return json_file(document)


def _entry(image: ExportImage) -> FileEntry | None:
    """What the data set's own JSON says of an image."""
    content = None if image.label is None else image.label.content
    return content if isinstance(content, FileEntry) else None


def _image(image: ExportImage, image_id: int, license_id: int) -> _Entry:
    entry, (width, height) = _entry(image), image.size_wh
    own: _Entry = {"license": license_id, **_captured(image)} if entry is None else entry.image
    return {**own, "id": image_id, "file_name": image.file_name, "width": width, "height": height}


def _captured(image: ExportImage) -> _Entry:
    """When it was taken, where that is known."""
    if image.origin is None or image.origin.taken_ms is None:
        return {}
    return {"date_captured": f"{datetime.fromtimestamp(image.origin.taken_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"}


def _licenses(source: _Entry, is_needed: bool) -> tuple[list[object], int]:
    """The licences of the data set, and one more for images whose licence nobody stated; with the id of that."""
    found = source.get("licenses")
    licenses = [*found] if isinstance(found, list) else []
    ids = [number for each in licenses if isinstance(each, dict) and (number := _whole(each.get("id"))) is not None]
    unstated = max((0, *ids)) + 1
    return [*licenses, {"id": unstated, **_NOT_STATED}] if is_needed else licenses, unstated


def _annotations(
    image: ExportImage, class_ids: Mapping[object, object], numbers: Mapping[str, int]
) -> Iterable[_Entry]:
    """The annotations of an image, whose ids are not yet those that are written.

    Raises:
        LabelError: for an object whose class has no id, or whose box has no area inside the image.
    """
    entry = _entry(image)
    if entry is not None:
        yield from entry.annotations
        return
    for each in written_objects(image, numbers, crowds=True):
        yield {
            "id": None,
            "image_id": None,
            "category_id": class_ids[each.class_name],
            "bbox": each.box_xywh,
            "area": _area(each),
            "segmentation": [[side for point in part for side in point] for part in each.outline],
            "iscrowd": int(each.crowd),
            **_proposal(each.proposal),
        }


def _area(each: WrittenObject) -> float:
    """Of its polygons, else of its box, in square pixels."""
    _, _, width, height = each.box_xywh
    turned = (zip(part, (*part[1:], part[0]), strict=True) for part in each.outline)
    areas = [abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in edges)) / 2 for edges in turned]
    return sum(areas) if areas else width * height


def _proposal(proposal: Proposal | None) -> _Entry:
    """What an annotation says of a box that nobody has checked, in the keys of results and of CVAT."""
    if proposal is None:
        return {}
    return {"score": proposal.score, "attributes": {"proposed": "gap" if proposal.is_gap else "detection"}}


def _ids(own: Sequence[object]) -> list[int]:
    """An id for each: its own, or the next number; all are numbered anew where the own ones are not unique numbers.

    Raises:
        ExportError: where one is too large for those who read it.
    """
    stated = [number for number in own if number is not None]
    kept = [number for each in stated if (number := _whole(each)) is not None]
    if len(set(kept)) < len(stated):
        return list(range(1, len(own) + 1))
    last = max((0, *kept)) + len(own) - len(stated)
    require_exact(last, "the data set")
    following = iter(range(max((0, *kept)) + 1, last + 1))
    return [next(following) if (number := _whole(each)) is None else number for each in own]


def require_exact(last: int, where: str) -> None:
    """Refuse ids that readers take for one another.

    Args:
        last: the largest.
        where: what has them, for the message.

    Raises:
        ExportError: where it is too large.
    """
    if last >= _LARGEST_ID:
        raise ExportError(
            f"{where}: its ids would go up to {last}, and readers take ids from {_LARGEST_ID} on for one another; "
            "give its images and annotations smaller ones"
        )


def _whole(number: object) -> int | None:
    """A number as a whole one, such as 7 for 7.0; None for all else."""
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number % 1:  # NaN and infinity are true
        return None
    return int(number)


def _categories(images: Sequence[ExportImage], class_names: Sequence[str]) -> list[_Entry]:
    """Those of the data set's own JSON files, each id once; where it has none, the classes from 1.

    Raises:
        ExportError: where two of its files call different things by one id.
    """
    documents = {id(entry.document): entry.document for image in images if (entry := _entry(image)) is not None}
    if not documents:
        return [{"id": i, "name": name, "supercategory": _SUPERCATEGORY} for i, name in enumerate(class_names, 1)]
    found: dict[object, _Entry] = {}
    for document in documents.values():
        for category in document["categories"]:  # type: ignore[attr-defined]
            first = found.setdefault(category["id"], category)
            if first["name"] != category["name"]:
                raise ExportError(
                    f"category {category['id']} is {printable(str(first['name']))} in one COCO file of the data set, "
                    f"and {printable(str(category['name']))} in another; give each class one id in all of them"
                )
    return list(found.values())
