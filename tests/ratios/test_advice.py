"""What to do about a ratio outside of its target: numbers that add up, commands that can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.cli import cli
from negmine.exporting.config import ExportConfig, SelectionConfig
from negmine.exporting.export import export
from negmine.ratios.ratio import ratio

Make = Callable[..., Path]


def positives(number: int) -> dict[str, list[int]]:
    return {f"p{i}": [0] for i in range(number)}


def test_inside_the_range_there_is_nothing_to_do(make_yolo: Make) -> None:
    assert ratio(make_yolo({"train": {"a": [0], "b": []}})).advice == ()


def test_without_a_bank_a_scan_is_advised(make_yolo: Make) -> None:
    first, second = ratio(make_yolo({"train": positives(3) | {"n": []}})).advice
    assert first == "2 negatives are missing" and "negmine scan MORE/ --weights WEIGHTS --bank DIR" in second


@pytest.mark.slow
def test_the_command_that_is_advised_brings_the_ratio_about(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": positives(5) | {"n": []}, "val": positives(9)}, name="my data"), make_bank(2)
    result = ratio(data, bank=bank, split="train", target="1:2..1:3", duplicates=False)
    assert result.advice[0] == "7 negatives are missing"
    what, command = result.advice[1].split(": ", 1)
    assert what == "make 7 variants of the 2 negatives in the bank"
    assert f"--data '{data}'" in command and "--split train" in command
    done = CliRunner().invoke(cli, shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    after = ratio(data, bank=bank, split="train", target="1:2..1:3")
    assert after.ok and after.mix.negatives == 10 and after.mix.variants == 7


def test_a_bank_that_is_too_small_for_variants_needs_scans(make_yolo: Make, make_bank: Make) -> None:
    labels = positives(60)
    result = ratio(make_yolo({"train": labels}), bank=make_bank(1), duplicates=False)
    assert result.advice[0] == "59 negatives are missing" and "over 50 of each" in result.advice[1]
    assert "about 59 more background images (so far, 1 image gave 1 negative)" in result.advice[2]
    assert "negmine augment" not in " ".join(result.advice)


def test_too_many_variants_can_be_left_out_of_the_export(make_yolo: Make, make_bank: Make) -> None:
    data, bank = make_yolo({"train": positives(2)}), make_bank(2)
    augment(bank, config=AugmentConfig(per_negative=3))
    result = ratio(data, bank=bank)
    assert result.advice[0] == "4 negatives are too many"
    assert "negmine export --no-variants --bank" in result.advice[1]
    assert result.advice[2].startswith("leave 4 images without objects out: negmine export --ratio 1:2 --data")
    assert result.advice[3] == "or label 2 more images with objects"


def done(advice: str, out: Path) -> None:
    """Run the command that an advice ends with."""
    command = advice.split(": ", 1)[1].replace(" --out DIR", f" --out {out}")
    result = CliRunner().invoke(cli, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output


def test_too_many_images_without_objects(make_yolo: Make, tmp_path: Path) -> None:
    data = make_yolo({"train": positives(9) | {f"n{i}": [] for i in range(3)}}, name="my data")
    result = ratio(data, target="ultralytics", duplicates=False)
    assert result.advice == (
        "2 negatives are too many",
        f"leave 2 images without objects out: negmine export --no-bank --merge '{data}' --split 0.8/0.2 --ratio 9:1 "
        "--format yolo --out DIR",
        "or label 18 more images with objects",
    )
    done(result.advice[1], tmp_path / "out")
    after = ratio(tmp_path / "out", target="ultralytics", duplicates=False)
    assert after.ok and after.counts.images == 9 and after.mix.empty == 1


def test_negatives_of_the_bank_that_are_too_many_are_left_out_by_one_command(
    make_yolo: Make, make_bank: Make, tmp_path: Path
) -> None:
    data, bank = make_yolo({"train": positives(2) | {"n": []}, "val": positives(1)}), make_bank(6)
    result = ratio(data, bank=bank, split="train", duplicates=False)
    assert result.advice[0] == "3 negatives are too many"
    done(result.advice[1], tmp_path / "out")
    with_export = ratio([data, tmp_path / "out"], split="train", duplicates=False)
    assert with_export.ok and with_export.mix.negatives == 4


def test_empty_images_of_the_data_make_room_for_negatives_of_the_bank(
    make_yolo: Make, make_bank: Make, tmp_path: Path
) -> None:
    labels = positives(3) | {f"n{i}": [] for i in range(9)}
    data, bank = make_yolo({"train": labels, "val": positives(1)}), make_bank(2)
    result = ratio(data, bank=bank, split="train", duplicates=False)
    assert "negmine export --bank" in result.advice[1] and "--merge" in result.advice[1]
    done(result.advice[1], tmp_path / "out")
    after = ratio(tmp_path / "out", split="train", duplicates=False)
    assert after.ok and (after.counts.images, after.mix.empty) == (3, 6)


def test_data_that_a_merge_brought_into_its_range_needs_nothing(
    make_yolo: Make, make_bank: Make, tmp_path: Path
) -> None:
    data, bank = make_yolo({"train": positives(4), "val": positives(1)}), make_bank(6)
    out = tmp_path / "out"
    export(bank, out, merge=data, config=ExportConfig("yolo", selection=SelectionConfig(ratio="2:1")))
    result = ratio(out, bank=bank, split="train", target="2:1", duplicates=False)
    assert (result.mix.negatives, result.mix.of_data) == (6, 2) and result.ok and result.advice == ()
    command = ["ratio", str(out / "data.yaml"), "--bank", str(bank), "--split", "train", "--target", "2:1"]
    shown = CliRunner().invoke(cli, [*command, "--no-duplicates"])
    assert shown.exit_code == 0 and "there is nothing to do; 4 images of the bank" in " ".join(shown.output.split())


def test_merged_data_over_its_range_is_written_anew(make_yolo: Make, make_bank: Make, tmp_path: Path) -> None:
    data, bank = make_yolo({"train": positives(2), "val": positives(1)}), make_bank(6)
    export(bank, tmp_path / "merged", merge=data, config=ExportConfig("yolo"))
    result = ratio(tmp_path / "merged", bank=bank, split="train", target="1:1..1:2", duplicates=False)
    assert result.advice[0] == "2 negatives are too many"
    done(result.advice[1], tmp_path / "out")
    assert ratio(tmp_path / "out", bank=bank, split="train", duplicates=False).ok


def test_the_rarest_class_says_how_many_of_its_images_are_missing(make_yolo: Make) -> None:
    labels = positives(9) | {"d": [1]} | {f"n{i}": [] for i in range(10)}
    result = ratio(make_yolo({"train": labels}), by="class", duplicates=False)
    assert result.advice == (
        "so many negatives need 4 more images with dog: label more of them, or leave 8 negatives out",
    )


def test_as_many_are_missing_as_augment_would_make(make_yolo: Make) -> None:
    result = ratio(make_yolo({"train": positives(5) | {"n": []}}), target="1:1", duplicates=False)
    assert result.advice[0] == "4 negatives are missing"  # 3 would do, within one image of the ratio
