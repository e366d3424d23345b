"""The folder of a retraining: where everything is, and writing what a training reads, in the layout of YOLO.

OUT/retrain.json                 the settings; retrain.lock keeps other processes out
OUT/data/images/{train,val}      the labelled images, and labels beside them in data/labels
OUT/data/images/negatives        negatives of all rounds
OUT/bank                         unless another is named
OUT/round-N/                     weights.pt, metrics.json, data.yaml, negatives.txt, mix.json, and the training
OUT/rounds.jsonl                 a line a round
OUT/held-out.txt                 the backgrounds that are only measured on
OUT/best.pt                      the result
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from negmine.bank.records import Negative, Variant
from negmine.exporting.names import data_names, negative_name, variant_name
from negmine.files import flush, write_file
from negmine.labels.yolo import label_path, yolo_lines
from negmine.paths import sortable
from negmine.retraining.files import place_image, trainable_suffix
from negmine.retraining.labelled import Labelled


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is.

    Attributes:
        out: the folder of the retraining.
        suffix: of checkpoints.
    """

    out: Path
    suffix: str = ".pt"

    @property
    def state(self) -> Path:
        """What the run was asked for."""
        return self.out / "retrain.json"

    @property
    def bank(self) -> Path:
        """The bank, unless another is named."""
        return self.out / "bank"

    @property
    def rounds(self) -> Path:
        """One line a round."""
        return self.out / "rounds.jsonl"

    @property
    def held_out(self) -> Path:
        """A list of the backgrounds that are only measured on."""
        return self.out / "held-out.txt"

    @property
    def best(self) -> Path:
        """The result."""
        return self.out / f"best{self.suffix}"

    def images(self, kind: str) -> Path:
        """The folder of the images of a kind: `train`, `val` or `negatives`."""
        return self.out / "data" / "images" / kind

    def round(self, number: int) -> RoundFolder:
        """The folder of a round."""
        return RoundFolder(self.out / f"round-{number}", self.suffix)


@dataclass(frozen=True, slots=True)
class RoundFolder:
    """The folder of a round.

    Attributes:
        path: where it is.
        suffix: of checkpoints.
    """

    path: Path
    suffix: str = ".pt"

    @property
    def weights(self) -> Path:
        """What the round trained; of round 0 the start."""
        return self.path / f"weights{self.suffix}"

    @property
    def metrics(self) -> Path:
        """What was measured; there once the round is done."""
        return self.path / "metrics.json"

    @property
    def negatives(self) -> Path:
        """The negatives from the bank; there once they are chosen."""
        return self.path / "negatives.txt"

    @property
    def mix(self) -> Path:
        """What the round is trained on, in counts."""
        return self.path / "mix.json"

    @property
    def data_yaml(self) -> Path:
        """The mix as a data set that Ultralytics trains on."""
        return self.path / "data.yaml"

    @property
    def training(self) -> Path:
        """The trainer's own folder."""
        return self.path / "train"


@dataclass(frozen=True, slots=True)
class Placed:
    """The labelled images as a training reads them."""

    positives: tuple[Path, ...]
    empties: tuple[Path, ...]
    val: tuple[Path, ...]


def place_labelled(layout: Layout, labelled: Labelled, on_progress: Callable[[int, int], None] | None = None) -> Placed:
    """Write the labelled images and their labels, those that are there excepted.

    Images whose objects are all crowds are left out: YOLO has no box for them, and without one they would teach that
    nothing is there.
    """
    placed: dict[str, list[Path]] = {"positives": [], "empties": [], "val": []}
    total = len(labelled.train) + len(labelled.val)
    done = 0
    for kind, pictures in (("train", labelled.train), ("val", labelled.val)):
        names = data_names([(picture.path, picture.sha256) for picture in pictures], ())
        for picture, name in zip(pictures, names, strict=True):
            done += 1
            lines = yolo_lines(picture.truth, picture.size_wh, labelled.class_ids)
            if lines or not picture.is_positive:
                target = layout.images(kind) / f"{name}{trainable_suffix(picture.path)}"
                _place(layout, picture.path, target, lines)
                placed["val" if kind == "val" else "positives" if lines else "empties"].append(target)
            if on_progress is not None:
                on_progress(done, total)
    return Placed(*(tuple(sorted(placed[kind], key=sortable)) for kind in ("positives", "empties", "val")))


def place_negatives(
    layout: Layout, folder: RoundFolder, chosen: Sequence[Negative], variants: Sequence[tuple[Negative, Variant]]
) -> tuple[Path, ...]:
    """Put a round's negatives where a training finds them, then write their list."""
    files = [(negative.path, negative_name(negative)) for negative in chosen]
    files += [(variant.path, variant_name(negative, variant)) for negative, variant in variants]
    for path, name in files:
        _place(layout, path, layout.images("negatives") / f"{name}.jpg", "")
    for folder_of_files in {layout.images("negatives"), label_path(layout.images("negatives") / "any.jpg").parent}:
        if folder_of_files.is_dir():
            flush(folder_of_files)  # the list says that they are there
    lines = [f"./../data/images/negatives/{name}.jpg\n" for _, name in files]  # as Ultralytics reads `./`
    write_file(folder.negatives, "".join(lines).encode())
    return read_negatives(layout, folder)


def read_negatives(layout: Layout, folder: RoundFolder) -> tuple[Path, ...]:
    """The negatives of a round that were placed, hardest first."""
    lines = folder.negatives.read_text(encoding="utf-8").splitlines()
    return tuple(layout.images("negatives") / Path(line).name for line in lines)


def write_data_yaml(folder: RoundFolder, class_names: Sequence[str], *, negatives: bool) -> None:
    """Write what Ultralytics trains on the same mix with; `negatives` says whether any are listed."""
    images = "../data/images/train"
    document = {
        "train": [images, folder.negatives.name] if negatives else images,
        "val": "../data/images/val",
        "names": dict(enumerate(class_names)),
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    write_file(folder.data_yaml, f"# Written by negmine retrain; paths are relative to this file.\n{text}".encode())


def _place(layout: Layout, source: Path, target: Path, lines: str) -> None:
    """The label first: an image that is there has one."""
    label = label_path(target)
    if not label.is_file() or label.read_bytes() != lines.encode():
        write_file(label, lines.encode(), durable=False)  # it is looked at again whenever the run is gone on with
    place_image(source, target, home=layout.out)
