"""How fast is `negmine export --format voc`, beside supervision's writer and plain lxml; and `negmine verify`. In turn.

    python benchmarks/export.py --count 100000

A bank of tiny images is made first, so that what counts is the number of files. The sides, each a process of its own,
in rounds:
  negmine export                 images and annotations; each image is hashed while it is copied, every file is
                                 flushed to disk, and a list of what was written is kept
  negmine export --hardlink      the same with links: each image is hashed
  supervision, lxml              images and annotations, nothing flushed or checked
  negmine verify                 the bank: every file against its hash, every row against its file
  XML alone: ...                 the annotations of the three, without images, by their own clock, imports left out;
                                 "in memory" is without writing them to files

The first four kinds run on a bank of half as many and on the whole one. "whole" is the process on the whole bank, start
included; "steady" is the difference of the two runs. Figures are medians over the rounds; a ratio is the median of the
ratios within a round. How many annotations each wrote is counted: not every writer writes one for an image that holds
nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from processes import Measured, cores
from rounds import Notes, Side, in_rounds, summary, table
from tiny_bank import make_bank

EXPORT, LINKED, VERIFY = "negmine export", "negmine export --hardlink", "negmine verify"
SUPERVISION, LXML = "supervision", "lxml"
ALONE = "XML alone: {}".format
_WRITERS = Path(__file__).with_name("voc_writers.py")
_PAIRS = (
    *((ours, theirs) for ours in (EXPORT, LINKED) for theirs in (SUPERVISION, LXML)),
    *((ALONE("negmine"), ALONE(theirs)) for theirs in (SUPERVISION, LXML)),
)


def all_sides() -> tuple[list[Side], dict[str, str]]:
    """The sides that can run here, and why the others cannot."""
    writers, missing = [SUPERVISION, LXML], {}
    if importlib.util.find_spec("supervision") is None:
        writers.remove(SUPERVISION)
        missing = dict.fromkeys((SUPERVISION, ALONE(SUPERVISION)), "not installed")
    sides = [_export(EXPORT, []), *map(_writer, writers), _export(LINKED, ["--hardlink"])]
    verify = Side(VERIFY, lambda bank, out: [sys.executable, "-m", "negmine", "verify", "--bank", str(bank)])
    return [*sides, verify, *map(_alone, ["negmine", *writers])], missing


def _export(name: str, more: Sequence[str]) -> Side:
    fixed = [sys.executable, "-m", "negmine", "export", "--format", "voc", *more]
    return Side(name, lambda bank, out: [*fixed, "--bank", str(bank), "--out", str(out)], _annotations)


def _writer(name: str) -> Side:
    return Side(name, lambda bank, out: [sys.executable, str(_WRITERS), name, str(bank), str(out)], _annotations)


def _alone(name: str) -> Side:
    fixed = [sys.executable, str(_WRITERS), name]
    return Side(ALONE(name), lambda bank, out: [*fixed, str(bank), str(out), "--xml-alone"], _texts, inside=True)


def _annotations(measured: Measured, out: Path) -> Notes:
    return {"annotations": sum(1 for _ in out.glob("Annotations/*.xml"))}


def _texts(measured: Measured, out: Path) -> Notes:
    return {**_annotations(measured, out), "in memory/s": float(measured.stdout.split()[1])}


def main() -> None:
    """Make the banks, run the rounds and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000, help="negatives in the bank")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round on 400 negatives, under a minute")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.count < 2:
        parser.error(f"expected --count of 2 or more, found {args.count}")
    if args.quick:
        args.count, args.rounds = min(args.count, 400), 1
    sides, missing = all_sides()
    names = {side.name for side in sides}
    with tempfile.TemporaryDirectory(prefix="negmine-export-") as folder:
        scratch = Path(folder)
        half, full = make_bank(args.count // 2, scratch / "half"), make_bank(args.count, scratch / "all")
        runs = in_rounds(sides, half, full, rounds=args.rounds, warm_up=not args.quick, scratch=scratch)
    pairs = [(ours, theirs) for ours, theirs in _PAIRS if theirs in names]
    document = {"rounds": args.rounds, **summary(runs, full.items, pairs), "missing": missing}
    if args.json:
        print(json.dumps(document, indent=1))
        return
    print(f"{full.items} negatives, {cores()} cores, {args.rounds} rounds")
    print(table(document, "negatives", missing))


if __name__ == "__main__":
    main()
