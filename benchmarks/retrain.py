"""Does retraining on false positives help, and which way of it: held-out false positives at equal recall.

    python benchmarks/retrain.py --weights start.pt --data data.yaml --backgrounds mined/ --held-out held-out.txt \\
        --imgsz 320 --out runs/kangaroo

Every arm trains from the same weights for the same number of epochs, but for the last two, which take twice as many,
and is measured on the `val` split of DATA and on
the held-out backgrounds, which none of them mines or trains on. Measured are the weights of the last round, whether or
not they are the best: nothing is chosen on what is measured. Arms:

    control          the labelled images alone
    naive            as people do it today: the hardest backgrounds, whole, as many as there are positives, trained with
                     the loss, warm-up and settings that Ultralytics has
    stock ... ohem   `negmine retrain` with each loss
    context          ... with its own loss, and a square around each false positive instead of the whole background
                     (the crop `region` is the whole image too, where no target is)
    two-rounds       ... with its own loss, in two rounds of half the epochs
    long             ... with its own loss, twice the epochs, at 0.6 of the rate
    soup             ... with its own loss, two trainings whose weights are averaged
    no-variants, mild, field    ... with its own loss, one training, without variants or with those of a recipe: to be
                     given fewer backgrounds than there are positives, else none are made

A result is kept in OUT as soon as it is there, so an interrupted run resumes. `--folds 5` instead trains a start
for each fifth of all labelled images, from `--pretrained`, and compares the arms that `--arms` names on that fifth.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cells import mean_and_spread

from negmine.mining.config import CropPolicy
from negmine.retraining.config import VariantRecipe
from negmine.training.losses import LOSSES, Family

ARM_LOSSES = tuple(loss.name for loss in LOSSES.values() if loss.use(Family.ULTRALYTICS))
CROPS: tuple[CropPolicy, ...] = ("context",)
RECIPES: tuple[VariantRecipe, ...] = ("mild", "field")
VARIANTS = ("no-variants", *RECIPES)
ARMS = ("control", "naive", *ARM_LOSSES, *CROPS, "two-rounds", "long", "soup", *VARIANTS)
RECALLS = (0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Case:
    """What all arms have in common."""

    weights: Path
    data: Path
    backgrounds: tuple[str, ...]
    held_out: tuple[str, ...]
    imgsz: int
    epochs: int
    out: Path


def run_arm(case: Case, arm: str, seed: int) -> Path:
    """Train one arm and return its weights: those of the last round."""
    out = case.out / f"{arm}-{seed}"
    if arm in ("control", "naive"):
        return _control(case, out, seed) if arm == "control" else _naive(case, out, seed)
    from negmine import RetrainConfig, TrainConfig, retrain

    config = RetrainConfig(train=TrainConfig(imgsz=case.imgsz, device="cpu", seed=seed))
    for loss in ARM_LOSSES:
        if loss == arm:
            config = replace(config, train=replace(config.train, loss=loss))
    for crop in CROPS:
        if crop == arm:
            config = replace(config, crop=replace(config.crop, crop=crop))
    for recipe in RECIPES:
        if recipe == arm:
            config = replace(config, variant_recipe=recipe)
    if arm in VARIANTS:
        config = replace(config, variants=arm != "no-variants", blend=False, calibrate=False)
    rounds = 2 if arm == "two-rounds" else 1
    epochs = case.epochs * 2 if arm == "long" else case.epochs // rounds
    settings = {"lr0": 0.0003} if arm == "long" else {}
    train = replace(config.train, epochs=epochs, soup=2 if arm == "soup" else 1, settings=settings)
    config = replace(config, rounds=rounds, train=train, stop_early=False)
    result = retrain(
        case.weights,
        case.data,
        backgrounds=case.backgrounds,
        held_out=case.held_out,
        out=out,
        config=config,
        resume=(out / "retrain.json").exists(),
    )
    return result.out / f"round-{len(result.rounds) - 1}" / "weights.pt"


def _control(case: Case, out: Path, seed: int) -> Path:
    """Negmine's own training, without a negative."""
    from negmine import TrainConfig
    from negmine.training.base import TrainingSet
    from negmine.training.open import open_trainer

    placed = _placed(case)
    train, val = (tuple(sorted((placed / "images" / split).iterdir())) for split in ("train", "val"))
    trainer = open_trainer(
        TrainConfig(loss="stock", epochs=case.epochs, imgsz=case.imgsz, soup=1, device="cpu", seed=seed, ratio=0)
    )
    return trainer.train(case.weights, TrainingSet(train, (), val, _names(case.weights)), out)


def _naive(case: Case, out: Path, seed: int) -> Path:
    """Plain Ultralytics on the labelled images and as many of the hardest backgrounds, with empty labels."""
    from ultralytics import YOLO

    from negmine import Bank, CropConfig, DetectorConfig, ScanConfig, scan

    placed, bank = _placed(case), case.out / f"naive-bank-{seed}"
    train = sorted((placed / "images" / "train").iterdir())
    scan(
        case.backgrounds,
        DetectorConfig(str(case.weights), imgsz=case.imgsz, device="cpu"),
        bank=bank,
        config=ScanConfig(crop=CropConfig(crop="image")),
    )
    with Bank(bank) as opened:
        hardest = [negative.source for negative in list(opened.negatives())[: len(train)]]
    images, labels = out / "images", out / "labels"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(hardest):
        (images / f"{number}{path.suffix}").write_bytes(path.read_bytes())
        (labels / f"{number}.txt").touch()
    lines = [*map(str, train), *(str(path.absolute()) for path in sorted(images.iterdir()))]
    (out / "train.txt").write_text("\n".join(lines))
    names = {number: name for number, name in enumerate(_names(case.weights))}
    document = {
        "path": str(out.absolute()),
        "train": "train.txt",
        "val": str(placed / "images" / "val"),
        "names": names,
    }
    (out / "data.yaml").write_text(json.dumps(document))
    YOLO(str(case.weights)).train(
        data=str(out / "data.yaml"), epochs=case.epochs, imgsz=case.imgsz, batch=16, seed=seed, device="cpu",
        project=str(out.absolute()), name="run", exist_ok=True, plots=False, verbose=False,
    )  # fmt: skip
    return out / "run" / "weights" / "last.pt"


def _placed(case: Case) -> Path:
    """The labelled images as YOLO reads them."""
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.open import open_detector
    from negmine.retraining.folder import RetrainFolder
    from negmine.retraining.labelled import read_labelled
    from negmine.retraining.training_set import place_labelled

    folder = RetrainFolder(case.out / "placed")
    if not (folder.out / "done").exists():
        names = open_detector(DetectorConfig(str(case.weights), device="cpu")).class_names
        labelled = read_labelled(case.data, names)
        place_labelled(folder, {"train": labelled.train, "val": labelled.val}, labelled.class_ids)
        (folder.out / "done").touch()
    return (folder.out / "data").absolute()


def _names(weights: Path) -> tuple[str, ...]:
    from negmine.detectors.config import DetectorConfig
    from negmine.detectors.open import open_detector

    names = open_detector(DetectorConfig(str(weights), device="cpu")).class_names
    return tuple(names[number] for number in sorted(names))


def measure(case: Case, weights: Path) -> dict[str, object]:
    """What `negmine eval` says of weights."""
    from negmine import DetectorConfig, evaluate

    detector = DetectorConfig(str(weights), imgsz=case.imgsz, device="cpu")
    result = evaluate(detector, case.data, split="val", backgrounds=list(case.held_out))
    return dict(result.models[0].to_dict())


def one(case: Case, arm: str, seed: int) -> None:
    """Run and measure one arm with one seed, and keep what came out."""
    kept = case.out / f"{arm}-{seed}.json"
    if kept.exists():
        return
    began = time.perf_counter()
    _placed(case)  # by the start, before arms run side by side
    weights = case.weights if arm == "start" else run_arm(case, arm, seed)
    minutes = (time.perf_counter() - began) / 60
    document = {"arm": arm, "seed": seed, "minutes": minutes, "figures": measure(case, weights)}
    part = kept.with_suffix(".part")
    part.write_text(json.dumps(document))
    part.replace(kept)


def table(results: Sequence[Mapping[str, object]]) -> str:
    """Markdown: each figure's mean over the seeds, and half the distance between the extremes behind it."""
    head = ["arm", "FPPI at 0.25", *(f"FPPI at recall {recall}" for recall in RECALLS), "LAMR", "mAP50", "minutes"]
    lines = [" | ".join(["", *head, ""]).strip(), "|" + "---|" * len(head)]
    for arm in dict.fromkeys(str(each["arm"]) for each in results):
        columns = [_figures(each) for each in results if each["arm"] == arm]
        cells = [mean_and_spread([column[index] for column in columns]) for index in range(len(head) - 1)]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figures(result: Mapping[str, object]) -> list[float | None]:
    figures = result["figures"]
    assert isinstance(figures, dict)
    at = {float(recall): fppi for recall, fppi in figures["fppi_at"].items()}
    return [figures["fppi"], *(at[recall] for recall in RECALLS), figures["lamr"], figures["map50"], result["minutes"]]


def folds_of(data: Path, folds: int, out: Path) -> list[Path]:
    """A data.yaml for each fold of the labelled images of a YOLO data set: that fold is `val`, the others `train`."""
    import yaml

    from negmine.datasets.open import open_dataset

    images = sorted(path for split in open_dataset(data).splits for path in split.images)
    names = yaml.safe_load(data.read_text(encoding="utf-8"))["names"]
    documents = []
    for fold in range(folds):
        folder = out / f"fold-{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        for split in ("train", "val"):
            chosen = [path for number, path in enumerate(images) if (number % folds == fold) == (split == "val")]
            (folder / f"{split}.txt").write_text("".join(f"{path.absolute()}\n" for path in chosen))
        document = {"path": str(folder.absolute()), "train": "train.txt", "val": "val.txt", "names": names}
        (folder / "data.yaml").write_text(yaml.safe_dump(document))
        documents.append(folder / "data.yaml")
    return documents


def train_start(pretrained: Path, case: Case, epochs: int) -> None:
    """Train the detector that a fold begins with, as people do."""
    from ultralytics import YOLO

    if case.weights.exists():
        return
    YOLO(str(pretrained)).train(
        data=str(case.data), epochs=epochs, imgsz=case.imgsz, batch=16, seed=0, device="cpu", plots=False,
        project=str(case.out.absolute()), name="start", exist_ok=True, verbose=False,
    )  # fmt: skip
    case.weights.write_bytes((case.out / "start" / "weights" / "last.pt").read_bytes())


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="where every arm starts")
    parser.add_argument("--pretrained", type=Path, help="with --folds: what the start of each fold is trained from")
    parser.add_argument("--start-epochs", type=int, default=12)
    parser.add_argument("--data", type=Path, required=True, help="a data.yaml with train and val")
    parser.add_argument("--backgrounds", action="append", required=True, metavar="SOURCE")
    parser.add_argument("--held-out", action="append", required=True, metavar="SOURCE")
    parser.add_argument("--imgsz", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=8, help="of every arm but the last two, over all rounds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time, each with its share of the cores")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # CASE:ARM:SEED, what a process of --jobs does
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cases = _cases(args)
    wanted = [(number, arm, seed) for arm in args.arms for seed in args.seeds for number in range(len(cases))]
    wanted = [*((number, "start", 0) for number in range(len(cases))), *wanted]
    if args.only:
        number, arm, seed = args.only.split(":")
        if args.folds:
            train_start(args.pretrained, cases[int(number)], args.start_epochs)
        one(cases[int(number)], arm, int(seed))
        return
    _in_processes(wanted, cases, args.jobs)
    results = [json.loads((cases[n].out / f"{arm}-{seed}.json").read_text()) for n, arm, seed in wanted]
    print(json.dumps(results) if args.json else table(results))


def _cases(args: argparse.Namespace) -> list[Case]:
    rest = {
        "backgrounds": tuple(args.backgrounds),
        "held_out": tuple(args.held_out),
        "imgsz": args.imgsz,
        "epochs": args.epochs,
    }
    if not args.folds:
        return [Case(weights=args.weights, data=args.data, out=args.out, **rest)]
    data = folds_of(args.data, args.folds, args.out)
    return [Case(weights=each.parent / "start.pt", data=each, out=each.parent, **rest) for each in data]


def _in_processes(wanted: Sequence[tuple[int, str, int]], cases: Sequence[Case], jobs: int) -> None:
    """Each arm in a process of its own; the start of a fold is made before its arms."""
    threads = str(max((os.cpu_count() or 1) // jobs, 1))
    environment = os.environ | {"OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE", "YOLO_AUTOINSTALL": "false"}

    def run(task: tuple[int, str, int]) -> None:
        number, arm, seed = task
        if (cases[number].out / f"{arm}-{seed}.json").exists():
            return
        with (cases[number].out / f"{arm}-{seed}.log").open("w") as log:
            done = subprocess.run(
                [sys.executable, *sys.argv, "--only", f"{number}:{arm}:{seed}"], env=environment, stdout=log, stderr=log
            )
        if done.returncode:
            raise SystemExit(f"{arm} with seed {seed} failed; see {log.name}")
        print(f"{arm} {seed} of case {number} is done", file=sys.stderr)

    for tasks in ([t for t in wanted if t[1] == "start"], [t for t in wanted if t[1] != "start"]):
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(run, tasks))


if __name__ == "__main__":
    main()
