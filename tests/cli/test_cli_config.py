"""Defaults of options from a file and from the environment, and `negmine config`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from commands import one_line

from negmine.cli import cli
from negmine.cli._settings import defaults_of, find_settings, keyed_options, refusal

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def values(run: Run, *words: str) -> dict[str, tuple[object, str]]:
    document = json.loads(run("config", *words, "--json").stdout)
    return {f"{each['command']} {each['option']}": (each["value"], each["from"]) for each in document["values"]}


def test_without_a_file_nothing_is_set(run: Run) -> None:
    assert values(run) == {}
    assert values(run, "scan")["scan conf"] == (0.25, "default")
    assert "file: none" in run("config").stdout


def test_the_file_then_the_environment_then_the_command_line(
    run: Run, small_bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "negmine.toml").write_text(f'[bank.list]\n\nlimit = 1\nbank = "{small_bank}"\nstate = ["unreviewed"]\n')

    def listed(*options: str) -> int:
        return len(run("bank", "list", *options).stdout.splitlines())

    assert listed() == 1
    assert values(run)["bank list limit"] == (1, "negmine.toml line 3")
    monkeypatch.setenv("NEGMINE_BANK_LIST_LIMIT", "2")
    assert listed() == 2
    assert values(run)["bank list limit"] == ("2", "NEGMINE_BANK_LIST_LIMIT")
    assert listed("--limit", "1") == 1
    assert listed("--state", "accepted") == 0


def test_a_file_that_is_named_and_one_of_a_python_project(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.negmine.scan]\nconf = 0.5\n')
    assert values(run) == {"scan conf": (0.5, "pyproject.toml line 4")}
    (tmp_path / "negmine.toml").write_text("[scan]\nconf = 0.4\n")
    assert values(run) == {"scan conf": (0.4, "negmine.toml line 2")}
    (tmp_path / "other.toml").write_text("[scan]\nconf = 0.3\n")
    done = run("--config", "other.toml", "config")
    assert "scan conf = 0.3  (other.toml line 2)" in done.stdout
    monkeypatch.setenv("NEGMINE_CONFIG", "no.toml")
    assert "no.toml: expected a TOML file" in one_line(run("config"))


def test_a_pyproject_without_a_section_is_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    assert values(run) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[scan]\ncnof = 1\n", "negmine.toml line 2: `negmine scan` has no option 'cnof'; did you mean 'conf'?"),
        ("[scna]\nconf = 1\n", "line 1: negmine has no command 'scna'; did you mean 'scan'?"),
        ("[bank.lst]\nlimit = 1\n", "line 1: negmine has no command 'bank lst'; did you mean 'list'?"),
        ("conf = 0.3\n", "line 1: negmine has no command 'conf'"),
        ("[scan]\n\nconf = 'high'\n", "line 3: conf: expected a score from 0 to 1, or a .yaml of"),
        ("[scan]\nimgsz = 320.5\n", "line 2: expected a whole number for imgsz, found 320.5"),
        ("[scan]\nconfirm = 1\n", "line 2: expected true or false for confirm, found 1"),
        ("[scan]\ncrop = 'squar'\n", "line 2: crop: 'squar' is not one of"),
        ("scan.iou = true\n", "line 1: expected a number for iou, found True"),
        ("[scan]\nclasses = [1, {}]\n", "expected a text, or several in a list for classes, found {}"),
        ("[bank]\nlist = 1\n", "line 2: expected a section [bank.list], found a value"),
        ("[scan\n", "is no valid TOML"),
        ("[scan]\nweights = 'torchvision:ssd300_vgg16'\n", "weights is an address"),
        ("[export]\nhardlink = true\n", "hardlink is not taken from a file, since it is one of several that exclude"),
        ("[scan]\ntrust-weights = true\n", "trust-weights is not taken from a file, since it lets weights run code"),
        ("[eval]\nthresholds = 'a.yaml'\n", "thresholds is not taken from a file, since it may replace a file"),
        ("[export]\ninto = 'data'\n", "into is not taken from a file, since it changes a data set"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_line(run: Run, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "negmine.toml").write_text(text)
    assert message in one_line(run("config"))


def test_a_value_that_only_the_command_refuses_is_said_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "negmine.toml").write_text('[scan]\nweights = "w.pt"\nbatch = -1\n')
    assert "found '-1' (negmine.toml line 3)" in run("scan", ".").stderr


def test_all_defaults_of_a_command_are_shown_as_a_file_has_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "negmine.toml").write_text('[scan]\nclasses = ["bg"]\nconfirm = true\n')
    lines = run("config", "scan").stdout.splitlines()
    for line in (
        'scan classes = ["bg"]  (negmine.toml line 2)',
        "scan confirm = true  (negmine.toml line 3)",
        "scan workers = one per core  (default)",
        "scan iou = 0.7, torchvision 0.5  (default)",
        'scan device = "auto"  (default)',
        "scan trust-weights = false  (default; never from a file)",
    ):
        assert line in lines, line
    exported = run("config", "export").stdout.splitlines()
    assert 'export copy|hardlink|symlink = "copy"  (default; never from a file)' in exported
    assert not [line for line in exported if line.startswith("export hardlink")]


def test_a_command_is_named_with_a_dot_too(run: Run) -> None:
    assert values(run, "bank.list") == values(run, "bank", "list") != {}


def test_a_section_of_defaults_is_for_every_command_that_has_the_option(
    run: Run, small_bank: Path, tmp_path: Path
) -> None:
    path = tmp_path / "negmine.toml"
    path.write_text(f'[defaults]\nbank = "{small_bank}"\nworkers = 1\n\n[export]\nbank = "other"\n')
    found = values(run)
    assert found["bank list bank"] == (str(small_bank), "negmine.toml line 2") == found["scan bank"]
    assert found["export bank"] == ("other", "negmine.toml line 6") and "config bank" not in found
    assert len(run("bank", "list").stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bnak = 'b'", "line 2: no command has an option 'bnak'; did you mean 'bank'?"),
        ("workers = 'many'", "line 2: expected a whole number for workers, found 'many'"),
        ("trust-weights = true", "line 2: trust-weights is not taken from a file"),
        ("weights = 'torchvision:ssd300_vgg16'", "line 2: weights is an address"),
    ],
)
def test_a_shared_default_is_checked_as_any_other(run: Run, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "negmine.toml").write_text(f"[defaults]\n{text}\n")
    assert message in one_line(run("config"))


def test_a_bad_variable_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEGMINE_SCAN_CONF", "high")
    monkeypatch.setenv("NEGMINE_SCAN_CNOF", "1")
    assert "(NEGMINE_SCAN_CONF)" in run("scan", ".").stderr
    assert "NEGMINE_SCAN_CNOF is set, and no option has this name" in run("config").stderr


def test_help_is_shown_whatever_the_file_says(run: Run, tmp_path: Path) -> None:
    (tmp_path / "negmine.toml").write_text("[scan\n")
    assert run("scan", "--help").returncode == 0 and run("--help").returncode == 0


def test_what_the_command_line_has_instead_replaces_a_default(run: Run, tmp_path: Path) -> None:
    (tmp_path / "negmine.toml").write_text('[scan]\nweights = "w.pt"\n')
    assert "found both" not in run("scan", ".", "--predictions", "p.json").stderr


def test_a_file_of_somebody_else_lets_nothing_run_or_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flag that trusts, removes or sends is refused, in every command that has it."""
    monkeypatch.chdir(tmp_path)
    refused = {
        (name, key)
        for name in cli.list_commands(click.Context(cli))
        for key, option in keyed_options(command(name))
        if refusal(option, key)
    }
    assert {("scan", "trust-weights"), ("eval", "trust-weights"), ("retrain", "trust-weights")} <= refused
    assert {
        ("verify", "repair"),
        ("report", "out"),
        ("eval", "plot"),
        ("review", "host"),
        ("retrain", "set"),
    } <= refused
    assert ("export", "out") not in refused and ("scan", "weights") not in refused


def test_every_option_can_be_set_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default of negmine that is written into a file is taken, and changes nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("scan", "retrain", "ratio", "augment"):
        found = command(name)
        lines = [
            f"{key} = {json.dumps(option.default)}"
            for key, option in keyed_options(found)
            if isinstance(option.default, (bool, int, float, str)) and not refusal(option, key)
        ]
        (tmp_path / "negmine.toml").write_text("\n".join([f"[{name}]", *lines]))
        taken = defaults_of(found, (name,), find_settings(None))
        assert len(taken) == len(lines) > 1
        defaults = {each.name: each.default for _, each in keyed_options(found)}
        assert all(str(default.value) == str(defaults[each]) for each, default in taken.items())


@pytest.mark.parametrize(
    ("words", "found"), [("negmine sc", "scan"), ("negmine bank li", "list"), ("negmine scan --imgs", "--imgsz")]
)
def test_a_shell_completes_commands_and_options(
    shell: Run, monkeypatch: pytest.MonkeyPatch, words: str, found: str
) -> None:
    monkeypatch.setenv("_NEGMINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert f"plain,{found}" in shell().stdout.splitlines()
