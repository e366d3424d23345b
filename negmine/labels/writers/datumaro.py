"""Writing Datumaro's own format: a JSON for each split, and the images.

annotations/SPLIT.json   categories, and an item for each image
images/SPLIT/NAME.jpg    the images of the split
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from negmine.labels.base import Feature, LabelWriter
from negmine.labels.objects import WrittenObject, by_split, class_numbers, json_file, written_objects
from negmine.labels.plan import Content, ExportImage, Header, Plan

_VERSION = "1.0"  # of the format
_IMAGE = 2  # the number of that type of medium


class Datumaro(LabelWriter):
    """Datumaro's JSON; the attributes of an item say what the bank knows of a negative."""

    key = "datumaro"
    title = "Datumaro"
    features = frozenset({Feature.DIFFICULT, Feature.CROWD, Feature.MASKS})
    has_outlines = True
    tells_origin = True
    advice = "datumaro.Dataset.import_from(FOLDER, 'datumaro') reads it"

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        files: dict[str, Content] = {}
        numbers = class_numbers(class_names)
        labels = [{"name": name, "parent": "", "attributes": []} for name in class_names]
        for split, members in by_split(images).items():
            files |= {f"images/{split}/{image.file_name}": image.file for image in members}
            document = {
                "dm_format_version": _VERSION,
                "media_type": _IMAGE,
                "infos": {"written_by": "negmine export"},
                "categories": {"label": {"labels": labels, "label_groups": [], "attributes": []}},
                "items": [_item(image, numbers) for image in members],
            }
            files[f"annotations/{split}.json"] = json_file(document)
        return files


FORMAT = Datumaro()


def _item(image: ExportImage, numbers: Mapping[str, int]) -> Mapping[str, object]:
    width, height = image.size_wh
    annotations = [
        {
            "id": index,
            "type": kind,
            "attributes": _marks(each),
            "group": index,
            "label_id": each.number,
            "z_order": 0,
            **place,
        }
        for index, each in enumerate(written_objects(image, numbers, crowds=True))
        for kind, place in _places(each)
    ]
    return {
        "id": image.name,
        "annotations": annotations,
        "attr": _attributes(image),
        "image": {"path": image.file_name, "size": [height, width]},
    }


def _places(each: WrittenObject) -> Sequence[tuple[str, Mapping[str, object]]]:
    """The kind and place of each annotation of an object: its box, or its polygons, which are a group."""
    parts = [("polygon", {"points": [side for point in part for side in point]}) for part in each.outline]
    return parts or [("bbox", {"bbox": each.box_xywh})]


def _marks(each: WrittenObject) -> Mapping[str, object]:
    score = {} if each.score is None else {"score": each.score}
    return {"difficult": each.difficult, "is_crowd": each.crowd, **score}


def _attributes(image: ExportImage) -> Mapping[str, object]:
    """What is known of the image."""
    origin = image.origin
    if origin is None:
        return {"hard_negative": False}
    hardest = {"class": origin.found[0].class_name, "score": origin.found[0].score} if origin.found else {}
    known = {"state": origin.state, "source": origin.source, "sha256": origin.sha256, **hardest}
    return {"hard_negative": image.is_negative, **known}
