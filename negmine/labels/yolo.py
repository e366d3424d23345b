"""YOLO: a `data.yaml` with class names, and a text file an image, in `labels` where the image is in `images`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from negmine.errors import SourceError
from negmine.labels.base import Claim, Feature, Label, LabelFormat, LabelSet, OwnImages
from negmine.labels.checks import hash_of_label, judged_classes, objects_of, read_label
from negmine.labels.folders import folders_below
from negmine.labels.plan import ExportImage, Header, Outline, Plan, SourceLabel
from negmine.labels.splits import Listing, Split, choose_splits, require_split, split_called, splits_by_folder
from negmine.labels.yolo_layouts import CLASS_LISTS, find_layouts, open_layout
from negmine.labels.yolo_rows import RowFormat, may_be_predictions, may_be_rows
from negmine.labels.yolo_writer import plan_yolo, yolo_header, yolo_source_label
from negmine.paths import printable, real_path
from negmine.sources.data_yaml import SPLITS
from negmine.sources.folders import IMAGE_SUFFIXES
from negmine.structures import GroundTruth
from negmine.walking import files_in, files_under

_TXT = frozenset({".txt"})
_RUNS = "runs"  # where Ultralytics writes what it predicts


class YoloFormat(LabelFormat):
    """YOLO, as Ultralytics reads it."""

    key = "yolo"
    title = "YOLO"
    data_set = "a data.yaml (YOLO)"
    file_suffixes = frozenset({".yaml", ".yml", ".data"})
    file_names = frozenset(CLASS_LISTS)
    is_folder = True
    has_outlines = True
    needs_one_polygon = True  # Ultralytics drops the polygons of a data set in which an object has none
    features = frozenset({Feature.MASKS, Feature.KEYPOINTS, Feature.ORIENTED_BOXES, Feature.CHANNELS})
    image_suffixes = frozenset({".jpg", ".png", ".tif", ".webp", ".bmp", ".avif", ".jp2"})

    def find(self, folder: Path) -> Sequence[Path]:
        """The data.yaml of a folder, else darknet's list of files, else a list of classes."""
        return find_layouts(folder)

    def open(self, path: Path) -> LabelSet:
        """See `YoloLabels`."""
        return YoloLabels(path)

    def plan(
        self, images: Sequence[ExportImage], *, class_names: Sequence[str], folder: str, header: Header | None = None
    ) -> Plan:
        """See `LabelFormat.plan` and `plan_yolo`."""
        return plan_yolo(images, class_names, header or Header())


FORMAT = YoloFormat()


class YoloLabel(Label):
    """The label file of an image.

    Args:
        path: of the file.
        folders: below the folder that images are kept under.
        labels: the data set.
        group: the split that its folder belongs to; "" where several do, or none.
    """

    __slots__ = ("_labels",)

    def __init__(self, path: str, folders: tuple[str, ...], labels: YoloLabels, group: str) -> None:
        super().__init__(path, own=Claim.of_label(folders, os.path.basename(path)), group=group)
        self._labels = labels

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.name)

    @property
    def is_of_an_image(self) -> bool:
        """Whether it has rows as labels have them, or is empty; other text, such as a list, is of no image."""
        return self.path.name not in CLASS_LISTS and may_be_rows(self.path)

    def hash(self) -> str:
        """Of the file, and of the data.yaml's part in its rows; see `Label.hash`."""
        return hash_of_label(read_label(self.path), self._labels.row_format.key)

    def object_names(self) -> tuple[str, ...]:
        """The class of every object; see `Label.object_names`."""
        return objects_of([row.class_name for row in self._labels.row_format.read(self.path)])

    def read(self, size_wh: tuple[int, int]) -> GroundTruth:
        """The objects; see `Label.read`."""
        return self._labels.row_format.truth(self.path, size_wh, self._labels.class_names)

    def outlines(self, size_wh: tuple[int, int]) -> Sequence[Outline] | None:
        """Those of its polygons and oriented boxes; see `Label.outlines`."""
        return self._labels.row_format.outlines(self.path, size_wh)

    def source(self) -> SourceLabel:
        """The file as it is; see `Label.source`."""
        return yolo_source_label(self.path, has_key_points=self._labels.row_format.key_point_values > 0)


class YoloLabels(LabelSet):
    """The labels of a YOLO data set.

    A row is `class x y width height` (shares of the image), a polygon or oriented box `class x1 y1 x2 y2 ...`, whose
    extent is taken, or, where the yaml has a `kpt_shape`, a box followed by key points. An empty file says that its
    image is empty, and so does one of nothing but zeros; without a file the image is unlabelled.

    Args:
        path: a `data.yaml`, darknet's `obj.data`, labelImg's `classes.txt`, or a folder that holds one.

    Raises:
        TruthError: where it cannot be read or names no classes.
    """

    format_name = YoloFormat.title

    def __init__(self, path: Path) -> None:
        self.path = path
        found = find_layouts(path) if path.is_dir() else []
        self._layout = open_layout(found[0], path) if found else open_layout(path)
        names = self._layout.row_format.names
        self.class_names = judged_classes(tuple(dict.fromkeys(names[number] for number in sorted(names))))
        self._listed = [str(image) for image in self._layout.present_images()]
        self._labels: dict[str, YoloLabel] = {}
        home = str(self._layout.home)
        self._folders_of = cache(lambda folder: tuple(folders_below(folder, home)))
        for split, folder in self._label_folders():
            for file, _ in files_under(folder, _TXT):
                self._add(file, split)
        folders = dict.fromkeys(os.path.dirname(path) for path in self._listed)
        near = [os.path.join(folder, name) for folder in folders for name in files_in(folder, IMAGE_SUFFIXES)]
        self._own = list(dict.fromkeys([*self._listed, *near]))  # labels that no list names have their images too
        for folder in folders:
            for place in dict.fromkeys((os.path.dirname(_label_path(f"{folder}/a.jpg")), folder)):
                if os.path.isdir(place):
                    for name in files_in(place, _TXT):
                        self._add(os.path.join(place, name), "")
        self._add_strays(dict.fromkeys((home, str(self._layout.path.absolute().parent))))
        self.labels = self._labels.values()  # a view: `label_of` may add those of images that are kept elsewhere

    @property
    def header(self) -> Header:
        """See `yolo_header`."""
        return yolo_header(self._layout.document, self._layout.row_format.names)

    @property
    def row_format(self) -> RowFormat:
        """What a row may hold."""
        return self._layout.row_format

    @property
    def searched_folders(self) -> Sequence[Path]:
        """The folders of images; see `LabelSet.searched_folders`."""
        folders = [each for entries in self._layout.entries.values() for each in entries if each.is_dir()]
        return [real_path(folder) for folder in folders or [self._layout.home]]

    def images(self) -> Iterable[OwnImages]:
        """The images of all splits; see `LabelSet.images`."""
        places = dict.fromkeys(each.name for entries in self._layout.entries.values() for each in entries)
        return [OwnImages(self._layout.home, self._own, ", ".join(map(printable, places)) or "it")]

    def label_of(self, image: str) -> Label | None:
        """The file that Ultralytics takes for the label of an image; None where it does not exist."""
        path = _label_path(image)
        if path not in self._labels and os.path.lexists(path):
            self._add(path, "")
        return self._labels.get(path)

    def splits(self, images: Sequence[Path], label_of: Callable[[Path], Label | None], only: str | None) -> Listing:
        """The splits that the data set's file names; see `LabelSet.splits`.

        Images that a list names and that do not exist are lost: a label alone is not a positive. A link to nothing
        stays, for whoever reads it to report.
        """
        listed = set(self._listed)
        if not self._layout.entries or (images and listed.isdisjoint(map(str, images))):
            return Listing(choose_splits(splits_by_folder(images, self._layout.home), only, self.path))
        names = self._layout.split_names
        if not names:
            raise SourceError(f"{printable(self.path)} names no images: expected one of {', '.join(SPLITS)}; add it")
        require_split(only, names, self.path)
        splits, lost = list[Split](), dict[str, None]()
        for name in (name for name in names if split_called(only, names) in (None, name)):
            there, absent = self._layout.images_of(name)
            splits.append(Split(name, tuple(dict.fromkeys(there))))
            lost |= dict.fromkeys(absent)
        return Listing(tuple(splits), tuple(lost))

    def _label_folders(self) -> Iterable[tuple[str, str]]:
        """The folders that are searched for labels, each with its split."""
        for split, entries in self._layout.entries.items():
            for entry in entries:
                for folder in dict.fromkeys((os.path.dirname(_label_path(str(entry / "a.jpg"))), str(entry))):
                    if os.path.isdir(folder):
                        yield split, folder
        if not self._layout.entries:
            yield "", str(self._layout.home)

    def _add_strays(self, places: Iterable[str]) -> None:
        """Find labels that are in no place of the format, and the images that no split names: those may be theirs.

        Images that have a label by the format's rule are of another data set below, or of a split that is not named.
        """
        lists = {os.path.abspath(entry) for entries in self._layout.entries.values() for entry in entries}
        known = {os.path.abspath(path) for path in self._own} | lists | self._labels.keys()
        found = [
            os.path.abspath(file)
            for place in places
            for file, _ in files_under(place, _TXT | IMAGE_SUFFIXES)
            if _RUNS not in file[len(place) :].split(os.sep)
        ]
        new = [path for path in dict.fromkeys(found) if path not in known]
        texts = {path for path in new if os.path.splitext(path)[1].lower() in _TXT}
        images = {path: _label_path(path) for path in new if path not in texts}
        self._own += [path for path, label in images.items() if label not in texts]
        for path in sorted(texts.difference(images.values())):
            if may_be_rows(Path(path)) and not may_be_predictions(Path(path)):
                self._add(path, "")
                self._labels[path].is_stray = True

    def _add(self, path: str, group: str) -> None:
        path = os.path.abspath(path)
        if (known := self._labels.get(path)) is None:
            self._labels[path] = YoloLabel(path, self._folders_of(os.path.dirname(path)), self, group)
        elif group and known.group != group:  # of several splits
            known.group = "" if known.group else group


def label_path(image_path: Path) -> Path:
    """Where the labels of an image are: the last `/images/` of its path becomes `/labels/`, as in Ultralytics."""
    return Path(_label_path(str(image_path)))


def _label_path(image: str) -> str:
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return os.path.splitext(labels.join(os.path.abspath(image).rsplit(images, 1)))[0] + ".txt"
