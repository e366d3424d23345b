"""How fast does `negmine ratio` find near-duplicates beside comparing each hash with each? Both sides in turn.

    python benchmarks/ratio.py

Random 64-bit hashes with near-duplicates planted among them, in numbers of 1,000 to 100,000. The other side is the loop
that people write in numpy: one hash against all that follow it. Both must find the same pairs, and every planted one.
Prints the median seconds of each side, the pairs that were found, and the median of the ratios of the pairs of runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from negmine.ratios.near import near_pairs

MAX_DISTANCE = 4
Hashes = npt.NDArray[np.uint64]
Pairs = npt.NDArray[np.int64]


def hashes_with_near_duplicates(number: int, planted: int, rng: np.random.Generator) -> tuple[Hashes, Pairs]:
    """Random hashes; the last `planted` are copies of the first ones with 0 to 4 bits flipped."""
    hashes = rng.integers(0, 2**64, size=number, dtype=np.uint64)
    for index in range(planted):
        flipped = rng.choice(64, size=rng.integers(0, MAX_DISTANCE + 1), replace=False)
        hashes[number - planted + index] = hashes[index] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    first = np.arange(planted)
    return hashes, np.stack([first, first + number - planted], axis=1)


def each_with_each(hashes: Hashes) -> Pairs:
    """All near pairs, by comparing each hash with all that follow it."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for index in range(len(hashes) - 1):
        near = np.flatnonzero(np.bitwise_count(hashes[index + 1 :] ^ hashes[index]) <= MAX_DISTANCE)
        if len(near):
            found.append(np.stack([np.full(len(near), index), near + index + 1], axis=1))
    return np.concatenate(found)


def timed(find: Callable[[Hashes], Pairs], hashes: Hashes) -> tuple[float, Pairs]:
    """Wall-clock seconds, and what was found."""
    started = time.perf_counter()
    pairs = find(hashes)
    return time.perf_counter() - started, pairs


def measure(number: int, runs: int, rng: np.random.Generator) -> dict[str, float]:
    """Both sides on the same hashes, new ones for each run."""
    seconds: list[tuple[float, float]] = []
    found = 0
    for _ in range(runs):
        hashes, planted = hashes_with_near_duplicates(number, number // 100, rng)
        ours, pairs = timed(near_pairs, hashes)
        theirs, expected = timed(each_with_each, hashes)
        if not np.array_equal(pairs, expected) or not set(map(tuple, planted)) <= set(map(tuple, pairs)):
            raise SystemExit(f"{number} hashes: the two sides found different pairs")
        seconds.append((ours, theirs))
        found = len(pairs)
    ours, theirs = (statistics.median(side) for side in zip(*seconds, strict=True))
    ratio = statistics.median(each[1] / each[0] for each in seconds)
    return {"hashes": number, "near_pairs_s": ours, "each_with_each_s": theirs, "pairs": found, "ratio": ratio}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each side, for each number of hashes")
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
    print("  hashes  near_pairs  each with each   pairs    ratio")
    for row in rows:
        print(
            f"{row['hashes']:8,.0f}  {row['near_pairs_s']:10.4f}  {row['each_with_each_s']:14.4f}"
            f"  {row['pairs']:6.0f}  {row['ratio']:7.1f}"
        )


if __name__ == "__main__":
    main()
