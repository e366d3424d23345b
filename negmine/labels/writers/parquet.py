"""Writing Parquet files of Hugging Face `datasets`, images inside, with the columns of the image folder.

README.md                               the card: which file is of which split
data/train-00000-of-00001.parquet       a row an image
data/validation-00000-of-00001.parquet  the same, for other splits

https://huggingface.co/docs/datasets/image_load#parquet: `image` has the bytes and the file name, and the schema's
metadata states the types that Arrow does not have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from negmine.labels.plan import Content, ExportImage, Header, Plan, ReadContent, StreamedFile
from negmine.labels.writers.hugging_face import CARD, FIRST, LAST, DatasetsWriter, card, rows_by_split, split_name

if TYPE_CHECKING:
    import pyarrow

_IMAGES = 100  # in a row group: what is held at a time, and what a reader of a few rows has to read
_BYTES = 32 << 20  # of its images, unless one has more
_BOX = 4  # numbers

Row = Mapping[str, object]


class Parquet(DatasetsWriter):
    """A file for each split, which the Hub shows, too."""

    key = "parquet"
    title = "Parquet"
    holds_images = True
    package = "pyarrow"

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelWriter.plan`."""
        files, paths = dict[str, Content | StreamedFile](), dict[str, str]()
        for split, members, rows in rows_by_split(images, class_names):
            pictures = tuple((image.file_name, image.file) for image in members)
            paths[split] = _file_of(split)
            files[paths[split]] = _Table(pictures, tuple(rows), tuple(class_names))
        return {**files, CARD: card(paths)}


FORMAT = Parquet()


@dataclass(frozen=True, slots=True)
class _Table(StreamedFile):
    """The file of a split.

    Attributes:
        pictures: name and content of each image.
        rows: their further columns.
        class_names: by class id.
    """

    pictures: Sequence[tuple[str, Content]]
    rows: Sequence[Row]
    class_names: Sequence[str]

    def write(self, file: BinaryIO, read: ReadContent) -> None:
        """See `StreamedFile.write`."""
        import pyarrow
        from pyarrow.parquet import ParquetWriter

        schema = _schema(self.class_names)
        with ParquetWriter(file, schema, use_dictionary=False) as writer:
            for group in _groups(self._whole_rows(read)):
                writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))

    def _whole_rows(self, read: ReadContent) -> Iterator[dict[str, Any]]:
        for (name, content), row in zip(self.pictures, self.rows, strict=True):
            yield {"image": {"bytes": read(content), "path": name}, **row}


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows of images that are in memory together."""
    group, size = list[dict[str, Any]](), 0
    for row in rows:
        length = len(row["image"]["bytes"])
        if group and (len(group) == _IMAGES or size + length > _BYTES):
            yield group
            group, size = [], 0
        group.append(row)
        size += length
    if group:
        yield group


def _file_of(split: str) -> str:
    return f"data/{split_name(split)}-00000-of-00001.parquet"


def _schema(class_names: Sequence[str]) -> pyarrow.Schema:
    import pyarrow

    image = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
    numbers, box = pyarrow.list_(pyarrow.int64()), pyarrow.list_(pyarrow.float64(), _BOX)
    lists = {"id": numbers, "area": pyarrow.list_(pyarrow.float64()), "bbox": pyarrow.list_(box), "category": numbers}
    plain = {name: pyarrow.type_for_alias(kind) for name, kind in {**FIRST, **LAST}.items()}
    types = {"image": image, **plain, "objects": pyarrow.struct(lists)}
    fields = [(name, types[name]) for name in ("image", *FIRST, "objects", *LAST)]
    told = json.dumps({"info": {"features": _features(class_names)}})
    return pyarrow.schema(fields, metadata={"huggingface": told})


def _features(class_names: Sequence[str]) -> Mapping[str, object]:
    """The types of the columns in the words of `datasets`; `Sequence` is what its versions before 4 know too."""
    numbers, float64 = _list_of(_value("int64")), _value("float64")
    objects = {
        "id": numbers,
        "area": _list_of(float64),
        "bbox": _list_of({**_list_of(float64), "length": _BOX}),
        "category": _list_of({"names": list(class_names), "_type": "ClassLabel"}),
    }
    first, last = ({name: _value(kind) for name, kind in each.items()} for each in (FIRST, LAST))
    return {"image": {"_type": "Image"}, **first, "objects": objects, **last}


def _value(kind: str) -> Mapping[str, object]:
    return {"dtype": kind, "_type": "Value"}


def _list_of(feature: Mapping[str, object]) -> dict[str, object]:
    return {"feature": feature, "_type": "Sequence"}
