"""The measurement of the catalogue, at a size that says nothing but that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "catalogue.py"


def test_it_says_that_the_detector_is_fake_and_what_each_count_cost() -> None:
    command = [sys.executable, str(BENCHMARK), "--counts", "1", "20", "--others", "50", "--json"]
    document = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert document["detector"] == "fake" and [row["images"] for row in document["rows"]] == [1, 20]
    assert document["others"] == 50
    assert all(value > 0 for row in document["rows"] for value in row.values())
