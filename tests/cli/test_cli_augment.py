"""`negmine augment` as users meet it: whole processes, and every way to type something wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from banks import MakeBank, judge
from blobs import draw, voc_xml
from commands import one_line

from negmine.bank.bank import Bank
from negmine.bank.verify import verify

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def bank(make_bank: MakeBank) -> Path:
    """Four negatives, in the folder that is the default."""
    return make_bank(4, "negmine-bank")


@pytest.fixture
def positives(tmp_path: Path) -> Path:
    """Six labelled images."""
    for i in range(6):
        draw(tmp_path / "data" / f"{i}.png", seed=50 + i)
        voc_xml(tmp_path / "data" / f"{i}.xml", f"{i}.png", [("cat", 5, 5, 20, 20)])
    return tmp_path / "data"


@pytest.mark.slow
def test_up_to_a_ratio_which_the_ratio_command_then_finds(shell: Run, bank: Path, positives: Path) -> None:
    assert shell("ratio", "data", "--bank", bank, "--target", "1:2").returncode == 1
    done = shell("augment", "--ratio", "1:2", "--data", "data")
    assert done.returncode == 0, done.stderr
    assert "6 images with objects at this ratio: 12 negative images wanted; found 4" in done.stdout
    assert "8 variants in " in done.stdout and "4 negatives with 8 variants in negmine-bank" in done.stdout
    assert shell("ratio", "data", "--bank", bank, "--target", "1:2").returncode == 0
    again = shell("augment", "--ratio", "1:2", "--data", "data")
    assert again.returncode == 0 and "nothing to make" in again.stdout and "negative images: 1 : 2.00" in again.stdout
    above = json.loads(shell("augment", "--ratio", "2:1", "--data", "data", "--json").stdout)
    assert above["variants"]["made"] == 0 and above["counted"]["ratio"] == 2.0


def test_json_is_one_document_and_progress_stays_off_it(run: Run, bank: Path) -> None:
    done = run("augment", "--per-negative", "5", "--ops", "blur, contrast", "--seed", "3", "--workers", "1", "--json")
    document = json.loads(done.stdout)
    assert document["variants"] == {"before": 0, "made": 20, "in_all": 20} | {
        "by_operation": document["variants"]["by_operation"]
    }
    assert set(document["variants"]["by_operation"]) == {"gaussian_blur", "linear_contrast"}
    assert document["schema_version"] == 1 and document["counted"] is None
    assert "20 of 20 variants" in done.stderr
    with Bank(bank) as opened:
        assert len(list(opened.variants())) == 20


def test_exported_with_their_operation_in_the_name(run: Run, bank: Path, tmp_path: Path) -> None:
    run("augment", "--count", "6", "--ops", "sharpen")
    assert json.loads(run("export", "--out", "out", "--json").stdout)["variants"] == 6
    assert len(list((tmp_path / "out" / "JPEGImages").glob("*-sharpen-*.jpg"))) == 6
    assert len(list((tmp_path / "out" / "Annotations").iterdir())) == 10


def test_as_in_the_field(run: Run, bank: Path) -> None:
    done = run("augment", "--per-negative", "3", "--recipe", "field", "--workers", "2", "--json")
    by_operation = json.loads(done.stdout)["variants"]["by_operation"]
    assert sum(by_operation.values()) == 12 and any("+" in name for name in by_operation)
    with Bank(bank) as opened:
        assert {each.operation for each in opened.variants()} == {*by_operation}


def test_what_is_rejected_later_leaves_the_export(run: Run, bank: Path, tmp_path: Path) -> None:
    run("augment", "--per-negative", "2")
    run("export", "--out", "out")
    judge(bank, 1, "rejected")
    exported = json.loads(run("export", "--out", "out", "--json").stdout)
    assert (exported["negatives"], exported["variants"], exported["files"]["removed"]) == (3, 6, 6)


def test_a_damaged_negative_is_named_and_skipped(run: Run, bank: Path) -> None:
    with Bank(bank) as opened:
        first = next(opened.negatives()).path
    first.write_bytes(b"damaged")
    done = run("augment", "--per-negative", "1")
    assert done.returncode == 0 and "4 negatives with 3 variants" in done.stdout
    assert "1 variant fewer than asked: negatives could not be read" in done.stdout
    assert "nothing to make" not in run("augment", "--per-negative", "1").stdout
    assert f"skipped {first.relative_to(bank.parent)}: its file has changed" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "just one of --count, --per-negative, --ratio, --recipe classic, found none"),
        (["--count", "3", "--recipe", "classic"], "found --count and --recipe"),
        (["--count", "0"], "--count to be 1 or more, up to 1000000000, found 0"),
        (["--per-negative", "-1"], "--per-negative to be 1 or more"),
        (["--count", "3", "--ops", "blur,snow"], "found 'snow'"),
        (["--recipe", "field"], "found none beside --recipe field"),
        (["--count", "3", "--ops", ","], "found none"),
        (["--recipe", "modern"], "the recipe classic or field, found 'modern'"),
        (["--ratio", "1/1", "--data", "data"], "P:N with both over 0 (1:1, 1:2), found '1/1'"),
        (["--ratio", "0:1", "--data", "data"], "found '0:1'"),
        (["--ratio", "1:1"], "--ratio and --data belong together"),
        (["--ratio", "1:1", "--data", "nowhere"], "nowhere"),
        (["--ratio", "1:1", "--data", "data", "--split", "train"], "has no split 'train'"),
        (["--ratio", "1:99", "--data", "data"], "over the 50 of --max-per-negative"),
        (["--count", "3", "--quality", "0"], "quality from 1 to 100"),
        (["--count", "3", "--bank", "nowhere"], "does not exist"),
        (["--count", "3", "--bank", "data"], "is not a bank"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    run: Run, bank: Path, positives: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    before = sorted(p.as_posix() for p in tmp_path.rglob("*"))
    assert message in one_line(run("augment", *options))
    assert sorted(p.as_posix() for p in tmp_path.rglob("*")) == before
    assert verify(bank).ok


def test_positives_without_an_object_are_one_line(run: Run, bank: Path, tmp_path: Path) -> None:
    draw(tmp_path / "empty" / "a.png")
    voc_xml(tmp_path / "empty" / "a.xml", "a.png", [])
    assert "expected images with objects" in one_line(run("augment", "--ratio", "1:1", "--data", "empty"))
