"""The files of the examples that no guide runs: their commands are those that negmine has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from negmine.cli import cli

EXAMPLES = Path(__file__).parents[2] / "examples"


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def commands(name: str) -> list[list[str]]:
    document = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    found = [text.strip().partition(" > ")[0] for text in texts(document) if text.startswith("negmine ")]
    return [shlex.split(text) for text in found]


@pytest.mark.parametrize(("name", "count"), [("github-workflow.yml", 1), ("dvc.yaml", 3)])
def test_the_commands_of_a_file_parse(name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = commands(name)
    assert len(found) == count
    for _, command, *arguments in found:
        root = click.Context(cli, info_name="negmine")
        declared = cli.get_command(root, command)
        assert declared is not None
        declared.make_context(command, arguments, parent=root)


def test_a_pull_request_fails_by_the_exit_status() -> None:
    (words,) = commands("github-workflow.yml")
    assert words[1] == "eval" and words.count("--fail-if") == 2 and words.count("--weights") == 2


def test_the_container_runs_as_a_user_and_holds_what_a_build_needs() -> None:
    lines = (EXAMPLES / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users and users[-1] != "USER root"
    assert any(re.match(r"ARG TORCH=https://\S+/cpu$", line) for line in lines)
    copied = " ".join(line for line in lines if line.startswith("COPY "))
    assert all(name in copied for name in ("pyproject.toml", "README.md", "LICENSE", "negmine"))
