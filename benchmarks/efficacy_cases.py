"""The cases of `efficacy.py`: labelled images and backgrounds, split so that no source is on both sides.

Each case is laid out once, under WORK/CASE, as links and YOLO labels of the target class alone:

    images/{train,test}, labels/{train,test}    labelled images; where the user has some to validate on, `val` too
    backgrounds/{mined,test}                    images without targets
    data.yaml, test.yaml                        what may be trained on, and what is measured on
    yolo.yaml                                   data.yaml for `yolo train`, which wants something to validate on

Nothing of `test` is ever given to what is measured, whatever it chooses its weights by.
"""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

FEW = 25  # labelled images of the small variants of each case
VAL = 15  # labelled images that the user validates on, in the variant that has some
_START_BATCHES = 130  # batches of 16 that a start is trained for
_FOLDS = 3  # of kangaroo, whose seeds measure on different images


@dataclass(frozen=True)
class Case:
    """A data set and what is asked of it.

    Attributes:
        name: of the case.
        folder: of the images, in the folder of data sets.
        target: the class to find; the others are look-alikes.
        imgsz: input size of the detector, pixels.
        few: whether only `FEW` images are labelled.
        val: whether `VAL` further ones are labelled, and the user's `data.yaml` names them to validate on.
    """

    name: str
    folder: str
    target: str
    imgsz: int
    few: bool = False
    val: bool = False

    @property
    def folds(self) -> int:
        """How many test sets there are; 1 where a file says which images belong together."""
        return _FOLDS if self.folder == "kangaroo" else 1


_FULL = (
    Case("kangaroo", "kangaroo", "kangaroo", 320),
    Case("facemask", "facemask_without_mask", "without_mask", 416),
    Case("gtsdb", "gtsdb_speed_limit", "speed_limit", 640),
    Case("drone", "drone_visible", "drone", 416),
)
CASES = {
    case.name: case
    for full in _FULL
    for case in (
        full,
        replace(full, name=f"{full.name}-{FEW}", few=True),
        replace(full, name=f"{full.name}-{FEW}-val", few=True, val=True),
    )
}


@dataclass(frozen=True)
class LaidOut:
    """A case on disk.

    Attributes:
        case: which.
        path: its folder.
    """

    case: Case
    path: Path

    @property
    def start(self) -> Path:
        """The detector to begin with."""
        return self.path / "start.pt"

    @property
    def data(self) -> Path:
        """The labelled images that may be trained on."""
        return self.path / "data.yaml"

    @property
    def yolo(self) -> Path:
        """The same for `yolo train`."""
        return self.path / "yolo.yaml"

    @property
    def test(self) -> Path:
        """The labelled images to measure on."""
        return self.path / "test.yaml"

    def backgrounds(self, side: str) -> Path:
        """The folder of those to mine (`mined`) or to measure on (`test`)."""
        return self.path / "backgrounds" / side

    def positives(self) -> list[Path]:
        """The labelled images that may be trained on."""
        return sorted((self.path / "images" / "train").iterdir())


def lay_out(case: Case, fold: int, data: Path, work: Path) -> LaidOut:
    """Lay a case out, unless it is there.

    Args:
        case: which.
        fold: which test set; see `Case.folds`.
        data: the folder with the data sets.
        work: where to.
    """
    path = work / (case.name if case.folds == 1 else f"{case.name}-fold-{fold}")
    laid_out = LaidOut(case, path)
    if laid_out.test.exists():
        return laid_out
    labelled, backgrounds = _kangaroo(data, fold) if case.folder == "kangaroo" else _grouped(data / case.folder)
    if case.few:
        labelled = _few(labelled, VAL if case.val else 0)
    annotations = data / case.folder / ("annots" if case.folder == "kangaroo" else "annotations")
    for image, side in labelled.items():
        _link(image, path / "images" / side / image.name)
        label = path / "labels" / side / f"{image.stem}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(_yolo(annotations / f"{image.stem}.xml", case.target))
    for image, side in backgrounds.items():
        _link(image, path / "backgrounds" / side / f"{image.parent.parent.name}-{image.name}")
    head = f"path: {path.absolute()}\nnames: [{case.target}]\n"
    val = "val: images/val\n" if case.val else ""
    laid_out.data.write_text(f"{head}train: images/train\n{val}")
    laid_out.yolo.write_text(f"{head}train: images/train\n{val or 'val: images/train'}\n")
    laid_out.test.write_text(f"{head}train: images/train\nval: images/test\n")
    return laid_out


def _few(labelled: Mapping[Path, str], val: int) -> dict[Path, str]:
    """The images to test on, `FEW` to train on, and so many of the others to validate on."""
    ranked = sorted((image for image, side in labelled.items() if side == "train"), key=lambda each: rank(each.stem))
    sides = dict.fromkeys(ranked[:FEW], "train") | dict.fromkeys(ranked[FEW : FEW + val], "val")
    return {image: sides.get(image, side) for image, side in labelled.items() if side == "test" or image in sides}


def train_start(laid_out: LaidOut, pretrained: Path, device: str) -> None:
    """Train the detector that a case begins with as people do: `yolo train` from weights for COCO."""
    if laid_out.start.exists():
        return
    from ultralytics import YOLO

    epochs = round(_START_BATCHES * 16 / len(laid_out.positives()))
    YOLO(str(pretrained)).train(
        data=str(laid_out.yolo), epochs=max(epochs, 10), imgsz=laid_out.case.imgsz, batch=16, seed=0, device=device,
        val=False, plots=False, project=str(laid_out.path.absolute()), name="start", exist_ok=True, verbose=False,
    )  # fmt: skip
    part = laid_out.start.with_suffix(".part")
    part.write_bytes((laid_out.path / "start" / "weights" / "last.pt").read_bytes())
    part.replace(laid_out.start)


def _kangaroo(data: Path, fold: int) -> tuple[dict[Path, str], dict[Path, str]]:
    """Kangaroos against raccoons and the photographs of Berkeley, none of which has a group."""
    labelled = {
        image: "test" if int(rank(image.stem) * _FOLDS) == fold else "train"
        for image in _images(data / "kangaroo" / "images")
    }
    others = [image for name in ("raccoon", "bsds500") for image in _images(data / name / "images")]
    return labelled, {image: "test" if rank(image.name) < 0.3 else "mined" for image in others}


def _grouped(folder: Path) -> tuple[dict[Path, str], dict[Path, str]]:
    """A data set whose `groups.csv` says which images come from one source."""
    with (folder / "groups.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    files = {image.stem: image for image in _images(folder / "images")}
    with_target = {row["group"] for row in rows if row["has_target"] == "1"}
    labelled, backgrounds = {}, {}
    for row in rows:
        image, test = files[Path(row["image"]).stem], rank(row["group"]) >= 0.6
        if row["has_target"] == "1":
            labelled[image] = "test" if test else "train"
        elif row["group"] not in with_target:
            backgrounds[image] = "test" if test else "mined"
    return labelled, backgrounds


def _images(folder: Path) -> list[Path]:
    """The images in a folder that can be decoded."""
    from negmine.errors import ImageError
    from negmine.images import decode_image

    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".png"):
            continue
        try:
            decode_image(path.read_bytes())
        except ImageError:
            continue
        found.append(path)
    return found


def _yolo(annotation: Path, target: str) -> str:
    """The boxes of one class in a VOC annotation, as lines of a YOLO label."""
    from lxml import etree

    root = etree.parse(annotation).getroot()
    width, height = (float(root.findtext(f"size/{side}", "")) for side in ("width", "height"))
    lines = []
    for box in root.iterfind(f"object[name='{target}']/bndbox"):
        left, top, right, bottom = (float(box.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax"))
        centre = ((left - 1 + right) / 2 / width, (top - 1 + bottom) / 2 / height)
        size = ((right - left + 1) / width, (bottom - top + 1) / height)
        lines.append("0 " + " ".join(f"{value:.6f}" for value in (*centre, *size)))
    return "".join(f"{line}\n" for line in lines)


def rank(name: str) -> float:
    """A number from 0 to 1 that looks random and is always the same."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def _link(image: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.symlink_to(image.absolute())


def in_process(arguments: Iterable[str], log: Path, threads: int) -> int:
    """Run a Python script in a process of its own, with so many threads; returns the exit status."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "YOLO_AUTOINSTALL": "false",
    }
    with log.open("w") as file:
        return subprocess.run([sys.executable, *arguments], env=environment, stdout=file, stderr=file).returncode
