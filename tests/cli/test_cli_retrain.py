"""`negmine retrain` as a shell runs it; the training itself is that of a toy, put behind the same ports."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import one_line, unless_given
from killing import until
from toy import World, make_world

Run = Callable[..., "subprocess.CompletedProcess[str]"]
_WITH_A_TOY = """
import signal, sys
from functools import partial
from toy import ToyTrainer, open_toy
from pathlib import Path
from negmine.cli import _run
from negmine.retraining import retrain

waits, learns, *arguments = sys.argv[1:]

class Slow(ToyTrainer):
    def train(self, *given, **named):
        if waits == "waits":
            Path("training").touch()
            signal.pause()
        return super().train(*given, **named)

retrain.retrain = partial(retrain.retrain, trainer=Slow(learns=learns == "learns"), open_detector=open_toy)
sys.exit(_run(arguments))
"""
_ENVIRONMENT = {
    **os.environ,
    "COLUMNS": "80",
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def toy_run(world: World, folder: Path, *more: str | Path, learns: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(world, *more, learns=learns), cwd=folder, capture_output=True, text=True, check=False, env=_ENVIRONMENT
    )


def _command(world: World, *more: str | Path, learns: bool = True, waits: bool = False) -> list[str]:
    return [
        *(
            sys.executable,
            "-c",
            _WITH_A_TOY,
            "waits" if waits else "goes on",
            "learns" if learns else "does not",
            "retrain",
        ),
        *("--weights", str(world.weights), "--data", str(world.data), "--backgrounds", str(world.backgrounds)),
        *("--imgsz", "160", "--epochs", "1", "--holdout", "0.4", "--negatives", "1", *map(str, more)),
    ]


@pytest.mark.slow
def test_a_retraining_ends_with_a_table_the_weights_and_what_to_type_next(world: World, tmp_path: Path) -> None:
    done = toy_run(world, tmp_path)
    assert done.returncode == 0, done.stderr
    heads = "round", "negatives", "FPPI", "FPPI at", "equal", "recall", "mAP50", "mAP50-95", "LAMR", "seconds"
    assert all(head in done.stdout for head in heads)
    assert "\n2 * " in done.stdout and "\nstart  " in done.stdout
    assert "at your conf 0.25: recall 1.00 -> 1.00, false positives per image " in done.stdout
    assert (
        "use --conf" not in done.stdout
        and "use --conf" in toy_run(world, tmp_path, "--out", "b", "--no-calibrate").stdout
    )
    assert f"weights: {Path('negmine-retrain') / 'best.pt'}" in done.stdout
    (following,) = [line.removeprefix("next: ") for line in done.stdout.splitlines() if line.startswith("next: ")]
    words = shlex.split(following)
    assert words[:2] == ["negmine", "eval"]
    for option, name in (("--data", "data.yaml"), ("--backgrounds", "held-out.txt")):
        assert (tmp_path / words[words.index(option) + 1]).name == name
        assert (tmp_path / words[words.index(option) + 1]).is_file()
    assert "round 1 of up to 2: scanning" in done.stderr and re.search(r"(\d+) of \1 steps", done.stderr)
    assert "held out: false positives on so few are a rough estimate" in done.stderr


@pytest.mark.slow
def test_backgrounds_that_the_user_holds_out_are_those_that_are_measured_on(world: World, tmp_path: Path) -> None:
    apart = sorted(world.backgrounds.iterdir())[:4]
    held_out = [word for path in apart for word in ("--held-out", path)]
    done = toy_run(world, tmp_path, *held_out, "--rounds", "1")
    assert done.returncode == 0, done.stderr
    listed = (tmp_path / "negmine-retrain" / "held-out.txt").read_text().split()
    assert listed == [str(path) for path in apart]


@pytest.mark.slow
def test_folds_are_measured_by_members_and_new_images_are_asked_for_next(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", val=False, backgrounds=12)
    command = _command(world, "--rounds", "1")
    del command[command.index("--holdout") : command.index("--holdout") + 2]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=_ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "are divided into 3 folds" in done.stderr and "round 1 of up to 1: member 3 of 3: scanning" in done.stderr
    assert "each measured on the fold that it never saw" in " ".join(done.stdout.split())
    (following,) = [line for line in done.stdout.splitlines() if line.startswith("next, on images that are not among")]
    assert following.endswith("best.pt --data DATA --backgrounds SOURCE --imgsz 160") and "held-out" not in following


def test_json_is_all_there_is_on_stdout(world: World, tmp_path: Path) -> None:
    done = toy_run(world, tmp_path, "--json", "--out", "here", "--rounds", "1")
    document = json.loads(done.stdout)
    assert document["schema_version"] == 2 and document["improved"] is True
    assert document["weights"] == "here/best.pt"
    assert [(each["number"], each["blended"]) for each in document["rounds"]] == [(0, None), (1, None), (2, 1), (3, 1)]
    assert document["rounds"][1]["fppi_at_recall"] < document["rounds"][0]["fppi_at_recall"]


@pytest.mark.slow
def test_backgrounds_may_be_many_as_a_shell_writes_out_a_glob(world: World, tmp_path: Path) -> None:
    done = toy_run(world, tmp_path, *sorted(world.backgrounds.glob("*3.png")), "--json")  # behind the folder: once
    assert json.loads(done.stdout)["rounds"][0]["held_out"] == 17


@pytest.mark.slow
def test_where_nothing_helped_that_is_said(world: World, tmp_path: Path) -> None:
    done = toy_run(world, tmp_path, learns=False)
    assert done.returncode == 0 and "nothing helped" in done.stdout and "\nstart *" in done.stdout
    assert (tmp_path / "negmine-retrain" / "best.pt").read_bytes() == world.weights.read_bytes()


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_resume_goes_on(world: World, tmp_path: Path) -> None:
    process = subprocess.Popen(
        _command(world, waits=True),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_ENVIRONMENT,
    )
    until((tmp_path / "training").exists, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "negmine: interrupted; add --resume to the same command to continue"
    assert "--resume" in one_line_at_the_end(toy_run(world, tmp_path))
    done = toy_run(world, tmp_path, "--resume")
    assert done.returncode == 0 and "\n2 * " in done.stdout


def one_line_at_the_end(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that refused its input."""
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr, done
    return done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_other_settings_and_other_folders_are_refused(world: World, tmp_path: Path) -> None:
    assert toy_run(world, tmp_path, "--rounds", "1").returncode == 0
    assert "--rounds 1, and this asks for 2" in one_line_at_the_end(toy_run(world, tmp_path, "--resume"))
    two = toy_run(world, tmp_path, "--resume", "--rounds", "1", "--soup", "2")
    assert "--soup 1, and this asks for 2" in one_line_at_the_end(two)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert "thesis.txt" in one_line_at_the_end(toy_run(world, tmp_path, "--out", "full"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--backgrounds"),
        (("--backgrounds", "b", "--folds", "0"), "expected folds of 1 or more, found 0"),
        (("--backgrounds", "b", "--folds", "3", "--holdout", "0.2"), "expected a holdout or folds, found both"),
        (("--backgrounds", "b", "--folds", "3", "--held-out", "b"), "expected --held-out or --folds, found both"),
        (("--backgrounds", "b", "--folds", "3", "--soup", "2"), "--soup is for one fold, found --folds 3"),
        (("--backgrounds", "b", "--holdout", "0"), "expected a holdout over 0 and under 1, found 0.0"),
        (("b",), "expected --backgrounds before 'b'"),
        (("--backgrounds", "b", "--group-by", "folders"), "expected group-by folder, near-duplicate, or a regular"),
        (("--backgrounds", "b", "--rounds", "0"), "expected rounds of 1 or more, found 0"),
        (("--backgrounds", "b", "--ratio", "one"), "expected a ratio"),
        (("--backgrounds", "b", "--set", "lr0"), "expected --set KEY=VALUE, such as lr0=0.001, found 'lr0'"),
        (("--backgrounds", "b", "--set", "epochs=3"), "epochs"),
        (("--backgrounds", "b", "--weights", "gone.txt"), "gone.txt"),
    ],
)
def test_bad_input_is_one_line(run: Run, world: World, arguments: tuple[str, ...], said: str) -> None:
    given = unless_given(arguments, weights=world.weights, data=world.data)
    assert said in one_line(run("retrain", *given))


def test_the_values_of_set_are_yaml() -> None:
    from negmine.cli._training_options import settings_of

    found = settings_of(("lr0=0.001", "lrf=1e-2", "cos_lr=true", "optimizer=SGD", "freeze=[0, 1]", "name=a=b"))
    assert found == {"lr0": 0.001, "lrf": 0.01, "cos_lr": True, "optimizer": "SGD", "freeze": [0, 1], "name": "a=b"}
    assert settings_of(()) == {}
