"""`negmine ratio` as users meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blobs import draw

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HEAVY = {"torch", "cv2", "numpy", "ultralytics", "rich", "imagehash", "scipy"}


def negmine(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, as a shell would."""
    return subprocess.run(
        [sys.executable, "-m", "negmine", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8",
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **env},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`data.yaml` of four images with objects and two without in train, one with in val."""
    labels: dict[str, list[int]] = {"train/a": [0], "train/b": [0], "train/c": [0, 1], "train/d": [0]}
    labels |= {"train/n": [], "train/m": [], "val/v": [0]}
    for seed, (name, objects) in enumerate(labels.items()):
        draw(tmp_path / "images" / f"{name}.png", seed=seed)
        (tmp_path / "labels" / f"{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "labels" / f"{name}.txt").write_text("".join(f"{each} .5 .5 .1 .1\n" for each in objects))
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "does not exist"),
        (["data.yaml", "--target", "1:0"], "P:N"),
        (["data.yaml", "--target", "1:2..1:1"], "1:1..1:2"),
        (["data.yaml", "--split", "test"], "no split 'test', only train, val"),
        (["data.yaml", "--bank", "nowhere"], "does not exist"),
        (["data.yaml", "--bank", "images"], "no bank"),
        (["data.yaml", "--workers", "0"], "at least 1 worker"),
        (["empty.yaml"], "expected images with objects, found none"),
    ],
)
def test_bad_input_is_one_line(run: Run, folder: Path, arguments: list[str], message: str) -> None:
    (folder / "empty.yaml").write_text("train: images/empty\nnames: [cat, dog]\n")
    draw(folder / "images" / "empty" / "e.png")
    (folder / "labels" / "empty").mkdir()
    (folder / "labels" / "empty" / "e.txt").touch()
    done = run("ratio", *arguments)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and not done.stdout and line.startswith("negmine: ") and message in line


def test_no_data_and_unknown_options_are_usage_errors(run: Run, folder: Path) -> None:
    assert run("ratio").returncode == 2
    assert run("ratio", "data.yaml", "--by", "split").returncode == 2


@pytest.mark.slow
def test_outside_is_status_1_and_inside_0(folder: Path) -> None:
    outside = negmine(folder, "ratio", "data.yaml")
    assert outside.returncode == 1, outside.stderr
    assert "5 positives : 2 negatives = 1 : 0.40, below the target 1:1..1:2 (5 to 10 negatives)" in outside.stdout
    assert "- 3 negatives are missing" in outside.stdout and "negmine scan MORE/" in outside.stdout
    inside = negmine(folder, "ratio", "data.yaml", "--target", "3:1..2:1")
    assert inside.returncode == 0 and "inside the target 3:1..2:1" in inside.stdout
    by_class = negmine(folder, "ratio", "data.yaml", "--target", "3:1..2:1", "--by", "class")
    assert by_class.returncode == 1 and "rarest class dog: 1 image : 2 negatives = 1 : 2.00" in by_class.stdout


def test_json_is_all_there_is_on_stdout(folder: Path) -> None:
    done = negmine(folder, "ratio", "data.yaml", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1 and document["ok"] is False and document["ratio"] == 0.4
    keys = {"schema_version", "positives", "negatives", "ratio", "target", "ok", "findings", "splits", "advice"}
    assert keys <= set(document)
    assert document["positives"] == {
        "images": 5,
        "instances": 6,
        "per_class": {
            "cat": {"images": 5, "instances": 5, "ratio": 0.4},
            "dog": {"images": 1, "instances": 1, "ratio": 2.0},
        },
    }
    assert "images read" in done.stderr


def test_the_tables_show_splits_and_classes(folder: Path) -> None:
    lines = negmine(folder, "ratio", "data.yaml").stdout.splitlines()
    (train,) = (line for line in lines if "train " in line and "│" in line)
    assert [cell.strip() for cell in train.strip("│").split("│")] == ["train", "4", "2", "0", "0", "5", "1 : 0.50"]
    (dog,) = (line for line in lines if "dog " in line)
    assert "1 : 2.00" in dog


@pytest.mark.slow_after(3)
@pytest.mark.parametrize(("encoding", "block"), [("utf-8", "█"), ("ascii", "#"), ("latin-1", "#")])
@pytest.mark.parametrize("columns", ["40", "100", "160"])
def test_the_bars_fit_the_console_and_the_encoding(folder: Path, encoding: str, block: str, columns: str) -> None:
    (folder / "data.yaml").rename(folder / "d\u00e4ta\u4e16.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "negmine", "ratio", "d\u00e4ta\u4e16.yaml"],
        cwd=folder, capture_output=True, check=False,
        env={**os.environ, "COLUMNS": columns, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    text = done.stdout.decode(encoding)
    bars = [line for line in text.splitlines() if line.startswith(("positives  ", "negatives  ", "target  "))]
    assert len(bars) == 3 and all(len(line) <= int(columns) for line in bars)
    lengths = [line.count(block) for line in bars[:2]]
    assert lengths[0] > lengths[1] > 0 and abs(lengths[1] / lengths[0] - 0.4) < 0.2
    assert len(bars[2].rstrip()) > int(columns) * 0.7  # the range ends at ten negatives, the largest number there is


def test_findings_are_shown_with_their_files(folder: Path) -> None:
    (folder / "images/val/v.png").write_bytes((folder / "images/train/n.png").read_bytes())
    done = negmine(folder, "ratio", "data.yaml")
    assert "leak (1)" in done.stdout and "contradiction (1)" in done.stdout
    assert done.stdout.count("images/train/n.png") == 2
    without = negmine(folder, "ratio", "data.yaml", "--no-duplicates")
    assert "leak" not in without.stdout and "not compared" in without.stdout


def test_names_of_files_cannot_write_on_the_terminal(folder: Path) -> None:
    draw(folder / "images/train/\x1b[31mred [bold].png", seed=99)
    done = negmine(folder, "ratio", "data.yaml")
    assert "\x1b" not in done.stdout and "\\x1b[31mred [bold].png" in done.stdout and "unlabelled (1)" in done.stdout


def test_the_help_has_both_targets_and_imports_nothing_heavy(folder: Path) -> None:
    script = (
        "import sys; sys.argv = ['negmine', 'ratio', '--help']\n"
        f"import atexit, negmine.cli\natexit.register(lambda: print(sorted({HEAVY} & set(sys.modules))))\n"
        "negmine.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n"), done.stdout[-200:]
    text = " ".join(done.stdout.split())
    for words in (
        "negmine ratio --data data.yaml --bank",
        "Targets disagree",
        "0-10% background images",
        "Haar",
        "1:1..1:2",
    ):
        assert words in text
