"""Does retraining pay: held-out false positives at equal recall, on twelve cases, beside what people do today.

    python benchmarks/efficacy.py --data datasets/ --pretrained yolo11n.pt
    python benchmarks/efficacy.py --data datasets/ --pretrained yolo11n.pt --cases kangaroo-25 --seeds 0

Every arm begins with the same detector, trained once, and may use the same labelled images and backgrounds. All are
measured on other images, of other sources, that no arm has seen. Arms:

    start           the detector as it is
    control         more training without negatives: negmine's own, as many steps as `negmine` takes
    naive           `yolo train` with the hardest backgrounds, whole, as many as there are labelled images; 8 epochs
    naive-steps     the same mix, plain training (AdamW 0.0005, no warm-up, no mosaic), as many steps as `negmine` takes
    negmine         `negmine retrain` with its defaults
    crops-...       negmine's own training on the 100 hardest negatives of a scan, 100 steps: enlarged to the size of
                    their image (`original`), as they are (`none`), at the detector's input size, or whole images
    negmine-...     ... with the settings in `TRIED`; those that begin with `negmine-25-` mine 25 backgrounds alone, and
                    take as many steps as each other, with the variants of a recipe or without

A result is a JSON file in `benchmarks/results`, kept as soon as it is there; what is there is not run again. `--table`
prints what is there, and `--write` puts it into `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efficacy_cases import CASES, LaidOut, in_process, lay_out, rank, train_start

if TYPE_CHECKING:
    from negmine import RetrainConfig

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"
RECALLS = (0.6, 0.7, 0.8, 0.9, 0.95)
_MARKS = ("<!-- efficacy: begin -->", "<!-- efficacy: end -->")
_BATCH = 16
_FEW = "backgrounds"
_CROPS, _CROP_STEPS = 100, 100
# Further arms: settings of `RetrainConfig`, and of its training behind `train.`; `backgrounds` mines so many alone.
TRIED: Mapping[str, Mapping[str, object]] = {
    "negmine-stock": {"train.loss": "stock"},
    "negmine-soup": {"train.soup": 2},
    "negmine-one-round": {"rounds": 1},
    "negmine-one-fold": {"folds": 1},
    "negmine-folds": {"folds": 3},
    "negmine-five-folds": {"folds": 5},
    "negmine-five-short-folds": {"folds": 5, "train.steps": 90},
    "negmine-more-objects": {"ratio": "2:1"},
    "negmine-fewer-objects": {"ratio": "1:2"},
    "negmine-look-alikes": {"near_bits": 0},
    "negmine-no-blend": {"blend": False},
    "negmine-few-negatives": {"negatives": 1},
    "negmine-25-no-variants": {"backgrounds": 25, "train.steps": 100, "variants": False},
    "negmine-25-mild": {"backgrounds": 25, "train.steps": 100},
    "negmine-25-field": {"backgrounds": 25, "train.steps": 100, "variant_recipe": "field"},
}


def _config(case: LaidOut, seed: int, device: str, changes: Mapping[str, object]) -> RetrainConfig:
    from negmine import RetrainConfig

    config = RetrainConfig()
    train: dict[str, Any] = {"imgsz": case.case.imgsz, "device": device, "seed": seed}
    train |= {name.removeprefix("train."): value for name, value in changes.items() if name.startswith("train.")}
    own: dict[str, Any] = {name: value for name, value in changes.items() if not name.startswith(("train.", _FEW))}
    return replace(config, train=replace(config.train, **train), **own)


def retrained(case: LaidOut, out: Path, seed: int, device: str, changes: Mapping[str, object]) -> tuple[Path, int]:
    """`negmine retrain`: its result, and the optimizer steps of all its trainings."""
    from negmine import retrain

    few: Any = changes.get(_FEW)
    mined = case.backgrounds("mined")
    result = retrain(
        case.start,
        case.data,
        backgrounds=mined if few is None else sorted(mined.iterdir(), key=lambda each: rank(each.name))[:few],
        out=out,
        config=_config(case, seed, device, changes),
        resume=(out / "retrain.json").exists(),
    )
    return result.weights, sum(each.steps for each in result.rounds)


def control(case: LaidOut, out: Path, seed: int, device: str) -> tuple[Path, int]:
    """Negmine's own training, without a negative."""
    from negmine import TrainConfig
    from negmine.training.base import TrainingSet
    from negmine.training.open import open_trainer

    steps = _steps_of("negmine", case, seed)
    config = TrainConfig(
        loss="stock", steps=steps, imgsz=case.case.imgsz, soup=1, device=device, seed=seed, ratio=0, batch=_BATCH
    )
    data = TrainingSet(tuple(case.positives()), (), (), (case.case.target,))
    return open_trainer(config).train(case.start, data, out), steps


def cropped(case: LaidOut, out: Path, seed: int, device: str, crop: Mapping[str, Any]) -> tuple[Path, int]:
    """Negmine's own training with as many of the hardest negatives of a scan, cropped and resized as `crop` says."""
    from negmine import Bank, CropConfig, DetectorConfig, ScanConfig, TrainConfig, scan
    from negmine.mining.config import OutputSize
    from negmine.training.base import TrainingSet
    from negmine.training.open import open_trainer

    imgsz = case.case.imgsz
    wanted = CropConfig(crop=crop.get("crop", "context"), size=OutputSize.parse(crop.get("size", str(imgsz))))
    detector = DetectorConfig(str(case.start), imgsz=imgsz, device=device, conf=0.05)
    scan(case.backgrounds("mined"), detector, bank=out / "bank", config=ScanConfig(crop=wanted, max_per_image=1))
    with Bank(out / "bank") as bank:
        negatives = [negative.path.absolute() for negative in bank.negatives()][:_CROPS]
    config = TrainConfig(steps=_CROP_STEPS, imgsz=imgsz, device=device, seed=seed, batch=_BATCH)
    data = TrainingSet(tuple(case.positives()), tuple(negatives), (), (case.case.target,))
    return open_trainer(config).train(case.start, data, out / "train"), _CROP_STEPS


def naive(case: LaidOut, out: Path, seed: int, device: str) -> tuple[Path, int]:
    """Plain `yolo train` on the labelled images and as many of the hardest backgrounds."""
    return _yolo_train(case, out, seed, device, epochs=8)


def naive_steps(case: LaidOut, out: Path, seed: int, device: str) -> tuple[Path, int]:
    """The same mix, with settings for fine-tuning, and as many steps as negmine takes."""
    steps = _steps_of("negmine", case, seed)
    epochs = max(round(steps / math.ceil(2 * len(case.positives()) / _BATCH)), 1)
    return _yolo_train(
        case, out, seed, device, epochs=epochs, optimizer="AdamW", lr0=0.0005, lrf=0.1, cos_lr=True, nbs=_BATCH,
        warmup_epochs=0.0, mosaic=0.0,
    )  # fmt: skip


def _yolo_train(
    case: LaidOut, out: Path, seed: int, device: str, *, epochs: int, **settings: object
) -> tuple[Path, int]:
    from ultralytics import YOLO

    positives = case.positives()
    hardest = _hardest(case, len(positives), device)
    images, labels = out / "images", out / "labels"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(hardest):
        (images / f"{number}{path.suffix}").write_bytes(path.read_bytes())
        (labels / f"{number}.txt").touch()
    lines = [*map(str, positives), *(str(path.absolute()) for path in sorted(images.iterdir()))]
    (out / "train.txt").write_text("".join(f"{line}\n" for line in lines))
    document = {"path": str(out.absolute()), "train": "train.txt", "val": "train.txt", "names": [case.case.target]}
    (out / "data.yaml").write_text(json.dumps(document))
    YOLO(str(case.start)).train(
        data=str(out / "data.yaml"), epochs=epochs, imgsz=case.case.imgsz, batch=_BATCH, seed=seed, device=device,
        val=False, project=str(out.absolute()), name="run", exist_ok=True, plots=False, verbose=False, **settings,
    )  # fmt: skip
    return out / "run" / "weights" / "last.pt", epochs * math.ceil(len(lines) / _BATCH)


def _hardest(case: LaidOut, count: int, device: str) -> list[Path]:
    """The backgrounds that the start scores highest on."""
    from negmine import Bank, CropConfig, DetectorConfig, ScanConfig, scan

    bank = case.path / "bank"
    detector = DetectorConfig(str(case.start), imgsz=case.case.imgsz, device=device, backend="torch")
    scan(case.backgrounds("mined"), detector, bank=bank, config=ScanConfig(crop=CropConfig(crop="image")))
    with Bank(bank) as opened:
        return list(dict.fromkeys(negative.source for negative in opened.negatives()))[:count]


def _steps_of(arm: str, case: LaidOut, seed: int) -> int:
    """The steps that another arm took."""
    return int(json.loads(_kept(case.case.name, arm, seed).read_text())["steps"])


ARMS: Mapping[str, Callable[..., tuple[Path, int]]] = {
    "negmine": partial(retrained, changes={}),
    "control": control,
    "naive": naive,
    "naive-steps": naive_steps,
    "crops-original": partial(cropped, crop={"size": "original"}),
    "crops-input": partial(cropped, crop={}),
    "crops-none": partial(cropped, crop={"size": "none"}),
    "crops-whole-images": partial(cropped, crop={"crop": "image", "size": "none"}),
    **{name: partial(retrained, changes=changes) for name, changes in TRIED.items()},
}


def measure(case: LaidOut, weights: Path, device: str) -> dict[str, object]:
    """What `negmine eval` says of weights, on images that chose nothing."""
    from negmine import DetectorConfig, evaluate

    detector = DetectorConfig(str(weights), imgsz=case.case.imgsz, device=device)
    result = evaluate(detector, case.test, split="val", backgrounds=case.backgrounds("test"))
    figures = result.models[0].to_dict()
    names = ("images", "objects", "background_images", "fppi_at", "map50", "map50_95", "recall", "fppi", "lamr")
    return {name: figures[name] for name in names} | {"intervals": result.intervals[0].to_dict()}


def one(args: argparse.Namespace, name: str, arm: str, seed: int) -> None:
    """Run and measure one arm of one case with one seed, and keep what came out."""
    kept = _kept(name, arm, seed)
    if kept.exists():
        return
    case = lay_out(CASES[name], seed % CASES[name].folds, args.data, args.work)
    train_start(case, args.pretrained, args.device)
    began = time.perf_counter()
    weights, steps = case.start, 0
    if arm != "start":
        weights, steps = ARMS[arm](case, case.path / f"{arm}-{seed}", seed, args.device)
    minutes = (time.perf_counter() - began) / 60
    document = {"case": name, "arm": arm, "seed": seed, "steps": steps, "minutes": round(minutes, 2)}
    document |= measure(case, weights, args.device)
    part = kept.with_suffix(".part")
    RESULTS.mkdir(exist_ok=True)
    part.write_text(json.dumps(document, indent=1) + "\n")
    part.replace(kept)


def _kept(name: str, arm: str, seed: int) -> Path:
    return RESULTS / f"{name}-{arm}-{seed}.json"


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: for each case and arm the mean over its seeds; at the end geometric means over the cases."""
    head = ["case", "arm", "seeds", *(f"FPPI at recall {recall:g}" for recall in RECALLS), "mAP50", "mAP50-95"]
    head += ["recall, FPPI at 0.25", "steps", "minutes"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    arms = ["start", *ARMS]
    for name in [case for case in CASES if any(each["case"] == case for each in results)]:
        for arm in arms:
            own = [each for each in results if each["case"] == name and each["arm"] == arm]
            if own:
                lines.append(f"| {name} | {arm} | {len(own)} | {' | '.join(_cells(own))} |")
    return "\n".join(lines)


def _cells(own: Sequence[Mapping[str, Any]]) -> list[str]:
    def mean(values: Sequence[float | None], digits: int = 3) -> str:
        there = [value for value in values if value is not None]
        missing = len(values) - len(there)
        text = f"{statistics.mean(there):.{digits}f}" if there else "not reached"
        return f"{text} ({missing} not reached)" if there and missing else text

    return [
        *(mean([_fppi_at(each, recall) for each in own]) for recall in RECALLS),
        mean([each["map50"] for each in own]),
        mean([each["map50_95"] for each in own]),
        f"{mean([each['recall'] for each in own], 2)}, {mean([each['fppi'] for each in own])}",
        mean([each["steps"] for each in own], 0),
        mean([each["minutes"] for each in own], 1),
    ]


def _fppi_at(result: Mapping[str, Any], recall: float) -> float | None:
    return next((value for key, value in result["fppi_at"].items() if float(key) == recall), None)


def summary(results: Sequence[Mapping[str, Any]]) -> str:
    """Geometric means of FPPI, over the cases and seeds that both arms have, of each arm divided by another."""
    by = {(each["case"], each["arm"], each["seed"]): each for each in results}
    lines = []
    for arm in ARMS:
        for other in ("start", "naive-steps"):
            for recall in (0.8, 0.9):
                ratios = [
                    _with_floor(each, recall) / _with_floor(by[name, other, seed], recall)
                    for (name, its, seed), each in by.items()
                    if its == arm != other and (name, other, seed) in by
                ]
                if ratios:
                    mean = math.exp(statistics.mean(map(math.log, ratios)))
                    lines.append(f"{arm} / {other} at recall {recall:g}: {mean:.3f} ({len(ratios)} pairs)")
    return "\n".join(lines)


def _with_floor(result: Mapping[str, Any], recall: float) -> float:
    """FPPI, of which none counts as half a false positive; where the recall is not reached, as 100 an image."""
    fppi = _fppi_at(result, recall)
    return 100.0 if fppi is None else max(fppi, 0.5 / result["background_images"])


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with the data sets, each in a folder of its own")
    parser.add_argument("--pretrained", type=Path, help="what the start of each case is trained from")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--arms", nargs="+", default=["start", "negmine", "control", "naive", "naive-steps"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="arms at a time, each with its share of the cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--work", type=Path, default=Path("efficacy"), help="where cases and trainings are kept")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--write", action="store_true", help="put the table into the README of the benchmarks")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # CASE:ARM:SEED, what a process of --jobs does
    args = parser.parse_args()
    unknown = sorted(set(args.arms) - {"start", *ARMS})
    if unknown:
        parser.error(f"no such arm: {', '.join(unknown)}; there are start, {', '.join(ARMS)}")
    if not args.table and (args.data is None or args.pretrained is None):
        parser.error("expected --data and --pretrained, or --table")
    if args.only:
        name, arm, seed = args.only.split(":")
        one(args, name, arm, int(seed))
        return
    if not args.table:
        run_missing(args)
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    print(table(results), summary(results), sep="\n\n")
    if args.write:
        before, rest = README.read_text().split(_MARKS[0])
        README.write_text(f"{before}{_MARKS[0]}\n{table(results)}\n{_MARKS[1]}{rest.split(_MARKS[1])[1]}")


def run_missing(args: argparse.Namespace) -> None:
    """Each arm in a process of its own: starts first, then negmine's, whose steps others take."""
    threads = max((os.cpu_count() or 1) // args.jobs, 1)
    order = [arm for arm in ("start", *ARMS) if arm in args.arms]
    tasks = [(name, arm, seed) for arm in order for seed in args.seeds for name in args.cases]

    def run(task: tuple[str, str, int]) -> None:
        name, arm, seed = task
        if _kept(name, arm, seed).exists():
            return
        args.work.mkdir(parents=True, exist_ok=True)
        log = args.work / f"{name}-{arm}-{seed}.log"
        if in_process([*sys.argv, "--only", f"{name}:{arm}:{seed}"], log, threads):
            print(f"{name} {arm} {seed} failed; see {log}", file=sys.stderr)
        else:
            print(f"{name} {arm} {seed} is done", file=sys.stderr)

    for phase in (order[:1], order[1:2], order[2:]):
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(run, [task for task in tasks if task[1] in phase]))


if __name__ == "__main__":
    main()
