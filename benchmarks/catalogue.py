"""What a scan costs against the number of images, and what it costs to scan an unchanged tree again.

    python benchmarks/catalogue.py
    python benchmarks/catalogue.py --counts 100000 --others 10000000

The detector is a fake: it finds the same box in every image at once, so that what is left is negmine's own cost. The
images are small pictures that are made here: a few hundred of them, and hard links to them under other names, which
the catalogue keeps as files of their own. So of the first scan, most is reading, hashing and naming; of the second,
listing, asking the bank, and looking at size and time. Every figure is of one run in this process; images a second.
With --others, so many files of other names and contents are written into the bank after the first scan, as if they had
been scanned earlier: the rest shows whether the catalogue stays fast.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from negmine.detectors.function import FunctionDetector
from negmine.mining.result import ScanResult
from negmine.mining.scan import scan
from negmine.sources.expand import expand_sources
from negmine.structures import Detections, Image

_PICTURES = 300  # distinct ones
_FOLDER = 5000  # images in one folder


@dataclass(frozen=True)
class Row:
    """One tree of images; seconds, but for the counts."""

    images: int
    list_s: float  # listing the images alone
    first_s: float  # the first scan, listing included
    unchanged_s: float  # the same scan again
    touched_s: float  # after all times changed: hashed again
    other_s: float  # as first, but one image in a thousand is new
    bank_mb: float  # size of bank.db
    peak_mb: float  # memory of this process so far


def fake(image: Image) -> Detections:
    """One false positive in the middle of every image."""
    height, width = image.shape[:2]
    return Detections(
        np.array([[width * 0.4, height * 0.4, width * 0.6, height * 0.6]]), np.array([0.9]), np.array([0])
    )


def make_tree(folder: Path, count: int) -> Path:
    """So many images, in folders of some thousands."""
    rng = np.random.default_rng(0)
    tree, originals = folder / "tree", folder / "originals"
    originals.mkdir()
    for number in range(min(_PICTURES, count)):
        cv2.imwrite(str(originals / f"{number}.jpg"), rng.integers(0, 255, (120, 160, 3), dtype=np.uint8))
    for number in range(count):
        here = tree / f"{number // _FOLDER:05d}"
        if number % _FOLDER == 0:
            here.mkdir(parents=True)
        os.link(originals / f"{number % _PICTURES}.jpg", here / f"image-{number:07d}.jpg")
    return tree


def add_others(bank: Path, count: int) -> None:
    """Write so many files, with contents of their own, into a bank that has a run; their names and hashes are mixed."""
    with contextlib.closing(sqlite3.connect(bank / "bank.db")) as connection, connection:
        connection.create_function("hash_of", 1, lambda n: hashlib.sha256(b"%d" % n).hexdigest(), deterministic=True)
        connection.execute("CREATE TEMP TABLE others (id INTEGER PRIMARY KEY, sha256 TEXT)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO others SELECT i + (SELECT max(id) FROM sources), hash_of(i) FROM n",
            (count,),
        )
        connection.execute(
            "INSERT INTO sources (id, sha256, path, key, width, height, truth_key) SELECT id, sha256,"
            " '/others/' || sha256 || '.jpg', CAST('/others/' || sha256 || '.jpg' AS BLOB), 160, 120, '' FROM others"
            " ORDER BY sha256"
        )
        connection.execute(
            "INSERT INTO items (path, key, size, mtime_ns, source_id)"
            " SELECT path, key, 10000, 1, id FROM sources WHERE path LIKE '/others/%' ORDER BY key"
        )
        connection.execute("INSERT INTO scans SELECT 1, id, '' FROM others")


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(count: int, others: int) -> Row:
    """Scan a tree of so many images, four times."""
    with tempfile.TemporaryDirectory(prefix="negmine-catalogue-") as name:
        folder = Path(name)
        tree = make_tree(folder, count)
        detector = FunctionDetector(fake, {0: "thing"}, name="fake")

        def again() -> ScanResult:
            return scan(tree, detector, bank=folder / "bank")

        listing, first = seconds(lambda: expand_sources([tree])), seconds(again)
        if others:
            add_others(folder / "bank", others)
        unchanged = seconds(again)
        for original in (folder / "originals").iterdir():
            os.utime(original, ns=(1, 1))
        touched = seconds(again)
        for number in range(0, count, 1000):
            path = tree / f"{number // _FOLDER:05d}" / f"image-{number:07d}.jpg"
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data + b"%d" % number)  # what follows a JPEG's end is no part of the picture
        other = seconds(again)
        size = (folder / "bank" / "bank.db").stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Row(count, listing, first, unchanged, touched, other, round(size, 1), round(peak, 1))


def main() -> None:
    """Measure each count, the smallest first, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--others", type=int, default=0, metavar="N", help="rows of other files in the bank")
    parser.add_argument("--quick", action="store_true", help="1,000 images alone")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [measure(count, args.others) for count in ([1_000] if args.quick else args.counts)]
    if args.json:
        print(
            json.dumps(
                {"schema_version": 1, "detector": "fake", "others": args.others, "rows": [asdict(row) for row in rows]}
            )
        )
        return
    print("images a second, with a fake detector; listing included, but for the first column")
    print("   images   listing  first scan  unchanged    touched  1 in 1000 new  bank MB  peak MB")
    for row in rows:
        times = (row.list_s, row.first_s, row.unchanged_s, row.touched_s, row.other_s)
        speeds = "  ".join(f"{row.images / each:9.0f}" for each in times)
        print(f"{row.images:9d} {speeds} {row.bank_mb:12.1f} {row.peak_mb:8.1f}")


if __name__ == "__main__":
    main()
