"""One name for one thing: labelled data is `--data`, threads are `--workers`, and what had other names still runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from test_cli import COMMANDS, loaded

from negmine.cli._command import Option

Run = Callable[..., "subprocess.CompletedProcess[str]"]
FORMERLY = {"scan": ("--truth", "--data"), "augment": ("--positives", "--data"), "retrain": ("--crop", "--mine-crop")}


def named(command: str, name: str) -> Option | None:
    found = [each for each in loaded(command).params if isinstance(each, Option) and name in each.opts]
    return found[0] if found else None


def test_workers_are_threads_and_have_one_default() -> None:
    found = [each for command in COMMANDS if (each := named(command, "--workers")) is not None]
    assert len(found) > 5 and {each.help for each in found} == {"Threads that read and write.  [default: one per core]"}


def test_scripts_that_ask_retrain_for_no_loading_processes_get_that_far(run: Run, tmp_path: Path) -> None:
    line = run("retrain", "--weights", "a.pt", "--data", "gone", "--backgrounds", tmp_path, "--workers", "0").stderr
    assert "no weights at a.pt" in line


def test_an_option_of_one_name_has_one_default() -> None:
    assert (named("scan", "--crop") or pytest.fail()).shown == ("--crop",)
    assert (named("retrain", "--mine-crop") or pytest.fail()).shown == ("--mine-crop",)


@pytest.mark.parametrize("command", FORMERLY)
def test_a_former_name_is_taken_and_not_shown(run: Run, command: str) -> None:
    former, present = FORMERLY[command]
    option = named(command, former)
    assert option is not None and option is named(command, present)
    shown = {line.split()[0] for line in run(command, "--help").stdout.splitlines() if line.startswith("  --")}
    assert present in shown and former not in shown


def test_labels_by_either_name_are_the_same(run: Run) -> None:
    scan = loaded("scan")
    one, two = (scan.make_context("scan", ["in", name, "c.json"]).params["truth"] for name in ("--data", "--truth"))
    assert one == two == "c.json"
    both = run("scan", "in", "--data", "c.json", "--truth", "c.json")
    assert both.returncode == 2 and "Option '--data' is given 2 times" in both.stderr


def test_ratio_takes_data_as_an_option_too(run: Run, tmp_path: Path) -> None:
    document = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    (tmp_path / "c.json").write_text(json.dumps(document))
    asked = [run("ratio", *words, "--json") for words in (["c.json"], ["--data", "c.json"])]
    assert asked[0].stdout == asked[1].stdout and asked[0].stderr == asked[1].stderr
    assert "Missing argument 'DATA...'" in run("ratio").stderr
    assert isinstance(loaded("ratio"), click.Command)
