"""Every command and every piece of Python in the guides is run, as it is written, from the first to the last."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from world import ROOT, copied, make_world

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.trainable import trainable

pytest.importorskip("onnxruntime")
pytest.importorskip("transformers")

GUIDES = sorted(path.name for path in (ROOT / "examples").glob("*.md"))
_BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A piece of a guide that a reader would run."""

    language: str
    text: str


def blocks_of(guide: Path) -> list[Block]:
    return [Block(*found.groups()) for found in _BLOCK.finditer(guide.read_text(encoding="utf-8"))]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("guides"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`negmine` and `python` are those of the tests."""
    folder = tmp_path_factory.mktemp("bin")
    for name, words in (("negmine", (sys.executable, "-m", "negmine")), ("python", (sys.executable,))):
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_there_is_a_guide_for_every_job() -> None:
    jobs = {
        "mine.md",
        "labelled-data.md",
        "video.md",
        "review.md",
        "bank.md",
        "ratio-and-export.md",
        "export-formats.md",
        "how-many.md",
        "retrain.md",
        "large-images.md",
        "verifier.md",
        "evaluate-in-ci.md",
        "thresholds.md",
        "report.md",
        "other-detectors.md",
        "cameras.md",
        "unlabelled-video.md",
        "configuration.md",
        "labelling-tools.md",
    }
    assert {*GUIDES} == {"README.md", *jobs}
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert all(f"]({job})" in index for job in jobs)


def test_no_fence_is_missed() -> None:
    """A block in other words, such as `sh`, would not be run."""
    for guide in GUIDES:
        text = (ROOT / "examples" / guide).read_text(encoding="utf-8")
        fences = re.findall(r"^```(.*)$", text, re.MULTILINE)
        assert {*fences} <= {"", "bash", "python"} and len(fences) % 2 == 0, guide
        assert len(blocks_of(ROOT / "examples" / guide)) == len([fence for fence in fences if fence]) > 0, guide


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_of_a_guide_works(guide: str, world: Path, environment: dict[str, str], tmp_path: Path) -> None:
    folder = copied(world, tmp_path)
    for block in blocks_of(ROOT / "examples" / guide):
        run = ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*run, block.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{guide}:\n{block.text}\n{done.stdout}\n{done.stderr}"
    _CHECKS.get(guide, lambda folder: None)(folder)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_notebook_runs(world: Path, tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "examples" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # none is kept
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": copied(world, tmp_path)}}).execute()
    shown = [each.get("data", {}).get("text/html", "") for cell in notebook.cells for each in cell.get("outputs", ())]
    assert sum("data:image/jpeg" in page for page in shown) == 3  # the scan, the bank, the negative
    assert sum("<table" in page for page in shown) >= 6
    for cell in notebook.cells:  # what counts is one line, which is renewed
        said = [each.get("data", {}).get("text/plain", "") for each in cell.get("outputs", ())]
        assert sum(bool(re.search(r"\d+ of \d+ images", text)) for text in said) <= 1


def _verdicts_are_stored(folder: Path) -> None:
    with Bank(folder / "negmine-bank") as bank:
        states = {negative.id: negative.review for negative in bank.negatives()}
    assert (states[1], states[2]) == ("unreviewed", "target")


def _training_set_is_whole(folder: Path) -> None:
    with Bank(folder / "negmine-bank") as bank:
        kept, variants = trainable(bank)
    assert kept and variants
    assert len(list((folder / "negatives-voc" / "Annotations").iterdir())) == len(kept)  # --no-variants
    assert len(list((folder / "training-set" / "images" / "train").iterdir())) >= 8 + len(kept)
    assert len(list((folder / "training-set" / "images" / "val").iterdir())) == 4


def _every_format_is_there(folder: Path) -> None:
    made = {path.parent.name for path in folder.glob("*/negmine-export.json")}
    trainers = {f"as-{key}" for key in ("coco", "roboflow", "darknet", "imagefolder", "parquet", "createml")}
    assert made == trainers | {"for-label-studio", "for-cvat", "for-fiftyone", "for-datumaro", "provenance"}
    assert (folder / "provenance" / "negatives.csv").read_text().count("\n") > 1


def _bank_is_sound(folder: Path) -> None:
    assert (folder / "sheet.png").stat().st_size > 1000 and (folder / "negative.json").stat().st_size > 1000
    assert verify(folder / "negmine-bank").ok
    with Bank(folder / "negmine-bank") as bank:
        sources = {negative.source.parent.name for negative in bank.negatives()}
    assert "new-backgrounds" in sources
    assert len(list((folder / "to-label" / "Annotations").iterdir())) == 1
    assert (folder / "label-studio" / "tasks.json").exists()


def _video_was_mined(folder: Path) -> None:
    assert len(list((folder / "to-label-voc" / "Annotations").iterdir())) == 1
    assert len(list((folder / "flickers" / "images").rglob("*.jpg"))) == 1


def _frames_are_kept(folder: Path) -> None:
    checked = verify(folder / "camera-bank")
    assert checked.ok and checked.frames > 0


def _labels_came_back(folder: Path) -> None:
    with Bank(folder / "negmine-bank") as bank:
        states = {negative.review for negative in bank.negatives()}
    assert states == {"accepted"}


_CHECKS = {
    "labelling-tools.md": _labels_came_back,
    "cameras.md": _frames_are_kept,
    "unlabelled-video.md": _video_was_mined,
    "bank.md": _bank_is_sound,
    "export-formats.md": _every_format_is_there,
    "review.md": _verdicts_are_stored,
    "ratio-and-export.md": _training_set_is_whole,
}
