"""Verdicts of other tools on the negatives of a bank, and what holds where two contradict each other."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from banks import judge
from tool_files import cvat, fiftyone, negatives, states, task, write, write_csv, write_rows

from negmine.bank.bank import Bank
from negmine.bank.filters import ConflictRule
from negmine.bank.settling import Conflict
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
from negmine.importing.import_file import import_file


def test_verdicts_of_a_csv_by_hash_and_by_its_beginning(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    rows = [(one.sha256, "rejected"), (two.sha256[:12], "Target"), ("fffffff", "accepted"), ("xyz", "accepted")]
    result = import_file(write_csv(tmp_path / "v.csv", rows), small_bank)
    assert result.verdicts == {"rejected": 1, "target": 1}
    assert states(small_bank) == {one.sha256: "rejected", two.sha256: "target"}
    assert [where for where, _ in result.unmatched] == ["line 4 (fffffff)"]
    ((where, reason),) = result.unusable
    assert where == "line 5" and "seven or more hex digits" in reason and "'xyz'" in reason


def test_the_list_of_a_bank_can_be_edited_and_imported(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    rows = [(one.sha256, "rejected"), (two.sha256, "unreviewed")]
    result = import_file(write_csv(tmp_path / "v.csv", rows, head=("id", "state")), small_bank)
    assert result.verdicts == {"rejected": 1}


def test_lines_of_a_csv_are_those_of_the_file(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    before = csv.field_size_limit(1000)
    try:
        rows = [("id", "note", "verdict"), (one.sha256, 'a "sign",\nseen', "target"), [], ("", "x", "acepted")]
        result = import_file(write_rows(tmp_path / "v.csv", *rows, (two.sha256, "", "bad")), small_bank)
        assert csv.field_size_limit() == 1000
    finally:
        csv.field_size_limit(before)
    assert [what.split(" (")[0] for what, _ in result.unusable] == ["line 5", "line 6"]
    assert states(small_bank) == {one.sha256: "target", two.sha256: "unreviewed"}


def test_a_word_that_is_no_verdict_is_named(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    result = import_file(write_csv(tmp_path / "v.csv", [(one.sha256, "acepted")]), small_bank)
    ((_, reason),) = result.unusable
    assert "did you mean 'accepted'" in reason and set(states(small_bank).values()) == {"unreviewed"}


def test_tags_and_choices_are_verdicts(small_bank: Path, tmp_path: Path) -> None:
    one, two = negatives(small_bank)
    file = write(tmp_path / "samples.json", fiftyone(str(one.path), ["validation", "rejected"]))
    assert import_file(file, small_bank).verdicts == {"rejected": 1}
    choice = {"type": "choices", "value": {"choices": ["accepted"]}}
    tasks = [{"id": 1, "data": {"image": f"x/{two.path.name}"}, "annotations": [{"result": [choice]}]}]
    assert import_file(write(tmp_path / "tasks.json", tasks), small_bank).verdicts == {"accepted": 1}
    (tmp_path / "cvat.xml").write_text(cvat('<tag label="target"/>', name=one.path.name))
    result = import_file(tmp_path / "cvat.xml", small_bank, conflicts="theirs")
    assert result.verdicts == {"target": 1} and len(result.conflicts) == 1


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"type": "choices", "value": {"choices": ["acepted"]}}, "found 'acepted'; did you mean 'accepted'"),
        ({"type": "rating", "value": {"rating": 3}}, "neither a region nor a verdict"),
    ],
)
def test_a_choice_that_is_no_verdict_says_nothing_about_objects(
    small_bank: Path, tmp_path: Path, result: dict[str, object], reason: str
) -> None:
    tasks = [{"id": 1, "data": {"image": "000.png"}, "annotations": [{"result": [result]}]}]
    done = import_file(write(tmp_path / "tasks.json", tasks), small_bank)
    assert (done.labelled, [where for where, _ in done.unusable]) == (0, ["task 1 (000.png)"])
    assert reason in done.unusable[0][1]
    with Bank(small_bank) as bank:
        assert bank.scalar("SELECT count(*) FROM truths WHERE hash LIKE 'import/%'") == 0


def test_a_task_that_nobody_opened_says_nothing(small_bank: Path, tmp_path: Path) -> None:
    tasks = [{**task("000.png", []), "annotations": []}, task("000.png", [])]
    tasks[1]["annotations"] = [{"result": [], "was_cancelled": True}]
    result = import_file(write(tmp_path / "tasks.json", tasks), small_bank)
    assert (result.entries, result.silent, result.labelled) == (2, 2, 0)
    (tmp_path / "cvat.xml").write_text(cvat(""))
    assert import_file(tmp_path / "cvat.xml", small_bank).silent == 1


@pytest.mark.parametrize(("rule", "kept"), [("safer", "target"), ("own", "target"), ("theirs", "accepted")])
def test_a_verdict_that_contradicts_the_banks_is_named(small_bank: Path, tmp_path: Path, rule: str, kept: str) -> None:
    one, _ = negatives(small_bank)
    judge(small_bank, one.id, "target")
    result = import_file(write_csv(tmp_path / "v.csv", [(one.sha256, "accepted")]), small_bank, conflicts=rule)
    (conflict,) = result.conflicts
    assert (conflict.sha256, conflict.own, conflict.theirs, conflict.kept) == (one.sha256, "target", "accepted", kept)
    assert states(small_bank)[one.sha256] == kept


@pytest.mark.parametrize("rule", ["safer", "own", "theirs"])
def test_of_two_verdicts_in_one_file_the_safer_holds(small_bank: Path, tmp_path: Path, rule: ConflictRule) -> None:
    one, _ = negatives(small_bank)
    rows = [(one.sha256, "target"), (one.sha256[:9], "accepted"), (one.sha256, "unreviewed")]
    result = import_file(write_csv(tmp_path / "v.csv", rows), small_bank, conflicts=rule)
    assert result.conflicts == (Conflict(one.sha256, "unreviewed", "accepted", "target", "line 3"),)
    assert result.conflicts[0].to_dict()["where"] == "line 3" and result.unusable == ()
    assert states(small_bank)[one.sha256] == "target"


def test_two_verdicts_of_one_task_are_settled_too(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    sample = fiftyone(str(one.path), ["accepted", "rejected"])
    result = import_file(write(tmp_path / "samples.json", sample), small_bank)
    assert states(small_bank)[one.sha256] == "rejected" and [each.theirs for each in result.conflicts] == ["accepted"]


def test_several_verdicts_against_the_banks_own(small_bank: Path, tmp_path: Path) -> None:
    one, _ = negatives(small_bank)
    judge(small_bank, one.id, "accepted")
    file = write_csv(tmp_path / "v.csv", [(one.sha256, "rejected"), (one.sha256, "accepted"), (one.sha256, "target")])
    own = import_file(file, small_bank, conflicts="own")
    assert [(each.theirs, each.kept) for each in own.conflicts] == [("rejected", "accepted"), ("target", "accepted")]
    assert {each.kept for each in import_file(file, small_bank).conflicts} == {"target"}


def exported(bank: Path, out: Path) -> list[dict[str, object]]:
    export(bank, out, config=ExportConfig("label-studio"))
    tasks: list[dict[str, object]] = json.loads((out / "tasks.json").read_text())
    return tasks


def test_a_negative_confirmed_in_label_studio_is_accepted_and_not_asked_again(small_bank: Path, tmp_path: Path) -> None:
    first, second = exported(small_bank, tmp_path / "first")
    assert "annotations" not in first and "annotations" not in second
    confirmed = write(tmp_path / "done.json", [{**first, "annotations": [{"result": []}]}])
    assert import_file(confirmed, small_bank).verdicts == {"accepted": 1}
    again = exported(small_bank, tmp_path / "again")
    assert [each.get("annotations") for each in again] == [[{"result": []}], None]
    assert import_file(tmp_path / "again" / "tasks.json", small_bank).verdicts == {}  # its own export says the same
