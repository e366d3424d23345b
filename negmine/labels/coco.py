"""COCO: one JSON file with images, annotations and categories. It is read, and not written yet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from negmine.labels.base import Feature, LabelFormat, Truth
from negmine.labels.checks import hash_of_label
from negmine.labels.coco_document import CocoDocument, CocoImage
from negmine.labels.pairing import LabelIndex, find_named
from negmine.labels.splits import Listing, Split, choose_splits, with_neighbours
from negmine.paths import EXPORT_MANIFEST, printable, sortable
from negmine.structures import GroundTruth


class CocoFormat(LabelFormat):
    """COCO."""

    key = "coco"
    title = "COCO"
    data_set = "a JSON file (COCO)"
    file_suffixes = frozenset({".json"})
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.CROWD})

    def find(self, folder: Path) -> Sequence[Path]:
        """The JSON files of a folder, else those of its `annotations`."""
        return _jsons(folder) or _jsons(folder / "annotations")

    def open(self, path: Path) -> Truth:
        """See `CocoTruth`."""
        return CocoTruth(path)


FORMAT = CocoFormat()


def _jsons(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.json") if path.name != EXPORT_MANIFEST), key=sortable)


class CocoTruth:
    """The annotations of a COCO JSON. An image that is listed without annotations is empty, one not listed unlabelled.

    Args:
        path: the JSON file.

    Attributes:
        images: the image files that it lists.
        lost: the names that it lists and of which there is no file.

    Raises:
        TruthError: where it is not COCO: not JSON, keys missing, the same id twice, annotations of unlisted images.
    """

    format_name = CocoFormat.title

    def __init__(self, path: Path) -> None:
        self.path = path
        self._where = printable(path)
        document = CocoDocument.read(path)
        self.class_names = document.class_names
        self.images_labelled = len(document.images)
        self._index: LabelIndex[CocoImage] = LabelIndex()
        likely, possible = _image_folders(path)
        images, lost = list[Path](), list[str]()
        for labelled in document.images:
            name = labelled.file_name
            found = find_named(likely, possible, name) if name else []
            self._index.add(labelled, found, [PurePosixPath(name).name] if name else [])
            images += found
            if not found:
                lost.append(name)
        self.images, self.lost = tuple(images), tuple(lost)

    @property
    def searched_folders(self) -> Sequence[Path]:
        """None: the JSON alone says which images there are."""
        return []

    def list_images(self, only: str | None = None) -> Listing:
        """The images as one split, which has the name of the JSON; see `Truth.list_images`."""
        whole = Split(_split_name(self.path), with_neighbours(self.images), is_whole=True)
        return Listing(choose_splits([whole], only, self.path), tuple(map(printable, self.lost)))

    def label_hash(self, image_path: Path) -> str | None:
        """The hash of what the file says of an image; see `Truth.label_hash`."""
        labelled = self._index.find(image_path)
        return None if labelled is None else hash_of_label(labelled.hash_text().encode())

    def object_names(self, image_path: Path) -> tuple[str, ...] | None:
        """The class of every object; see `Truth.object_names`."""
        labelled = self._index.find(image_path)
        return None if labelled is None else labelled.object_names(self._where)

    def read(self, image_path: Path, size_wh: tuple[int, int]) -> GroundTruth | None:
        """The objects of an image; see `Truth.read`."""
        labelled = self._index.find(image_path)
        return None if labelled is None else labelled.read(size_wh, self._where)


def _split_name(path: Path) -> str:
    """`train` of `instances_train.json`, and of `train/_annotations.coco.json`."""
    return path.absolute().parent.name if path.name.startswith("_annotations") else path.stem.removeprefix("instances_")


def _image_folders(path: Path) -> tuple[list[Path], list[Path]]:
    """Where images may be: first beside the JSON, and in folders that are called as its split is; else in `images`
    there or in the folder above, and one level below that."""
    homes, split = (path.parent, path.parent.parent), _split_name(path)
    likely = [path.parent, *(home / name for home in homes for name in (Path("images") / split, split))]
    possible: list[Path] = []
    for home in homes:
        images = home / "images"
        below = sorted((path for path in images.iterdir() if path.is_dir()), key=sortable) if images.is_dir() else []
        possible += [home, images, *below]
    return likely, possible
