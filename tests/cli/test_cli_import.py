"""`negmine import`, as users run it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from commands import one_line

from negmine.bank.bank import Bank

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_what_was_taken_and_what_was_not_is_said(run: Run, small_bank: Path, tmp_path: Path) -> None:
    with Bank(small_bank) as bank:
        one, two = bank.negatives()
    (tmp_path / "v.csv").write_text(f"id,verdict\n{one.sha256},rejected\n{two.sha256},accepted\nabcd1234,target\n")
    done = run("import", "v.csv", "--bank", small_bank)
    assert done.returncode == 0 and "2 verdicts changed: 1 accepted, 1 rejected" in done.stdout
    assert "1 entry without an image in the bank" in done.stdout and "skipped line 4 (abcd1234)" in done.stderr
    document = json.loads(run("import", "v.csv", "--bank", small_bank, "--json").stdout)
    assert document["schema_version"] == 1 and document["verdicts"] == {}
    assert [each["what"] for each in document["unmatched"]] == ["line 4 (abcd1234)"]


def test_a_file_of_another_kind_is_one_line(run: Run, small_bank: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert "JSON of another kind" in one_line(run("import", "a.json", "--bank", small_bank))
    assert "does not exist" in one_line(run("import", "a.json"))


def test_a_file_of_which_nothing_can_be_used_is_refused_in_one_line(run: Run, small_bank: Path, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("id,verdict\nabcd1234,target\nabcd5678,perhaps\n")
    line = one_line(run("import", "v.csv", "--bank", small_bank))
    assert "found none that can be used: line 2 (abcd1234): no image of the bank" in line and "1 more entry" in line
    done = run("import", "v.csv", "--bank", small_bank, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 2 and len(document["unmatched"]) == len(document["unusable"]) == 1
