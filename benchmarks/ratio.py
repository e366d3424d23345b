"""How fast does `negmine ratio` find near-duplicates, compared to a loop over all pairs of hashes? Both run in turn.

    python benchmarks/ratio.py

The hashes are 1,000 to 100,000 random 64-bit numbers with planted near-duplicates. The loop is what people write
in NumPy: one hash against all that follow it. Both must find the same groups. Prints the median seconds of each, the
number of duplicates found, and the median ratio of the pairs of runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from negmine.images.near_duplicates import near_components

MAX_DISTANCE = 4
Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def hashes_with_near_duplicates(number: int, planted: int, rng: np.random.Generator) -> Hashes:
    """Random hashes; the last `planted` are copies of the first ones with 0 to 4 bits flipped."""
    hashes = rng.integers(0, 2**64, size=number, dtype=np.uint64)
    for index in range(planted):
        flipped = rng.choice(64, size=rng.integers(0, MAX_DISTANCE + 1), replace=False)
        hashes[number - planted + index] = hashes[index] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    return hashes


def each_with_each(hashes: Hashes) -> Numbers:
    """Number the groups of near hashes by comparing each hash with all that follow it."""
    numbers = np.arange(len(hashes), dtype=np.int64)
    for index in range(len(hashes) - 1):
        for near in np.flatnonzero(np.bitwise_count(hashes[index + 1 :] ^ hashes[index]) <= MAX_DISTANCE):
            first, second = sorted((numbers[index], numbers[index + 1 + near]))
            numbers[numbers == second] = first
    return numbers


def timed(group: Callable[[Hashes], Numbers], hashes: Hashes) -> tuple[float, list[int]]:
    """Wall-clock seconds, and for each hash the first hash of its group."""
    started = time.perf_counter()
    numbers = group(hashes)
    seconds = time.perf_counter() - started
    first: dict[int, int] = {}
    return seconds, [first.setdefault(int(number), index) for index, number in enumerate(numbers)]


def measure(number: int, runs: int, rng: np.random.Generator) -> dict[str, float]:
    """Run both on the same hashes, new ones for each run."""
    seconds: list[tuple[float, float]] = []
    grouped = 0
    for _ in range(runs):
        hashes = hashes_with_near_duplicates(number, number // 100, rng)
        ours, groups = timed(near_components, hashes)
        theirs, expected = timed(each_with_each, hashes)
        if groups != expected:
            raise SystemExit(f"{number} hashes: the two found different groups")
        seconds.append((ours, theirs))
        grouped = number - len(set(groups))
    ours, theirs = (statistics.median(side) for side in zip(*seconds, strict=True))
    ratio = statistics.median(each[1] / each[0] for each in seconds)
    return {"hashes": number, "negmine_s": ours, "each_with_each_s": theirs, "duplicates": grouped, "ratio": ratio}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each, for each number of hashes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one run each, under a minute")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    rows = [measure(number, 1 if args.quick else args.runs, rng) for number in (1_000, 10_000, 100_000)]
    if args.json:
        print(json.dumps({"max_distance": MAX_DISTANCE, "rows": rows}))
        return
    print(f"near-duplicates within {MAX_DISTANCE} of 64 bits; medians of seconds")
    print("  hashes     negmine  each with each  duplicates    ratio")
    for row in rows:
        print(
            f"{row['hashes']:8,.0f}  {row['negmine_s']:10.4f}  {row['each_with_each_s']:14.4f}"
            f"  {row['duplicates']:10.0f}  {row['ratio']:7.1f}"
        )


if __name__ == "__main__":
    main()
