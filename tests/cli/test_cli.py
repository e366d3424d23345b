"""The command line as users meet it: whole processes, real weights, and every way to type something wrong."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import torch
from blobs import draw
from click.testing import CliRunner
from commands import one_line, unless_given
from killing import until

from negmine.bank.bank import Bank
from negmine.cli import cli
from negmine.cli._command import Option
from negmine.cli._options import names_in
from negmine.demo.dataset import write_demo_dataset
from negmine.words import counted

ROOT = Path(__file__).parents[2]
BANK = "list show sheet accept reject target undo compare stats merge prune vacuum".split()
COMMANDS = [
    "scan", "review", "augment", "ratio", "export", "import", "retrain", "eval", "report",
    *(f"bank {name}" for name in BANK), "verifier train", "verifier export", "verify", "config", "demo",
]  # fmt: skip
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(run: Run, command: str) -> None:
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    examples = [
        line.split(command, 1)[1] for line in done.stdout.splitlines() if line.startswith(f"  negmine {command} ")
    ]
    assert examples
    for arguments in examples:
        loaded(command).make_context(command, shlex.split(arguments))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help_and_stands_in_a_named_group(run: Run, command: str) -> None:
    declared = [each for each in loaded(command).params if isinstance(each, click.Option)]
    assert declared
    for each in declared:
        assert isinstance(each, Option) and each.group and each.help, each.name
    shown = run(*command.split(), "--help").stdout
    sections = [section.splitlines() for section in shown.split("\n\n") if re.match(r"[A-Z][a-z ]+:\n", section)]
    listed = {
        line.split()[0].rstrip(","): lines[0].rstrip(":")
        for lines in sections
        for line in lines
        if line.startswith("  -")
    }
    assert {each.opts[0]: each.group for each in declared} | {"-h": "Help"} == listed


def test_a_command_has_h_without_its_group_too() -> None:
    done = CliRunner().invoke(importlib.import_module("negmine.cli.bank.vacuum").command, ["-h"])
    assert done.exit_code == 0 and "-h, --help" in done.stdout


def loaded(command: str) -> click.Command:
    """A command, or one of a group (`verifier train`), imported."""
    found: click.Command | None = cli
    for name in command.split():
        assert isinstance(found, click.Group)
        found = found.get_command(click.Context(found), name)
    assert found is not None
    return found


def test_the_commands_are_those_of_the_group() -> None:
    groups = list(dict.fromkeys(command.split()[0] for command in COMMANDS))
    assert cli.list_commands(click.Context(cli)) == groups


@pytest.mark.parametrize(("number", "words"), [(0, "0 classes"), (1, "1 class"), (2, "2 classes")])
def test_counted(number: int, words: str) -> None:
    assert counted(number, "class", "classes") == words


def test_help_imports_nothing_heavy(run: Run) -> None:
    script = (
        "import sys; sys.argv = ['negmine', *sys.argv[1:]]\n"
        "import atexit, negmine.cli\n"
        "heavy = {'torch', 'cv2', 'numpy', 'ultralytics', 'rich', 'imgaug', 'imagehash', 'PIL'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules))))\n"
        "negmine.cli.main()"
    )
    for arguments in (["--help"], ["verifier", "--help"], *([*command.split(), "--help"] for command in COMMANDS)):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("[]\n"), (arguments, done.stdout[-200:])


def test_the_readme_is_short_and_every_command_is_in_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 200
    assert all(f"negmine {command.split()[0]}" in readme for command in COMMANDS)
    guides = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.md"))
    assert [command for command in COMMANDS if f"negmine {command}" not in readme + guides] == []


def test_every_option_is_in_the_readme_or_a_guide() -> None:
    documents = [ROOT / "README.md", *sorted((ROOT / "examples").glob("*.md"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in documents)
    options = {
        name for command in COMMANDS for each in loaded(command).params for name in each.opts if name.startswith("--")
    }
    assert sorted(name for name in options if name not in text) == []


def test_links_lead_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "examples").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (path.parent / target).exists(), (path.name, target)


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("negmine, version ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--match-iou", "0.05"], "background IoU"),
        (["--context", "0.5"], "context of 1 to 10000"),
        (["--size", "12y7"], "original, none, N or WxH"),
        (["--min-side", "0"], "minimum side"),
        (["--max-per-image", "0"], "at least 1 negative"),
        (["--workers", "0"], "at least 1 worker"),
        (["--conf", "1.5"], "conf"),
        (["--weights", "nowhere.pt"], "nowhere.pt"),
    ],
)
def test_bad_settings_are_one_line(run: Run, tmp_path: Path, options: list[str], message: str) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "w.pt").write_bytes(b"")
    assert message in one_line(run("scan", "a.png", *unless_given(options, weights="w.pt")))
    assert not (tmp_path / "negmine-bank").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "--bank", "a", "--bank", "b"], "Option '--bank' is given 2 times; give it once."),
        (["scan", "a", "--weights", "w", "--conf", "0.1", "--conf=0.2"], "Option '--conf' is given 2 times"),
        (["export", "--out", "x", "--copy", "--symlink"], "Options '--copy' and '--symlink' exclude each other."),
        (["scan", "a.png", "--weights", "w", "--classes", ","], "expected names with commas between them"),
    ],
)
def test_no_value_replaces_another_in_silence(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_classes_may_be_given_in_several_ways() -> None:
    assert names_in(["dog,cat", " dog ", "a person"]) == ("dog", "cat", "a person")
    assert names_in([]) == ()


def test_usage_errors_are_status_2(run: Run) -> None:
    for arguments in (["scan"], ["scan", "a.png"], ["nonsense"], ["scan", "a", "--weights", "w", "--crop", "tight"]):
        assert run(*arguments).returncode == 2
    assert run("scan", "a", "--weights", "w", "--batch", "0").returncode == 2


def test_no_bank_is_one_line(run: Run, tmp_path: Path) -> None:
    assert "does not exist" in one_line(run("verify"))
    assert "does not exist" in one_line(run("export", "--out", "out"))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def backgrounds(tmp_path: Path) -> Path:
    """Twelve look-alike scenes."""
    return write_demo_dataset(tmp_path / "drawn", train=1, val=1, backgrounds=12).backgrounds.rename(
        tmp_path / "backgrounds"
    )


@pytest.mark.slow
def test_scan_export_verify(shell: Run, backgrounds: Path, firing_weights: Path, tmp_path: Path) -> None:
    (backgrounds / "broken.jpg").write_bytes(b"no picture")
    done = shell("scan", backgrounds, "--weights", firing_weights, "--imgsz", "96", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert document["images"]["scanned"] == 12 and document["images"]["skipped"] == 1
    assert document["skipped"][0]["source"] == str(backgrounds / "broken.jpg")
    found, added = document["false_positives"]["background"], document["negatives"]["added"]
    assert found >= added > 0 and document["true_positives"] == 0
    with Bank(tmp_path / "negmine-bank") as bank:
        negatives = list(bank.negatives())
    assert len(negatives) == added and document["hardest"][0]["sha256"] in {n.sha256 for n in negatives}

    again = shell("scan", backgrounds, "--weights", firing_weights, "--imgsz", "96")
    assert again.returncode == 0 and "nothing new: 12 images unchanged" in again.stdout
    assert "broken.jpg" in again.stderr

    exported = json.loads(shell("export", "--format", "voc", "--out", "out", "--json").stdout)
    assert exported["negatives"] == added and exported["files"]["written"] == 2 * added + 1
    assert len(list((tmp_path / "out" / "Annotations").iterdir())) == added

    assert "no problems" in shell("verify").stdout
    negatives[0].path.unlink()
    checked = shell("verify", "--json")
    assert checked.returncode == 1
    assert [problem["kind"] for problem in json.loads(checked.stdout)["problems"]] == ["missing"]


@pytest.mark.slow
def test_what_a_detector_notes_while_it_runs_is_said_and_in_the_document(
    run: Run, backgrounds: Path, firing_weights: Path
) -> None:
    def check(_: torch.nn.Module, given: tuple[object, ...]) -> None:
        if isinstance(given[0], torch.Tensor) and len(given[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    arguments = ["--weights", firing_weights, "--imgsz", "96", "--batch", "2", "--backend", "torch", "--json"]
    with torch.nn.modules.module.register_module_forward_pre_hook(check):
        done = run("scan", backgrounds, *arguments)
    note = "cpu ran out of memory: firing.pt runs on 1 image at once from now on"
    assert json.loads(done.stdout)["notes"] == [note]
    assert done.stderr.splitlines().count(note) == 1
    assert json.loads(run("scan", backgrounds, *arguments).stdout)["notes"] == []


@pytest.mark.slow
def test_the_table_says_what_happened_and_what_to_do_next(run: Run, backgrounds: Path, firing_weights: Path) -> None:
    done = run("scan", backgrounds, "--weights", firing_weights, "--imgsz", "96", "--bank", "my bank")
    assert done.returncode == 0, done.stderr
    for words in ("scanned", "false positives on background", "negatives added", "hardest", "images/s"):
        assert words in done.stdout
    assert "next: negmine review --bank 'my bank'" in done.stdout
    assert "scanned 12 of 12 images" in done.stderr  # plain lines, where stderr is no terminal


@pytest.mark.slow
def test_progress_and_messages_stay_off_stdout(run: Run, backgrounds: Path, firing_weights: Path) -> None:
    done = run("scan", backgrounds, "--weights", firing_weights, "--imgsz", "96", "--json")
    json.loads(done.stdout)


def test_a_reader_that_leaves_is_no_error(backgrounds: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m negmine --help | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stderr == ""


@pytest.mark.slow
def test_interrupted_is_130_and_the_same_command_goes_on(
    run: Run, backgrounds: Path, firing_weights: Path, tmp_path: Path
) -> None:
    for i in range(400):  # enough to be caught in the middle
        (backgrounds / f"copy{i}.jpg").write_bytes((backgrounds / "0000.jpg").read_bytes() + bytes([i % 256, i // 256]))
    arguments = ["scan", str(backgrounds), "--weights", str(firing_weights), "--imgsz", "96"]
    process = subprocess.Popen(
        [sys.executable, "-m", "negmine", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first line of progress
    until((tmp_path / "negmine-bank" / "bank.holder").exists, process)  # while it imports, another library may catch it
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130 and out == "", err
    assert err.splitlines()[-1] == "negmine: interrupted; run the same command again"
    done = json.loads(run(*arguments, "--json").stdout)
    assert done["images"]["unchanged"] > 0 and done["images"]["scanned"] > 0
    assert done["images"]["unchanged"] + done["images"]["scanned"] == 412


def test_ctrl_c_after_the_last_line_changes_nothing() -> None:
    code = (
        "import atexit, os, signal, sys, negmine.cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "sys.argv = ['negmine', '--version']\n"
        "negmine.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "negmine" in done.stdout
