"""A detector that is a list of what it fires on, a trainer that takes from the list what it is shown, and their world.

Both are real, behind the real ports: a round with them takes a second, and what must come out is known by hand. In the
pictures are bright squares. Their green says what they are (0 is a lamp, the target; any other number is some other
thing that may be taken for one), their blue how sure a detector that fires on it is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from negmine.detectors.config import DetectorConfig
from negmine.detectors.function import FunctionDetector
from negmine.files import write_file
from negmine.images import decode_image
from negmine.mining.config import CropConfig, OutputSize
from negmine.retraining.config import RetrainConfig
from negmine.structures import Detections, Image
from negmine.training.base import OnSteps, TrainingSet, TrainProgress
from negmine.training.calibration import Calibration, shifted
from negmine.training.config import TrainConfig

LAMP = 0
Thing = tuple[int, int, int, int, int, int]  # x1, y1, x2, y2, what it is, score in percent
NATIVE = CropConfig(size=OutputSize("none"))  # crops keep their size, so that nothing is blurred


def draw(path: Path, things: Sequence[Thing] = (), *, seed: int = 0, size_wh: tuple[int, int] = (160, 120)) -> Path:
    """Save a picture with coarse noise, so that no two seeds look alike, and bright squares."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 90, size=(6, 8, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size_wh, interpolation=cv2.INTER_NEAREST)
    for x1, y1, x2, y2, what, percent in things:
        image[y1:y2, x1:x2] = (round(percent * 2.5), what * 20, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def seen(image: Image) -> list[tuple[tuple[int, int, int, int], int, float]]:
    """Box, kind and score of every square."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 2] > 180).astype(np.uint8))
    found = []
    for x, y, w, h, area in stats[1:count].tolist():
        if area >= 64:
            blue, green, _ = image[y + h // 2, x + w // 2].tolist()
            found.append(((x, y, x + w, y + h), round(green / 20), min(round(blue / 2.5) / 100, 1.0)))
    return found


def write_weights(
    path: Path,
    fires_on: Sequence[int],
    *,
    blind_under: float = 0.0,
    classes: Sequence[str] = ("lamp",),
    shift: float = 0.0,
) -> Path:
    """Weights: what is taken for a lamp, how sure a detector must be of one to see it, and a shift of all logits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"fires_on": sorted(fires_on), "blind_under": blind_under, "classes": list(classes), "shift": shift}
    path.write_text(json.dumps(document))
    return path


def open_toy(config: DetectorConfig) -> FunctionDetector:
    """Open such weights."""
    data = Path(config.weights).read_bytes()
    weights = json.loads(data)

    def detect(image: Image) -> Detections:
        def moved(score: float) -> float:
            return float(shifted(np.array([score]), weights["shift"])[0]) if weights["shift"] else score

        rows = [
            (box, moved(score))
            for box, what, score in seen(image)
            if moved(score) >= config.conf
            and (what in weights["fires_on"] or (what == LAMP and score >= weights["blind_under"]))
        ]
        boxes = np.array([box for box, _ in rows], dtype=np.float64).reshape(-1, 4)
        return Detections(boxes, np.array([score for _, score in rows]), np.zeros(len(rows), dtype=int))

    key = f"{hashlib.sha256(data).hexdigest()} {config.conf}"
    return FunctionDetector(detect, weights["classes"], name="toy", batch_size=4, key=key)


@dataclass
class ToyTrainer:
    """Takes from the list what is in the negatives; writes down what it was given.

    Attributes:
        per_round: it learns so many kinds in a training, the first that it is shown.
        blind_under: of the weights that it makes.
        sinks: it lowers all logits by so much in a training.
        learns: whether it learns at all; a bad one fires on ever more instead.
        steps: that a training takes, unless it is told otherwise.
    """

    per_round: int = 100
    blind_under: float = 0.0
    sinks: float = 0.0
    learns: bool = True
    steps: int = 1
    checked: list[tuple[str, ...]] = field(default_factory=list)

    def check(self, weights: Path, class_names: Sequence[str]) -> None:
        self.checked.append(tuple(class_names))

    @property
    def trainings(self) -> int:
        return 1

    def steps_of(self, data: TrainingSet) -> int:
        return self.steps

    def train(
        self,
        weights: Path,
        data: TrainingSet,
        out: Path,
        *,
        steps: int | None = None,
        on_steps: OnSteps | None = None,
    ) -> Path:
        out.mkdir(parents=True, exist_ok=True)
        before = json.loads(weights.read_text())
        kinds = dict.fromkeys(
            what
            for path in data.negatives
            for _, what, _ in seen(decode_image(path.read_bytes()))
            if what in before["fires_on"]
        )
        unlearned = list(kinds)[: self.per_round]
        fires_on = [w for w in before["fires_on"] if w not in unlearned] if self.learns else [*range(1, 11)]
        given = {
            "positives": [str(path) for path in data.positives],
            "negatives": [str(path) for path in data.negatives],
            "val": [str(path) for path in data.val],
            "sha256": [sha256(path) for path in (*data.positives, *data.negatives)],
            "labels": [
                Path(str(path).replace("/images/", "/labels/")).with_suffix(".txt").read_text()
                for path in data.positives
            ],
            "class_names": list(data.class_names),
            "from": sha256(weights),
            "steps": steps,
        }
        (out / "given.json").write_text(json.dumps(given))
        if on_steps is not None:
            total = steps or self.steps
            for step in range(1, total + 1):
                on_steps(TrainProgress(step, total, {}))
        return write_weights(
            out / "trained.json",
            fires_on,
            blind_under=self.blind_under,
            classes=before["classes"],
            shift=before["shift"] - self.sinks,
        )

    def calibrate(self, weights: Path, calibration: Calibration, calibrated: Path) -> None:
        document = json.loads(weights.read_text())
        write_file(calibrated, json.dumps(document | {"shift": document["shift"] + calibration.shift(0)}).encode())

    def average(self, checkpoints: Sequence[Path], averaged: Path, *, shares: Sequence[float] | None = None) -> None:
        """Fires on what most of them fire on."""
        every = [json.loads(path.read_text()) for path in checkpoints]
        votes = Counter(what for each in every for what in each["fires_on"])
        fires_on = [what for what, count in votes.items() if 2 * count > len(every)]
        write_weights(averaged, fires_on, blind_under=every[0]["blind_under"], classes=every[0]["classes"])


def sha256(path: Path) -> str:
    """Of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class World:
    """A data set, backgrounds, and weights that fire on the kinds 1 to 6.

    Attributes:
        data: a data.yaml with 12 images to train on and 8 to validate on, a lamp in each.
        backgrounds: 40 images, each with one or two things of the kinds 1 to 8.
        weights: where to start.
    """

    data: Path
    backgrounds: Path
    weights: Path


def make_world(folder: Path, *, val: bool = True, backgrounds: int = 40) -> World:
    """Draw it."""
    splits = {"train": 12, "val": 8} if val else {"train": 20}
    number = 0
    for split, count in splits.items():
        for _ in range(count):
            number += 1
            box = (20 + 4 * number, 30, 50 + 4 * number, 70)
            draw(
                folder / "data" / "images" / split / f"p{number:02d}.png", [(*box, LAMP, 93 - 3 * number)], seed=number
            )
            x, y, w, h = (box[0] + box[2]) / 320, 50 / 120, 30 / 160, 40 / 120
            label = folder / "data" / "labels" / split / f"p{number:02d}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(f"0 {x} {y} {w} {h}\n")
    text = "".join(f"{split}: images/{split}\n" for split in splits)
    (folder / "data" / "data.yaml").write_text(f"{text}names: [lamp]\n")
    for i in range(backgrounds):
        things = [(20, 20, 44, 44, 1 + i % 8, 30 + i)] + ([(90, 70, 120, 100, 1 + i % 3, 90)] if i % 2 else [])
        draw(folder / "backgrounds" / f"b{i:02d}.png", things, seed=1000 + i)
    return World(
        folder / "data" / "data.yaml", folder / "backgrounds", write_weights(folder / "start.json", range(1, 7))
    )


def toy_config(**changes: object) -> RetrainConfig:
    """Settings that suit it."""
    settings: dict[str, object] = {
        "crop": NATIVE, "holdout": 0.4, "variants": False, "blend": False, "negatives": 1,
        "train": TrainConfig(epochs=1, imgsz=160, device="cpu"),
    }  # fmt: skip
    return RetrainConfig(**settings | changes)  # type: ignore[arg-type]


def copy_tree(source: Path, target: Path) -> Path:
    """With links as they are."""
    shutil.copytree(source, target, symlinks=True)
    return target
