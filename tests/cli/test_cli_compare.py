"""`negmine bank compare`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from banks import MakeBank
from click.testing import CliRunner
from commands import one_line

from negmine.bank.bank import Bank
from negmine.cli import cli

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def frames(count: int) -> dict[str, np.ndarray]:
    """One scene that gets a little brighter."""
    scene = np.kron(np.random.default_rng(4).integers(0, 120, (12, 20, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    scene[40:60, 60:80] = 250
    return {f"{index}.png": scene + index for index in range(count)}


def test_look_alikes_and_places_are_printed_without_weights(make_bank: MakeBank) -> None:
    bank = make_bank(frames(3))
    done = CliRunner().invoke(cli, ["bank", "compare", "--bank", str(bank)])
    assert done.exit_code == 0, done.output
    assert "compared 3 negatives, by their perceptual hashes" in done.stdout
    assert "1 cluster of look-alikes, with 3 negatives" in done.stdout
    assert "Places that fire in several images" in done.stdout and "Likely targets" not in done.stdout
    document = json.loads(CliRunner().invoke(cli, ["bank", "compare", "--bank", str(bank), "--json"]).stdout)
    assert (document["schema_version"], document["by"], document["likely"]) == (1, "perceptual hash", None)
    assert document["places"][0]["images"] == 3


def test_a_bank_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    assert "does not exist" in one_line(run("bank", "compare", "--bank", str(tmp_path / "none")))


@pytest.mark.slow
def test_likely_targets_are_printed_with_what_to_do_next(
    run: Run, make_bank: MakeBank, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """On real images, of which some labels are hidden."""
    data = request.getfixturevalue("real_data")
    weights, images = data / "weights" / "kangaroo_yolo11n_320.pt", data / "images" / "kangaroo"
    for kind in ("images", "annots"):
        (tmp_path / "part" / kind).mkdir(parents=True)
    for path in sorted((images / "images").glob("*.jpg"))[:30]:
        shutil.copy(path, tmp_path / "part" / "images")
        label = (images / "annots" / f"{path.stem}.xml").read_text()
        (tmp_path / "part" / "annots" / f"{path.stem}.xml").write_text(label)
    others = [str(path) for path in sorted((data / "images" / "raccoon" / "images").glob("*.jpg"))[:30]]
    bank, on_cpu = ("--bank", str(tmp_path / "bank")), ("--device", "cpu")
    assert run("scan", *others, "--weights", str(weights), "--backend", "torch", *bank, *on_cpu).returncode == 0
    given = ("--weights", str(weights), "--data", str(tmp_path / "part" / "annots"), *bank, *on_cpu)
    done = run("bank", "compare", *given)
    assert done.returncode == 0, done.stderr
    assert "labelled targets, by their vectors in the detector's neck" in done.stdout
    assert "Likely targets without a label" in done.stdout
    assert "--sort unlabelled" in done.stdout
    with Bank(tmp_path / "bank") as opened:
        told = [value for (value,) in opened.query("SELECT unlabelled FROM likenesses")]
        assert len(told) == opened.negative_count() and all(0 <= value <= 1 for value in told)
