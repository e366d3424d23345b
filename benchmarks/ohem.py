"""OHEM against the heuristics that it replaced, for a Faster R-CNN: what it finds, what it costs.

    python benchmarks/ohem.py cost
    python benchmarks/ohem.py train --backbone yolo11n.pt --data data.yaml --backgrounds mined/ \\
        --held-out held-out.txt --out runs/ohem

`cost` times a step of the box head, on the same features and proposals, and one of the whole detector (ResNet-50 with
FPN, 800 x 1088), each way in a process of its own and in turn, and says how much memory the process had at most.
`train` trains the same Faster R-CNN with each choice of regions, for the same number of epochs, on the labelled images
and as many backgrounds drawn at random, and measures it as `negmine eval` does. Its heads are random,
or those of a training without backgrounds (`--start-epochs 8`), as in a retraining; its features are those of a
detector of Ultralytics (`--backbone yolo11n.pt`), or of a MobileNetV3 that starts from nothing. Arms, after Shrivastava
et al. (2016), table 1:

    heuristic     1:3, B = 128, negatives that overlap an object by 0.1 or more
    bg-lo-0       1:3, B = 128, any negatives
    all           every region (the paper's B = 2048)
    ohem-no-nms   the 128 hardest
    ohem          the 128 hardest that do not overlap

A result is kept in OUT as soon as it is there, so an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cells import mean_and_spread

from negmine.training.base import TrainingSet
from negmine.training.config import TrainConfig

PARTS = ("box head", "whole step")
WAYS = ("sampling", "two passes", "one pass")
RECALLS = (0.6, 0.7, 0.8, 0.9)
_DECIDE = {
    "backbone",
    "backgrounds",
    "batch",
    "data",
    "epochs",
    "held_out",
    "imgsz",
    "lr0",
    "start_epochs",
}  # what a result depends on


def arms() -> dict[str, TrainConfig]:
    """Each choice of regions, as the settings of a training."""
    base = TrainConfig()
    return {
        "heuristic": replace(base, loss="heuristic", bg_lo=0.1),
        "bg-lo-0": replace(base, loss="heuristic", bg_lo=0.0),
        "all": replace(base, loss="stock"),  # whose sample is then put aside, see `_fit`
        "ohem-no-nms": replace(base, loss="ohem", ohem_nms=None),
        "ohem": replace(base, loss="ohem"),
    }


def cost(args: argparse.Namespace) -> None:
    """Time and memory of a step of each way, interleaved: of the box head alone, and of the whole detector."""
    if args.way:
        print(json.dumps(_step(args.way, args.part, args.steps, args.images)))
        return
    print("| part | way | ms a step | times sampling | peak MiB above the start |\n|---|---|---|---|---|")
    for part in PARTS:
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(args.rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "cost", "--way", way, "--part", part, "--steps", str(args.steps)]
                done = subprocess.run(
                    [*command, "--images", str(args.images)], check=True, capture_output=True, text=True
                )
                runs[way].append(json.loads(done.stdout))
        plain = statistics.median(run["seconds"] for run in runs["sampling"])
        for way, measured in runs.items():
            seconds = statistics.median(run["seconds"] for run in measured)
            memory = statistics.median(run["mib"] for run in measured)
            print(f"| {part} | {way} | {seconds * 1000:.0f} | {seconds / plain:.2f} | {memory:.0f} |", flush=True)


def _step(way: str, part: str, steps: int, images: int) -> dict[str, float]:
    """Forward and backward on 2,000 proposals an image, after one that is not timed."""
    import torch
    from region_detector import OnePassOhemRoIHeads
    from torchvision.models import get_model

    from negmine.training.torchvision.roi_heads import BiasedRoIHeads, OhemRoIHeads

    torch.manual_seed(0)
    model: Any = get_model("fasterrcnn_resnet50_fpn", weights=None, weights_backbone=None, num_classes=3).train()
    if way == "sampling":
        model.roi_heads = BiasedRoIHeads(model.roi_heads, batch=64 * images, bg_lo=0.0)
    else:
        kind = OhemRoIHeads if way == "two passes" else OnePassOhemRoIHeads
        model.roi_heads = kind(model.roi_heads, batch=64 * images)
    run = _whole(model, images) if part == "whole step" else _box_head(model.roi_heads, images)
    before, began = _peak_mib(), 0.0
    for step in range(steps + 1):
        if step == 1:
            began = time.perf_counter()
        torch.stack(list(run().values())).sum().backward()  # type: ignore[no-untyped-call]
    return {"seconds": (time.perf_counter() - began) / steps, "mib": _peak_mib() - before}


def _target() -> dict[str, Any]:
    import torch

    return {"boxes": torch.tensor([[100.0, 100.0, 260.0, 300.0]]), "labels": torch.tensor([1])}


def _box_head(heads: Any, images: int) -> Callable[[], dict[str, Any]]:
    """The losses of the box head on the same features and proposals each time."""
    import torch

    heads.train()
    features = {
        str(level): torch.rand(images, 256, 200 >> level, 272 >> level, requires_grad=True) for level in range(4)
    }
    corners = torch.rand(images, 2000, 2) * 600
    proposals = [torch.cat([each, each + 20 + torch.rand(2000, 2) * 180], 1) for each in corners]

    def run() -> dict[str, Any]:
        shapes = [(800, 1088)] * images
        losses: dict[str, Any] = heads(features, [each.clone() for each in proposals], shapes, [_target()] * images)[1]
        return losses

    return run


def _whole(model: Any, images: int) -> Callable[[], dict[str, Any]]:
    """All losses of the detector, on images of 800 x 1088 pixels."""
    import torch

    pixels = [torch.rand(3, 800, 1088) for _ in range(images)]

    def run() -> dict[str, Any]:
        losses: dict[str, Any] = model(pixels, [_target()] * images)
        return losses

    return run


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def train(args: argparse.Namespace) -> None:
    """Train and measure what is missing, and print the table."""
    results = []
    for seed in args.seeds:
        for arm in args.arms:
            kept = args.out / f"{arm}-{seed}.json"
            how = {name: str(value) for name, value in sorted(vars(args).items()) if name in _DECIDE}
            if not kept.exists():
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps({"arm": arm, "seed": seed, "how": how, **_run(args, arm, seed)}))
            results.append(json.loads(kept.read_text()))
            if results[-1]["how"] != how:
                sys.exit(f"{kept} was made with {results[-1]['how']}; name another --out")
    print(_table(results))


def _run(args: argparse.Namespace, arm: str, seed: int) -> dict[str, Any]:
    """Train one arm, and measure it."""
    from region_detector import as_detector, make_model

    from negmine import evaluate

    data, names = _training_set(args)
    model = make_model(args.backbone, len(names), args.imgsz, seed)
    if args.start_epochs:
        _start(model, data, args, seed)
    began = time.perf_counter()
    _fit(model, arms()[arm], data, args.epochs, args, seed)
    minutes = (time.perf_counter() - began) / 60
    detector = as_detector(model, names, arm)
    found = evaluate(detector, args.data, split="val", backgrounds=args.held_out)
    return {"minutes": minutes, "figures": dict(found.models[0].to_dict())}


def _start(model: Any, data: TrainingSet, args: argparse.Namespace, seed: int) -> None:
    """Give all arms of a seed the same trained heads; made once, of the labelled images alone."""
    import torch

    kept = args.out / f"start-{seed}.pt"
    if not kept.exists():
        plain = model.roi_heads
        _fit(model, arms()["bg-lo-0"], replace(data, negatives=()), args.start_epochs, args, seed)
        model.roi_heads = plain
        torch.save(model.state_dict(), kept)
    model.load_state_dict(torch.load(kept, weights_only=True))


def _fit(model: Any, config: TrainConfig, data: TrainingSet, epochs: int, args: argparse.Namespace, seed: int) -> None:
    """The same epochs, images, order and rates for every choice of regions."""
    import torch
    from torch.utils.data import DataLoader

    from negmine.training.batches import MixedBatches, positives_per_batch
    from negmine.training.torchvision.data import TrainingImages, as_batch, opened
    from negmine.training.torchvision.loop import Settings, make_optimizer, rate_at, train_one_pass
    from negmine.training.torchvision.roi_heads import AllRoIHeads
    from negmine.training.torchvision.trainer import install_loss

    settings = Settings(lr0=args.lr0, frozen_norm=args.backbone is not None)
    device = torch.device(args.device)
    images = TrainingImages(
        (*data.positives, *data.negatives), data.write_lists(args.out), data.class_names, 1, augment=True
    )
    positives, everything = len(data.positives), len(images)
    in_batch = positives_per_batch(positives, everything - positives, batch=args.batch, ratio=1.0)
    order = MixedBatches(
        range(positives),
        range(positives, everything),
        batch=args.batch,
        ratio=1.0,
        seed=seed,
        steps=math.ceil(positives / in_batch),
    )
    install_loss(model, "fasterrcnn", config)
    if config.loss == "stock":
        model.roi_heads = AllRoIHeads(model.roi_heads)
    model.to(device)
    optimizer = make_optimizer(model, settings)
    steps = epochs * len(order)
    for epoch in range(epochs):
        torch.manual_seed(seed * 1000 + epoch)
        batches = list(order)
        losses = train_one_pass(
            model,
            optimizer,
            opened(DataLoader(images, batch_sampler=batches, collate_fn=as_batch)),
            [[images.path(index) for index in batch] for batch in batches],
            device=device,
            rates=[rate_at(epoch * len(order) + step, steps, settings.warmup, settings) for step in range(len(order))],
            settings=settings,
            scaler=torch.amp.GradScaler(device.type, enabled=device.type == "cuda"),
        )
        print(f"epoch {epoch + 1}: " + ", ".join(f"{name} {value:.4f}" for name, value in losses.items()), flush=True)


def _training_set(args: argparse.Namespace) -> tuple[TrainingSet, tuple[str, ...]]:
    """The labelled images of `train`, and as many backgrounds with empty labels."""
    from negmine.datasets.open import open_dataset
    from negmine.sources.expand import expand_sources

    dataset = open_dataset(args.data)
    if not dataset.format_name.startswith("YOLO"):
        sys.exit(f"expected a data.yaml of YOLO, found {dataset.format_name}")
    positives = tuple(sorted(path for split in dataset.splits if split.name == "train" for path in split.images))
    backgrounds = sorted(ref.path for ref in expand_sources(args.backgrounds))
    drawn = random.Random(0).sample(backgrounds, min(len(positives), len(backgrounds)))
    images, labels = args.out / "images", args.out / "labels"
    for folder in (images, labels):
        folder.mkdir(parents=True, exist_ok=True)
    negatives = []
    for number, path in enumerate(drawn):
        target = images / f"{number}{path.suffix}"
        if not target.exists():
            target.write_bytes(path.read_bytes())
        (labels / f"{number}.txt").touch()
        negatives.append(target)
    names = dataset.truth.class_names
    return TrainingSet(positives, tuple(negatives), (), names), names


def _table(results: Sequence[dict[str, Any]]) -> str:
    head = ["arm", "mAP50", "mAP50-95", *(f"FPPI at recall {recall}" for recall in RECALLS), "LAMR", "minutes"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for arm in dict.fromkeys(each["arm"] for each in results):
        rows = [each for each in results if each["arm"] == arm]
        columns = [
            [each["figures"]["map50"] for each in rows],
            [each["figures"]["map50_95"] for each in rows],
            *([{float(k): v for k, v in each["figures"]["fppi_at"].items()}[r] for each in rows] for r in RECALLS),
            [each["figures"]["lamr"] for each in rows],
            [each["minutes"] for each in rows],
        ]
        lines.append(f"| {arm} | " + " | ".join(map(mean_and_spread, columns)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse, and do one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("cost")
    one.add_argument("--rounds", type=int, default=3)
    one.add_argument("--steps", type=int, default=2)
    one.add_argument("--images", type=int, default=2)
    one.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # what a process of its own does
    one.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    one.set_defaults(run=cost)
    two = commands.add_parser("train")
    two.add_argument("--data", type=Path, required=True, help="a data.yaml with train and val")
    two.add_argument("--backgrounds", action="append", required=True, metavar="SOURCE")
    two.add_argument("--held-out", action="append", required=True, metavar="SOURCE")
    two.add_argument("--backbone", type=Path, help="a detector of Ultralytics; without it, random weights")
    two.add_argument("--imgsz", type=int, default=320)
    two.add_argument("--epochs", type=int, default=12)
    two.add_argument(
        "--start-epochs", type=int, default=0, help="of a training without backgrounds that all begin with"
    )
    two.add_argument("--batch", type=int, default=2)
    two.add_argument("--lr0", type=float, default=0.0005)
    two.add_argument("--device", default="cpu")
    two.add_argument("--seeds", type=int, nargs="+", default=[0])
    two.add_argument("--arms", nargs="+", default=list(arms()), choices=list(arms()))
    two.add_argument("--out", type=Path, required=True)
    two.set_defaults(run=train)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
