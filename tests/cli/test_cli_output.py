"""What negmine prints: nothing that steers a terminal, in any encoding, and one line where it cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blobs import draw
from commands import one_line

Run = Callable[..., subprocess.CompletedProcess[str]]
STEERING = "\x1b[31mred\x1b]0;title\x07\nnext\u2028é"
SHOWN = "\\x1b[31mred\\x1b]0;title\\x07\\nnext\\u2028é"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A background, and predictions of a class with an odd name."""
    draw(tmp_path / "in/a.png", seed=1)
    name_it(tmp_path, STEERING)
    found = [{"image_id": 1, "category_id": 3, "bbox": [60, 40, 40, 40], "score": 0.9}]
    (tmp_path / "r.json").write_text(json.dumps(found))
    return tmp_path


def name_it(world: Path, name: str) -> None:
    images = [{"id": 1, "file_name": "a.png", "width": 200, "height": 120}]
    categories = [{"id": 3, "name": name}]
    document = {"images": images, "annotations": [], "categories": categories}
    (world / "c.json").write_text(json.dumps(document))


SCAN = ["scan", "in", "--predictions", "r.json", "--predictions-images", "c.json"]


def is_harmless(text: str) -> bool:
    return all(character.isprintable() for line in text.split("\n") for character in line)


def test_names_do_not_steer_the_terminal(run: Run, world: Path) -> None:
    done = run(*SCAN, "--data", "c.json")
    assert done.returncode == 0 and is_harmless(done.stdout + done.stderr), done
    assert done.stdout.count(SHOWN) == 1 and f"judged classes: {SHOWN}" in done.stderr  # folded in the table
    assert json.loads(run(*SCAN, "--bank", "b", "--json").stdout)["false_positives_by_class"] == {STEERING: 1}
    assert SHOWN in one_line(run(*SCAN, "--classes", "other"))
    assert is_harmless(one_line(run(*SCAN, "--size", STEERING)))
    usage = run("scan", "in", f"--{STEERING}")
    assert usage.returncode == 2 and is_harmless(usage.stderr), usage


@pytest.mark.parametrize("where", ["detector", "truth"])
def test_a_name_that_cannot_be_written_is_refused(run: Run, world: Path, where: str) -> None:
    (world / "good.json").write_text((world / "c.json").read_text())
    name_it(world, "bad\ud800")
    files = ["--predictions-images", "c.json"] if where == "detector" else ["--data", "c.json"]
    given = ["--predictions-images", "good.json"] if where == "truth" else []
    assert "bad\\ud800" in one_line(run("scan", "in", "--predictions", "r.json", *given, *files))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--context", "1e308"], "context of 1 to 10000"),
        (["--context", "nan"], "context of 1 to 10000"),
        (["--size", "60000"], "200 megapixels"),
        (["--size", "65501x1"], "65500 pixels a side"),
        (["--min-side", "99999999"], "minimum side of 1 to 65500"),
    ],
)
def test_settings_out_of_all_reason_are_one_line(run: Run, world: Path, options: list[str], message: str) -> None:
    assert message in one_line(run(*SCAN, *options))


def test_no_class_is_not_every_class(run: Run, world: Path) -> None:
    done = run(*SCAN, "--classes", " , ")
    assert done.returncode == 2 and "expected names with commas between them" in done.stderr


def in_shell(world: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `negmine` in a shell, where it can be redirected."""
    (world / "negmine").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m negmine "$@"\n')
    (world / "negmine").chmod(0o755)
    package = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": package, "COLUMNS": "120", **environment}
    return subprocess.run(
        ["sh", "-c", command], cwd=world, capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("command", ["--help", "demo --help"])
def test_a_full_output_is_one_line(world: Path, command: str) -> None:
    done = in_shell(world, f"./negmine {command} > /dev/full")
    assert "standard output cannot be written: No space left" in one_line(done)


def test_a_closed_output_is_one_line(world: Path) -> None:
    assert "standard output is closed" in one_line(in_shell(world, "./negmine --help >&-"))
    assert in_shell(world, "./negmine --help >&- 2>&-").returncode == 2


@pytest.mark.slow
def test_an_encoding_without_the_letters_gets_escapes(world: Path) -> None:
    name_it(world, "é漢")
    done = in_shell(world, f"./negmine {' '.join(SCAN)}", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout.isascii() and "\\xe9\\u6f22" in done.stdout, done
