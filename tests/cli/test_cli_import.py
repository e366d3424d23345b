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


def test_what_has_no_place_and_what_contradicts_is_named(run: Run, small_bank: Path, tmp_path: Path) -> None:
    with Bank(small_bank) as bank:
        one, _ = bank.negatives()
    mask = {"id": "a", "type": "brushlabels", "value": {"format": "rle", "rle": [1], "brushlabels": ["sign"]}}
    choice = {"type": "choices", "value": {"choices": ["accepted"]}}
    tasks = [{"id": 3, "data": {"image": one.path.name}, "annotations": [{"result": [choice, mask]}]}]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    done = run("import", "tasks.json", "--bank", small_bank)
    assert done.returncode == 0 and "1 verdict changed: 1 target" in done.stdout
    assert f"conflict about {one.sha256[:10]}: unreviewed here, accepted in task 3; target holds" in done.stdout
    assert "1 entry with objects that cannot be placed" in done.stdout
    assert "skipped an object of task 3" in done.stderr and "brushlabels" in done.stderr
