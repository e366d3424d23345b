"""Which format a truth has, told from what is there."""

from __future__ import annotations

from pathlib import Path

from negmine.errors import TruthError
from negmine.labels.base import Truth
from negmine.labels.coco import CocoTruth
from negmine.labels.voc import VocTruth
from negmine.labels.yolo import YoloTruth
from negmine.paths import EXPORT_MANIFEST, printable, sortable

_EXPECTED = (
    "expected a data.yaml (YOLO), a JSON file (COCO), or a folder with one of these or with Pascal VOC XML files"
)


def open_truth(path: str | Path) -> Truth:
    """Open the labels of a data set.

    Args:
        path: a `data.yaml` or a folder that holds one; a COCO JSON or a folder that holds just one; a Pascal VOC root,
            or any folder with VOC XML files in it or below.

    Raises:
        TruthError: where it is none of these, or two, or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return _open_folder(path)
    if not path.exists():
        raise TruthError(f"data set {printable(path)} does not exist; {_EXPECTED}")
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return YoloTruth(path)
    if suffix == ".json":
        return CocoTruth(path)
    raise TruthError(
        f"data set {printable(path)} is a file {f'of type {suffix}' if suffix else 'without a suffix'}; {_EXPECTED}"
    )


def _open_folder(folder: Path) -> Truth:
    """The one data set of a folder; its own files decide before those of folders below."""
    yamls = [path for name in ("data.yaml", "data.yml", "dataset.yaml") if (path := folder / name).is_file()]
    jsons = _jsons(folder) or _jsons(folder / "annotations")
    xml = next(folder.rglob("*.xml"), None)
    found = [*yamls[:1], *jsons, *([xml] if xml else [])]
    if not found:
        raise TruthError(f"{printable(folder)} holds no labels; {_EXPECTED}")
    if len(found) > 1:
        names = " and ".join(printable(each.relative_to(folder)) for each in found[:2])
        raise TruthError(
            f"{printable(folder)} could be several data sets ({names}); name the file, or the folder of the XML files"
        )
    return YoloTruth(yamls[0]) if yamls else CocoTruth(jsons[0]) if jsons else VocTruth(folder)


def _jsons(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.json") if path.name != EXPORT_MANIFEST), key=sortable)
