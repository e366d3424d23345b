"""Does a comparison find targets that nobody labelled? Labels are hidden, and looked for among the negatives.

    python benchmarks/unlabelled.py --weights kangaroo.pt --images kangaroo/images --labels kangaroo/annots \\
        --backgrounds raccoon/ --backgrounds berkeley/ --imgsz 320 --out runs/unlabelled

For each seed a tenth of the objects loses its label (a VOC XML without them), the images are scanned with the labels
that are left into a bank of the backgrounds, and `negmine bank compare` orders the negatives. Counted are the hidden
objects that a negative was cut around (IoU of 0.5 or more with a false positive in it), among the first tenth and the
first 50 negatives, by what comparing says, by the detector's score, and at random (the mean of many orders).

`--only` keeps the images that a text file names. `--train-from` fine-tunes weights on the labels that are left, first.
What is there in OUT already is not made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import negmine
from negmine.bank.browsing import browse
from negmine.bank.filters import Sort
from negmine.boxes import box_iou
from negmine.structures import FloatArray

_MATCH_IOU = 0.5
_RANDOM_ORDERS = 200
_THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.98)
Hidden = Mapping[str, FloatArray]  # boxes [H, 4] by the name of the image without its suffix


@dataclass(frozen=True, slots=True)
class Found:
    """What one seed gave.

    Attributes:
        hidden, mined: objects without a label, and those of them that a negative was cut around.
        negatives: in the bank.
        first_tenth, first_50: mined objects among the first negatives, by order.
        at: for thresholds, how many mined objects and how many other negatives are at or over it.
    """

    hidden: int
    mined: int
    negatives: int
    first_tenth: Mapping[str, float]
    first_50: Mapping[str, float]
    at: Mapping[str, tuple[int, int]]


def box_of(thing: ET.Element) -> list[float]:
    """The box of an object in VOC XML."""
    return [float(thing.findtext(f"bndbox/{side}", "0")) for side in ("xmin", "ymin", "xmax", "ymax")]


def hide(args: argparse.Namespace, names: Sequence[str], folder: Path, seed: int) -> Hidden:
    """Write the labels of the named images without a share of their objects, and return those.

    Objects of other classes lose their labels too: they are what a detector of one class may take for its own.
    """
    trees = {name: ET.parse(args.labels / f"{name}.xml") for name in names}
    for tree in trees.values():
        for thing in [each for each in tree.findall("object") if each.findtext("name") != args.class_name]:
            tree.getroot().remove(thing)
    every = [(name, index) for name, tree in trees.items() for index in range(len(tree.findall("object")))]
    order = np.random.default_rng(seed).permutation(len(every))
    chosen = {every[index] for index in order[: round(args.share * len(every))].tolist()}
    folder.mkdir(parents=True, exist_ok=True)
    hidden: dict[str, FloatArray] = {}
    for name, tree in trees.items():
        objects = tree.findall("object")
        gone = [thing for index, thing in enumerate(objects) if (name, index) in chosen]
        for thing in gone:
            tree.getroot().remove(thing)
        if gone:
            hidden[name] = np.array([box_of(thing) for thing in gone])
        tree.write(folder / f"{name}.xml")
    return hidden


def trained(args: argparse.Namespace, labels: Path, names: Sequence[str], out: Path) -> Path:
    """Weights that were fine-tuned on the labels that are left."""
    last = out / "run" / "weights" / "last.pt"
    if last.exists():
        return last
    for name in names:
        image = next(args.images.glob(f"{name}.*"))
        link, label = out / "images" / image.name, out / "labels" / f"{name}.txt"
        for path in (link, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(image.resolve())
        tree = ET.parse(labels / f"{name}.xml")
        width, height = (float(tree.findtext(f"size/{side}", "1")) for side in ("width", "height"))
        boxes = np.array([box_of(thing) for thing in tree.findall("object")]).reshape(-1, 4)
        rows = np.column_stack([boxes[:, :2] + boxes[:, 2:], 2 * (boxes[:, 2:] - boxes[:, :2])]) / 2
        rows /= np.array([width, height, width, height])
        label.write_text("".join("0 " + " ".join(f"{each:.6f}" for each in row) + "\n" for row in rows))
    data = out / "data.yaml"
    data.write_text(f"path: {out.resolve()}\ntrain: images\nval: images\nnames: [{args.class_name}]\n")
    from ultralytics import YOLO

    YOLO(str(args.train_from)).train(
        data=str(data), project=str(out.resolve()), name="run", exist_ok=True, seed=0, epochs=args.epochs,
        imgsz=args.imgsz, batch=16, device=args.device, workers=0, val=False, plots=False, amp=False,
    )  # fmt: skip
    return last


def bank_of(args: argparse.Namespace, weights: Path, labels: Path, names: Sequence[str], out: Path) -> Path:
    """A bank of the backgrounds and of the images with the labels that are left, compared."""
    detector = negmine.DetectorConfig(str(weights), imgsz=args.imgsz, device=args.device, backend="torch")
    own = weights != args.weights
    backgrounds, bank = (out if own else args.out) / "backgrounds", out / "bank"
    config = negmine.CompareConfig(imgsz=args.imgsz, device=args.device)
    if not bank.exists():
        if args.backgrounds:
            negmine.scan(args.backgrounds, detector, bank=backgrounds)
            negmine.compare(backgrounds, weights, config=config)
            shutil.copytree(backgrounds, bank)
    images = [next(args.images.glob(f"{name}.*")) for name in names]
    negmine.scan(images, detector, bank=bank, truth=labels)
    negmine.compare(bank, weights, config=config)
    return bank


def objects_in(bank: negmine.Bank, hidden: Hidden) -> dict[int, set[tuple[str, int]]]:
    """The hidden objects that each negative was cut around, by its number."""
    rows = bank.query(
        "SELECT d.negative_id, s.path, d.x1, d.y1, d.x2, d.y2 FROM detections d JOIN sources s ON s.id = d.source_id"
        " WHERE d.negative_id IS NOT NULL"
    )
    found: dict[int, set[tuple[str, int]]] = {}
    for number, path, *box in rows:
        boxes = hidden.get(Path(path).stem)
        if boxes is not None:
            overlaps = box_iou(np.array([box]), boxes)[0]
            found.setdefault(number, set()).update(
                (Path(path).stem, index) for index in np.flatnonzero(overlaps >= _MATCH_IOU).tolist()
            )
    return found


def measure(bank_folder: Path, hidden: Hidden) -> Found:
    """Count the hidden objects among the first negatives."""
    with negmine.Bank(bank_folder) as bank:
        at = objects_in(bank, hidden)
        by: dict[str, Sort] = {"likely unlabelled": "unlabelled", "score": "score"}
        orders = {name: [browse(bank, sort=sort)] for name, sort in by.items()}
        likely = dict(bank.query("SELECT negative_id, unlabelled FROM likenesses"))
    numbers = orders["score"][0]
    random = np.random.default_rng(0)
    orders["random"] = [random.permutation(numbers).tolist() for _ in range(_RANDOM_ORDERS)]

    def among(first: int) -> dict[str, float]:
        return {
            name: float(np.mean([len(set().union(*(at.get(each, set()) for each in order[:first]))) for order in some]))
            for name, some in orders.items()
        }

    def over(threshold: float) -> tuple[int, int]:
        chosen = [each for each in numbers if (likely[each] or 0) >= threshold]
        objects = set().union(*(at.get(each, set()) for each in chosen))
        return len(objects), sum(1 for each in chosen if not at.get(each))

    return Found(
        hidden=sum(map(len, hidden.values())),
        mined=len(set().union(*at.values())),
        negatives=len(numbers),
        first_tenth=among(-(-len(numbers) // 10)),
        first_50=among(50),
        at={f"{threshold:g}": over(threshold) for threshold in _THRESHOLDS},
    )


def run(args: argparse.Namespace, names: Sequence[str], seed: int) -> Found:
    """One seed."""
    out = args.out / f"seed-{seed}"
    hidden = hide(args, names, out / "voc", seed)
    weights = trained(args, out / "voc", names, out / "training") if args.train_from else args.weights
    return measure(bank_of(args, weights, out / "voc", names, out), hidden)


def table(found: Mapping[int, Found]) -> str:
    """A row for each seed, and one for all."""
    orders = list(next(iter(found.values())).first_50)
    head = f"{'seed':>5}{'negatives':>11}{'hidden':>8}{'mined':>7}"
    lines = [head + "".join(f"{name + ', ' + which:>27}" for which in ("tenth", "50") for name in orders)]

    def cells(each: Mapping[str, float]) -> str:
        return "".join(f"{each[name]:>27.1f}" for name in orders)

    for seed, each in found.items():
        counts = f"{seed:>5}{each.negatives:>11}{each.hidden:>8}{each.mined:>7}"
        lines.append(counts + cells(each.first_tenth) + cells(each.first_50))
    mined = sum(each.mined for each in found.values())
    shares = [
        {name: sum(getattr(each, field)[name] for each in found.values()) / max(mined, 1) for name in orders}
        for field in ("first_tenth", "first_50")
    ]
    lines.append(f"{'all':>5}{'':>19}{mined:>7}" + "".join(f"{s[name]:>27.2f}" for s in shares for name in orders))
    negatives = sum(each.negatives for each in found.values()) - mined
    for threshold in next(iter(found.values())).at:
        objects, others = (sum(each.at[threshold][index] for each in found.values()) for index in (0, 1))
        lines.append(f"at {threshold} or over: {objects} of {mined} objects, {others} of about {negatives} others")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--train-from", type=Path, metavar="W", help="in place of --weights")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--class-name", default="kangaroo", help="the only one that is kept")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--labels", type=Path, required=True, metavar="DIR", help="a VOC XML for each image")
    parser.add_argument("--only", type=Path, metavar="FILE", help="names of images, one per line")
    parser.add_argument("--backgrounds", action="append", metavar="SOURCE")
    parser.add_argument("--share", type=float, default=0.1, help="of the objects, whose labels are hidden")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--imgsz", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if (args.weights is None) == (args.train_from is None):
        parser.error("expected --weights or --train-from")
    names = sorted(path.stem for path in args.labels.glob("*.xml"))
    if args.only is not None:
        wanted = {Path(line.strip()).stem for line in args.only.read_text().splitlines()}
        names = [name for name in names if name in wanted]
    args.out.mkdir(parents=True, exist_ok=True)
    found = {seed: run(args, names, seed) for seed in args.seeds}
    (args.out / "found.json").write_text(
        json.dumps({seed: {name: getattr(each, name) for name in each.__slots__} for seed, each in found.items()})
    )
    print((args.out / "found.json").read_text() if args.json else table(found))


if __name__ == "__main__":
    main()
