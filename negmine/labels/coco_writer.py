"""Writing COCO: one JSON a split, beside its images.

train/_annotations.coco.json   images, annotations and categories of the split
train/NAME.jpg                 its images
valid/, test/                  the same

RF-DETR and other trainers that read what Roboflow exports find this layout by themselves, while MMDetection, detectron2
and torchvision are told where a JSON and its images are, and so read any.

What comes from a COCO data set is written as it was: the entries of images and annotations with every key, and the
categories with their ids. So masks, key points and attributes survive, which negmine does not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from negmine.errors import ExportError, LabelError
from negmine.labels.checks import at_least_a_pixel, clipped_box
from negmine.labels.plan import Content, ExportImage, FileEntry, Plan, Proposal
from negmine.labels.splits import TRAIN
from negmine.paths import printable

ANNOTATIONS = "_annotations.coco.json"
_FOLDERS = {"val": "valid"}  # as Roboflow calls them
_INFO = {"description": "written by negmine export"}
# RF-DETR takes a category whose supercategory is "none" for a heading, and fails on one without the key.
_SUPERCATEGORY = "object"

_Entry = Mapping[str, object]


def plan_coco(images: Sequence[ExportImage], class_names: Sequence[str]) -> Plan:
    """See `LabelFormat.plan`. Images without objects are listed, without annotations.

    Ids are those of the data set where it is COCO and they are whole numbers that nothing else has; else 1, 2 and so
    on in the order of the images.
    """
    files: dict[str, Content] = {}
    folders: dict[str, list[ExportImage]] = {TRAIN: []}
    for image in images:
        for split in image.splits:
            folder = _FOLDERS.get(split, split)
            files[f"{folder}/{image.name}{image.suffix}"] = image.file
            folders.setdefault(folder, []).append(image)
    categories = _categories(images, class_names)
    for folder, members in folders.items():
        files[f"{folder}/{ANNOTATIONS}"] = _document(members, categories)
    return files


def _document(images: Sequence[ExportImage], categories: Sequence[_Entry]) -> bytes:
    """The JSON of a split."""
    class_ids = {category.get("name"): category.get("id") for category in reversed(categories)}
    image_ids = _ids([None if (entry := _entry(image)) is None else entry.image.get("id") for image in images])
    annotations = [
        (image_id, annotation)
        for image, image_id in zip(images, image_ids, strict=True)
        for annotation in _annotations(image, class_ids)
    ]
    ids = _ids([annotation.get("id") for _, annotation in annotations])
    source = next((entry.document for image in images if (entry := _entry(image)) is not None), {})
    document = {
        "info": _INFO,
        "licenses": [],
        **source,
        "categories": categories,
        "images": [_image(image, image_id) for image, image_id in zip(images, image_ids, strict=True)],
        "annotations": [
            {**annotation, "id": own_id, "image_id": image_id}
            for own_id, (image_id, annotation) in zip(ids, annotations, strict=True)
        ],
    }
    return json.dumps(document).encode("ascii")


def _entry(image: ExportImage) -> FileEntry | None:
    """What the data set's own JSON says of an image."""
    content = None if image.label is None else image.label.content
    return content if isinstance(content, FileEntry) else None


def _image(image: ExportImage, image_id: int) -> _Entry:
    entry, (width, height) = _entry(image), image.size_wh
    own = {} if entry is None else entry.image
    return {**own, "id": image_id, "file_name": f"{image.name}{image.suffix}", "width": width, "height": height}


def _annotations(image: ExportImage, class_ids: Mapping[object, object]) -> Iterable[_Entry]:
    """The annotations of an image, whose ids are not yet those that are written.

    Raises:
        LabelError: for an object whose class has no id, or whose box has no area inside the image.
    """
    entry, truth, proposals = _entry(image), image.truth, image.proposed()
    if entry is not None:
        yield from entry.annotations
        return
    for index, (box, name, crowd) in enumerate(zip(truth.boxes_xyxy, truth.class_names, truth.crowd, strict=True)):
        where = f"{printable(image.name)}, object {index} ({printable(name)})"
        if name not in class_ids:
            raise LabelError(f"{where}: its class is none of the {len(class_ids)} that are written; add it to them")
        x1, y1, x2, y2 = (float(value) for value in box)
        x1, y1, x2, y2 = at_least_a_pixel(clipped_box((x1, y1, x2, y2), image.size_wh, where), image.size_wh)
        yield {
            "id": None,
            "image_id": None,
            "category_id": class_ids[name],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "segmentation": [],
            "iscrowd": int(crowd),
            **_proposal(proposals[index]),
        }


def _proposal(proposal: Proposal | None) -> _Entry:
    """What an annotation says of a box that nobody has checked, in the keys of results and of CVAT."""
    if proposal is None:
        return {}
    return {"score": proposal.score, "attributes": {"proposed": "gap" if proposal.is_gap else "detection"}}


def _ids(own: Sequence[object]) -> list[int]:
    """An id for each: its own, or the next number; all are numbered anew where the own ones are not unique numbers."""
    stated = [number for number in own if number is not None]
    kept = [number for each in stated if (number := _whole(each)) is not None]
    if len(set(kept)) < len(stated):
        return list(range(1, len(own) + 1))
    following = iter(range(max((0, *kept)) + 1, max((0, *kept)) + 1 + len(own)))
    return [next(following) if (number := _whole(each)) is None else number for each in own]


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
