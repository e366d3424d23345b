"""How fast is `negmine augment` beside the loop that people copy, and beside the limit. Whole processes, in turn.

    python benchmarks/augment.py --images backgrounds/

Three sides make the same operations on the same pictures, one after the other in each round:
  the loop     for each variant: read the picture, build the augmenter, augment, write; one thread, no record kept
  negmine      `negmine augment --recipe classic`: each picture decoded once, all cores; variants are hashed, flushed
               to disk and recorded; those that equal another are left out
  the limit    only JPEG-encoding as many such pictures on as many threads, nothing computed and nothing written
Prints medians, the ratio of negmine to the loop and its share of the limit; these are wall-clock seconds, start-up
included, and rates count all 600 grid points of a picture.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

_GRID = 600
_LOOP = """
import sys
from pathlib import Path
import cv2
import numpy as np
from negmine.augmenting.imgaug_import import imgaug_augmenters
iaa = imgaug_augmenters()  # NumPy 2 has no other way to import it
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
for path in sorted(folder.iterdir()):
    for i in range(200):
        image = cv2.imread(str(path))
        augmenter = iaa.GaussianBlur(sigma=i / 100)
        cv2.imwrite(str(out / f"{path.stem}_blur_{i}.jpg"), augmenter(image=image), [cv2.IMWRITE_JPEG_QUALITY, 95])
    for alpha in np.linspace(0, 0.5, 20):
        for lightness in np.linspace(0.5, 1.25, 20):
            image = cv2.imread(str(path))
            augmenter = iaa.Sharpen(alpha=float(alpha), lightness=float(lightness))
            name = f"{path.stem}_sharpen_{alpha:.6f}_{lightness:.6f}.jpg"
            cv2.imwrite(str(out / name), augmenter(image=image), [cv2.IMWRITE_JPEG_QUALITY, 95])
"""
_LIMIT = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import cv2
cv2.setNumThreads(1)
images = [cv2.imread(str(path)) for path in sorted(Path(sys.argv[1]).iterdir())]
def encode(image):
    for _ in range(60):
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
with ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(encode, [image for image in images for _ in range(10)]))
"""


def seconds(command: Sequence[str]) -> float:
    """Wall-clock seconds of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def make_bank(pictures: Sequence[Path], size_wh: tuple[int, int] | None, folder: Path) -> Path:
    """A bank whose negatives are the pictures, brought to one size where one is given."""
    from negmine.bank.records import ItemRecord, JudgedDetection, NewNegative, RunRecord, ScannedImage
    from negmine.bank.writer import BankWriter
    from negmine.boxes import Rect
    from negmine.images import decode_image, encode_jpeg
    from negmine.matching import Kind
    from negmine.structures import FileStamp, GroundTruth

    with BankWriter(folder, purpose="a benchmark") as bank:
        run = bank.begin_run(RunRecord("none", "0" * 64, {0: "any"}, {}, {}, {}))
        for i, path in enumerate(pictures):
            image = decode_image(path.read_bytes())
            image = np.asarray(cv2.resize(image, size_wh), dtype=np.uint8) if size_wh else image
            wh = (image.shape[1], image.shape[0])
            whole = Rect(0, 0, *wh)
            negative = NewNegative(encode_jpeg(image), wh, "0" * 16, whole)
            found = JudgedDetection("any", 0.5, (0, 0, 1, 1), Kind.BACKGROUND, negative=0)
            item = ItemRecord(str(path.absolute()), FileStamp(0, 0), None)
            with bank.transaction():
                bank.store(run, ScannedImage(item, f"{i:064x}", wh, GroundTruth.empty(), (found,), (negative,)))
    return folder


def one_round(bank: Path) -> dict[str, float]:
    """Seconds of each side, one after the other, each into a new folder."""
    import shutil

    with tempfile.TemporaryDirectory(dir=bank.parent) as folder:
        flat = Path(folder) / "negatives"
        flat.mkdir()
        for path in bank.glob("negatives/*/*.jpg"):
            shutil.copy(path, flat)
        (Path(folder) / "loop").mkdir()
        copy = shutil.copytree(bank, Path(folder) / "bank")
        python = [sys.executable, "-c"]
        augment = [sys.executable, "-m", "negmine", "augment", "--recipe", "classic", "--json", "--bank", str(copy)]
        return {
            "loop": seconds([*python, _LOOP, str(flat), f"{folder}/loop"]),
            "negmine": seconds(augment),
            "limit": seconds([*python, _LIMIT, str(flat)]),
        }


def sample_images(count: int, folder: Path) -> list[Path]:
    """Draw backgrounds, as `negmine demo` does."""
    from negmine.demo.dataset import write_demo_dataset

    return sorted(write_demo_dataset(folder, train=1, val=1, backgrounds=count).backgrounds.iterdir())


def measure(pictures: Sequence[Path], size_wh: tuple[int, int] | None, rounds: int) -> dict[str, object]:
    """All rounds at one size of pictures."""
    with tempfile.TemporaryDirectory() as folder:
        bank = make_bank(pictures, size_wh, Path(folder) / "bank")
        done = [one_round(bank) for _ in range(rounds)]
    middle = {side: statistics.median(each[side] for each in done) for side in done[0]}
    return {
        "size": "x".join(map(str, size_wh)) if size_wh else "as they are",
        "pictures": len(pictures),
        "variants": _GRID * len(pictures),
        "cores": os.cpu_count(),
        "rounds": done,
        "seconds": middle,
        "times_the_loop": statistics.median(each["loop"] / each["negmine"] for each in done),
        "share_of_the_limit": statistics.median(each["limit"] / each["negmine"] for each in done),
    }


def _size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return width, height


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a folder; default: drawn backgrounds")
    parser.add_argument("--pictures", type=int, default=5, help="how many of them")
    parser.add_argument(
        "--size", action="append", metavar="WxH", type=_size, help="bring them to this size; may be repeated"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round on two pictures, under a minute")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    count, rounds = (2, 1) if args.quick else (args.pictures, args.rounds)
    suffixes = (".jpg", ".jpeg", ".png")
    with tempfile.TemporaryDirectory() as folder:
        here = sorted(p for p in args.images.rglob("*") if p.suffix in suffixes) if args.images else None
        found = here or sample_images(count, Path(folder) / "data")
        results = [measure(found[:count], size, rounds) for size in args.size or (None,)]
    if args.json:
        print(json.dumps(results, indent=1))
        return
    for result in results:
        print(f"{result['pictures']} pictures ({result['size']}), {result['variants']} variants, {rounds} rounds")
        for side, took in result["seconds"].items():  # type: ignore[attr-defined]
            print(f"  {side:8} {took:7.2f} s  {result['variants'] / took:7.0f} variants/s")
        print(f"  {result['times_the_loop']:.2f} times the loop, {result['share_of_the_limit']:.0%} of the limit")


if __name__ == "__main__":
    main()
