"""How often a flicker is truly false, and a gap truly a miss, on drawn clips in which every target is known.

    python benchmarks/flicker.py --weights kangaroo.pt --images kangaroo/images --labels kangaroo/annots \\
        --names kangaroo_val.txt --backgrounds raccoon/images bsds500/images --imgsz 320 --out runs/flicker

In each clip a labelled object of `--images` moves over a photograph of `--backgrounds` along which a camera pans
unsteadily, with noise and changes of light. A flicker is right where the detection has an IoU under 0.1 with every
target, a gap where it has an IoU of 0.5 or more with a target that the frame has no detection for. What the detector
found is kept in OUT, so other windows cost no second run of it.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from negmine import DetectorConfig
from negmine.boxes import box_iou
from negmine.datasets.open import open_truth
from negmine.detectors.batches import predict_each
from negmine.detectors.open import open_detector
from negmine.images import read_image
from negmine.images.codecs import decode_image
from negmine.matching import Kind, match_detections
from negmine.mining.flicker.config import FlickerConfig
from negmine.mining.flicker.finder import FlickerFinder, FrameFindings
from negmine.mining.flicker.following import GreyImage
from negmine.mining.flicker.linking import SeenFrame
from negmine.structures import Detections, FloatArray, GroundTruth, Image

SIZE_WH = (480, 320)
CONF = 0.25
LEAST_CONF = 0.1  # of what is kept
_NOISE, _LIGHT, _SHAKE = 4.0, 0.08, 1.5  # grey values; share; pixels


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Frames, the box of the target in each, and what the detector found."""

    greys: list[GreyImage]
    targets: list[FloatArray]  # [1, 4] each, or [0, 4] while it is outside
    found: list[Detections]

    def every(self, step: int) -> Clip:
        """Each `step`-th frame."""
        return Clip(self.greys[::step], self.targets[::step], self.found[::step])

    def at(self, conf: float) -> Clip:
        """With detections of a score of `conf` and over."""
        return replace(self, found=[each.select(each.scores >= conf) for each in self.found])


@dataclass(slots=True)
class Tally:
    """What was found, how much of it is right, and how much there is to find."""

    found: int = 0
    right: int = 0
    there: int = 0

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "found": self.found,
            "right": self.right,
            "precision": round(self.right / self.found, 3) if self.found else None,
            "share of all": round(self.right / self.there, 3) if self.there else None,
        }


def patches(args: argparse.Namespace) -> list[Image]:
    """The labelled objects that are large enough, with a margin."""
    names = args.names.read_text().split() if args.names else sorted(p.name for p in args.images.iterdir())
    paths = [args.images / Path(name).name for name in names]
    truth = open_truth(args.labels, images=paths)
    made = []
    for path in paths:
        try:
            image = decode_image(read_image(path))
        except Exception as error:
            print(f"skipped {path.name}: {error}")
            continue
        objects = truth.read(path, (image.shape[1], image.shape[0]))
        for x1, y1, x2, y2 in [] if objects is None else np.round(objects.boxes_xyxy).astype(int).tolist():
            if min(x2 - x1, y2 - y1) >= 80 and len(objects or ()) == 1:
                made.append(image[y1:y2, x1:x2])
    return made


def draw_clip(
    patch: Image, photograph: Image, frames: int, rng: np.random.Generator
) -> Iterator[tuple[Image, FloatArray]]:
    """Frames [H, W, 3] and the target's box in each: it walks through, and leaves the picture now and then."""
    width, height = SIZE_WH
    scale = 1.5 * max(width / photograph.shape[1], height / photograph.shape[0])
    ground = cv2.resize(photograph, None, fx=scale, fy=scale)
    tall = int(rng.integers(90, 170))
    wide = max(round(patch.shape[1] * tall / patch.shape[0]), 8)
    thing = np.asarray(cv2.resize(patch, (wide, tall)), dtype=np.float64)
    mask = _oval(thing.shape[0], thing.shape[1])
    room = ground.shape[1] - width, ground.shape[0] - height
    phase, pace = rng.random(4) * 2 * np.pi, rng.uniform(0.5, 1.5, 4) * 2 * np.pi / 80
    for t in range(frames):
        swing = (1 + np.sin(phase + pace * t)) / 2
        x, y = (int(np.clip(s * r + rng.normal(0, _SHAKE), 0, r)) for s, r in zip(swing[:2], room, strict=True))
        frame: FloatArray = ground[y : y + height, x : x + width].astype(np.float64)
        left = round(swing[2] * (width + thing.shape[1]) - thing.shape[1])
        top = round(swing[3] * (height - tall))
        box = _paste(frame, thing, mask, left, top)
        frame = frame * (1 + rng.normal(0, _LIGHT)) + rng.normal(0, _NOISE, frame.shape)
        image = np.clip(frame, 0, 255).astype(np.uint8)
        yield np.asarray(cv2.imdecode(cv2.imencode(".jpg", image)[1], 1), dtype=np.uint8), box


def _oval(height: int, width: int) -> FloatArray:
    """A mask [H, W, 1] that fades at the edge of the box."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    mask: FloatArray = np.clip((1.1 - (x**4 + y**4) ** 0.25) / 0.15, 0, 1)[..., None]
    return mask


def _paste(frame: FloatArray, thing: FloatArray, mask: FloatArray, left: int, top: int) -> FloatArray:
    """Put a thing into a frame, as far as it is inside; its box [1, 4], or [0, 4] where next to nothing is."""
    x1, x2 = max(left, 0), min(left + thing.shape[1], frame.shape[1])
    if x2 - x1 < 8:
        return np.zeros((0, 4))
    part = slice(x1 - left, x2 - left)
    under = frame[top : top + thing.shape[0], x1:x2]
    under[:] = mask[:, part] * thing[:, part] + (1 - mask[:, part]) * under
    return np.array([[x1, top, x2, top + thing.shape[0]]], dtype=np.float64)


def clips(args: argparse.Namespace) -> list[Clip]:
    """The clips with what the detector found in them; it runs only where that is not kept."""
    grounds = sorted(path for folder in args.backgrounds for path in folder.iterdir() if path.suffix == ".jpg")
    things = patches(args)
    config = DetectorConfig(str(args.weights), conf=LEAST_CONF, imgsz=args.imgsz, device="cpu", backend="torch")
    detector = open_detector(config)
    made = []
    for number in range(args.clips):
        rng = np.random.default_rng([args.seed, number])
        photograph = decode_image(read_image(grounds[int(rng.integers(len(grounds)))]))
        drawn = list(draw_clip(things[int(rng.integers(len(things)))], photograph, args.frames, rng))
        kept = args.out / f"{args.seed}-{number}.npz"
        if not kept.exists():
            _keep(kept, [each for each in predict_each(detector, [image for image, _ in drawn])])
        greys = [np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8) for image, _ in drawn]
        made.append(Clip(greys, [box for _, box in drawn], _kept(kept)))
        print(f"clip {number + 1} of {args.clips}", flush=True)
    return made


def _keep(path: Path, found: Sequence[object]) -> None:
    every = [each for each in found if isinstance(each, Detections)]
    rows = [
        [t, *box, score]
        for t, each in enumerate(every)
        for box, score in zip(each.boxes_xyxy, each.scores, strict=True)
    ]
    np.savez(path, rows=np.array(rows).reshape(-1, 6), frames=len(every))


def _kept(path: Path) -> list[Detections]:
    with np.load(path) as stored:
        rows, frames = stored["rows"], int(stored["frames"])
    by_frame = (rows[rows[:, 0] == t] for t in range(frames))
    return [Detections(each[:, 1:5], each[:, 5], np.zeros(len(each), dtype=int)) for each in by_frame]


def find(clip: Clip, config: FlickerConfig, *, follows: bool) -> list[FrameFindings]:
    """What is said of each frame of a clip."""
    finder = FlickerFinder(config)
    frames = [
        SeenFrame(found, partial(np.asarray, grey) if follows else None)
        for found, grey in zip(clip.found, clip.greys, strict=True)
    ]
    early = [each for frame in frames if (each := finder.push(frame)) is not None]
    return early + finder.finish()


def measure(
    every: Sequence[Clip], config: FlickerConfig, *, follows: bool = True, partners: float = CONF
) -> dict[str, object]:
    """Flickers among detections of CONF and over, and gaps between them.

    Args:
        every: clips.
        config: windows and thresholds.
        follows: whether things are followed through the images.
        partners: lowest score of a detection that confirms another.
    """
    flickers, misses, kinds = Tally(), Tally(), Counter[Kind]()
    for clip in every:
        seen = find(clip.at(partners), config, follows=follows)
        sure = seen if partners == CONF else find(clip.at(CONF), config, follows=follows)
        for t, target in enumerate(clip.targets):
            found = clip.at(partners).found[t]
            truth = GroundTruth.of(target, ["target"] * len(target))
            over = found.scores >= CONF
            matched = match_detections(found.select(over), truth, {0: "target"})
            background = matched.is_kind(Kind.BACKGROUND)
            is_alone = seen[t].is_alone[over]
            kinds.update(kind for kind, alone in zip(matched.kinds, is_alone, strict=True) if alone)
            flickers.found += int(is_alone.sum())
            flickers.right += int((is_alone & background).sum())
            flickers.there += int(background.sum())
            missed = target[matched.missed]
            boxes = np.array([gap.box_xyxy for gap in sure[t].gaps]).reshape(-1, 4)
            misses.found += len(boxes)
            misses.right += int((box_iou(boxes, missed) >= 0.5).any(axis=1).sum()) if len(missed) else 0
            misses.there += len(missed)
    of_other_kinds = {str(kind): count for kind, count in sorted(kinds.items()) if kind is not Kind.BACKGROUND}
    return {"flickers": flickers.to_dict() | {"not false": of_other_kinds}, "gaps": misses.to_dict()}


def main() -> None:
    """Measure at several windows, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name in ("--weights", "--images", "--labels", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--names", type=Path, help="a list of the images whose objects are used")
    parser.add_argument("--backgrounds", type=Path, nargs="+", required=True)
    for name, default in (("--imgsz", 640), ("--clips", 40), ("--frames", 120), ("--seed", 0)):
        parser.add_argument(name, type=int, default=default)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    every, plain = clips(args), FlickerConfig()
    found = Counter[str]()
    for clip in every:
        for each, target in zip(clip.at(CONF).found, clip.targets, strict=True):
            truth = GroundTruth.of(target, ["target"] * len(target))
            found.update(map(str, match_detections(each, truth, {0: "target"}).kinds))
            found["targets"] += len(target)
    print(json.dumps({"frames": len(every) * args.frames, **dict(sorted(found.items()))}))
    for window in (5, 1, 3, 8):
        say(f"window {window}", measure(every, replace(plain, window=window)))
    say("boxes alone", measure(every, plain, follows=False))
    for step in (2, 4):
        some = [clip.every(step) for clip in every]
        say(f"every {step} frames", measure(some, plain))
        say(f"every {step} frames, boxes alone", measure(some, plain, follows=False))
    say("partners from 0.1", measure(every, plain, partners=LEAST_CONF))
    for gap, track in ((1, 3), (5, 5)):
        say(f"gap {gap}, track {track}", measure(every, replace(plain, window=1, max_gap=gap, min_track=track)))


def say(at: str, row: dict[str, object]) -> None:
    """Print a line."""
    print(json.dumps({"at": at, **row}), flush=True)


if __name__ == "__main__":
    main()
