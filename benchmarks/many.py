"""What does `negmine scan` cost by the number of images, and what does it cost again when nothing has changed?

    python benchmarks/many.py --weights best.pt --images backgrounds/ --counts 1000 10000 100000

For each number a folder of so many names is made: links to the images that are given, a thousand to a folder. They
count as other sources, and the detector sees each content once: what is timed is listing, reading, decoding, hashing
and recording. Then the same command runs again on the unchanged tree. Whole processes, medians over the rounds. The
last column is the rate of the second scan from its difference to that of a single image, so without the start, which is
the first line. Memory should not grow with the number.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from material import add_material_options, demo_material, different_images, link, parse_with_material
from processes import Measured, run
from rounds import steady_per_s

_IN_A_FOLDER = 1000


def make_tree(images: Sequence[Path], count: int, folder: Path) -> Path:
    """So many names of the images, in turn."""
    for number in range(count):
        path = images[number % len(images)]
        target = folder / f"{number // _IN_A_FOLDER:05d}" / f"{number:08d}{path.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        link(path.resolve(), target)
    return folder


def twice(tree: Path, weights: Path, imgsz: int, bank: Path) -> tuple[Measured, Measured]:
    """A scan into a new bank, and the same again."""
    command = [sys.executable, "-m", "negmine", "scan", str(tree), "--weights", str(weights), "--imgsz", str(imgsz)]
    command += ["--device", "cpu", "--json", "--bank", str(bank)]
    first, again = run(command), run(command)
    shutil.rmtree(bank)
    unchanged = json.loads(again.stdout)["images"]["unchanged"]
    there = sum(path.is_file() for path in tree.rglob("*"))
    if unchanged != there:
        raise SystemExit(f"expected the second scan to find {there} images unchanged, found {unchanged}")
    return first, again


def measure(args: argparse.Namespace, scratch: Path) -> list[dict[str, object]]:
    """A row for one image and for each number of them."""
    weights, sources = args.weights, args.images
    if weights is None:
        weights, backgrounds = demo_material(Path("negmine-demo"))
        sources = [backgrounds]
    images = different_images(sources, 200)
    counts = sorted({1, *args.counts})
    trees = {count: make_tree(images, count, scratch / str(count)) for count in counts}
    runs: dict[int, list[tuple[Measured, Measured]]] = {count: [] for count in counts}
    for number in range(args.rounds):
        for count in counts if number % 2 else reversed(counts):
            print(f"round {number + 1} of {args.rounds}: {count} images", file=sys.stderr, flush=True)
            runs[count].append(twice(trees[count], weights.absolute(), args.imgsz, scratch / "bank"))
    start_s = statistics.median(again.seconds for _, again in runs[1])  # of a scan that finds one image unchanged
    return [_row(count, runs[count], start_s) for count in counts]


def _row(count: int, runs: Sequence[tuple[Measured, Measured]], start_s: float) -> dict[str, object]:
    row: dict[str, object] = {"images": count}
    for name, side in (("scan", [first for first, _ in runs]), ("again", [again for _, again in runs])):
        row[f"{name}_s"] = statistics.median(each.seconds for each in side)
        row[f"{name}_peak_mib"] = max((each.peak_mib for each in side if each.peak_mib is not None), default=None)
    again_s = statistics.median(again.seconds for _, again in runs)
    return {**row, "unchanged_per_s": steady_per_s(count - 1, again_s - start_s) if count > 1 else None}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_material_options(parser)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round on 1,000 names, under a minute")
    parser.add_argument("--json", action="store_true")
    args = parse_with_material(parser)
    if args.quick:
        args.counts, args.rounds = [min([*args.counts, 1000])], 1
    with tempfile.TemporaryDirectory(prefix="negmine-many-") as folder:
        rows = measure(args, Path(folder))
    if args.json:
        print(json.dumps({"rounds": args.rounds, "rows": rows}, indent=1))
        return
    print(f"{'images':>9}  {'scan s':>8}  {'MiB':>6}  {'again s':>8}  {'MiB':>6}  {'unchanged/s':>12}")
    for row in rows:
        cells = (row[key] for key in ("scan_s", "scan_peak_mib", "again_s", "again_peak_mib", "unchanged_per_s"))
        text = (f"{cell:.1f}" if isinstance(cell, float) else "-" for cell in cells)
        print(f"{row['images']:>9}  " + "  ".join(f"{c:>{w}}" for c, w in zip(text, (8, 6, 8, 6, 12), strict=True)))


if __name__ == "__main__":
    main()
