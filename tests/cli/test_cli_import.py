"""`negmine import`, as users run it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from banks import judge
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


def test_a_file_of_which_nothing_can_be_used_is_refused_in_one_line(run: Run, small_bank: Path, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("id,verdict\nabcd1234,target\nabcd5678,perhaps\n")
    line = one_line(run("import", "v.csv", "--bank", small_bank))
    assert "found none that can be used: line 2 (abcd1234): no image of the bank" in line and "1 more entry" in line
    done = run("import", "v.csv", "--bank", small_bank, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 2 and len(document["unmatched"]) == len(document["unusable"]) == 1


def test_what_to_do_next_can_be_typed(run: Run, small_bank: Path, tmp_path: Path) -> None:
    with Bank(small_bank) as bank:
        (one,) = (each for each in bank.negatives() if each.source.name == "000.png")
    judge(small_bank, one.id, "target")
    document = {
        "images": [{"id": 1, "file_name": "000.png", "width": 200, "height": 120}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}],
        "categories": [{"id": 1, "name": "sign"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    lines = run("import", "coco.json", "--bank", "bank").stdout.splitlines()
    assert "next: repeat the `negmine scan` of these images, with --bank bank" in lines[-1]
    (accept,) = (line for line in lines if line.startswith("next: negmine bank accept"))
    command = accept.removeprefix("next: ").partition(", if the labels are right")[0]
    assert command == f"negmine bank accept --bank bank {one.sha256[:10]}"
    assert run(*command.split()[1:]).returncode == 0
    assert "bank accept" not in run("import", "coco.json", "--bank", "bank").stdout


@pytest.mark.parametrize(
    ("key", "way_back"), [("label-studio", "negmine import FILE --bank bank"), ("voc", "scan them again with --data")]
)
def test_an_export_of_targets_says_how_labels_come_back(run: Run, small_bank: Path, key: str, way_back: str) -> None:
    judge(small_bank, 1, "target")
    done = run("export", "--only", "targets", "--bank", "bank", "--format", key, "--out", "to-label")
    assert done.returncode == 0 and way_back in done.stdout
