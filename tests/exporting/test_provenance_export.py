"""What the bank knows of each negative reaches the formats that can say it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from banks import MakeBank, judge

from negmine.bank.bank import Bank
from negmine.bank.origins import Origins
from negmine.bank.writer import BankWriter
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export


@pytest.fixture
def bank(make_bank: MakeBank) -> Path:
    """A negative with two false positives, the harder of which is bright, and a softer one, accepted."""
    folder = make_bank({"two.png": [(60, 40, 80, 60, 90), (66, 62, 76, 72, 60)], "one.png": [(60, 40, 80, 60, 50)]})
    with Bank(folder) as opened:
        judge(folder, list(opened.negatives())[-1].id, "accepted")
    return folder


def test_boxes_lie_in_the_negative_and_not_in_its_source(bank: Path) -> None:
    with Bank(bank) as opened:
        origins = Origins.read(opened)
        for negative in opened.negatives():
            found = origins.found_in(negative)
            assert found[0][0].score == negative.score == max(each.score for each, _ in found)
            for each, (x1, y1, x2, y2) in found:
                assert 0 <= x1 < x2 <= negative.size_wh[0] and 0 <= y1 < y2 <= negative.size_wh[1]
                assert x1 == each.box_xyxy[0] - negative.rect.x1 and y1 == each.box_xyxy[1] - negative.rect.y1
            (run,) = origins.runs_of(negative)
            assert run.startswith("squares ")


def test_a_csv_agrees_with_the_bank(bank: Path, tmp_path: Path) -> None:
    with BankWriter(bank, purpose="a test") as writer, writer.transaction():
        negative = next(writer.negatives())
        staged = writer.stage(negative.path.read_bytes() + b"\0")
        writer.add_variant(negative.id, staged, negative.size_wh, "blur", {"sigma": 1})
    result = export(bank, tmp_path / "out", config=ExportConfig(format="csv"))
    with (tmp_path / "out" / "negatives.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with Bank(bank) as opened:
        known = {each.sha256: each for each in opened.negatives()}
    assert len(rows) == len(known) + 1 == result.negatives + result.variants
    for row in rows:
        each = known[row["sha256"]]
        assert (tmp_path / "out" / row["file"]).is_file() and row["source"] == str(each.source)
        assert (row["class"], float(row["score"]), row["state"]) == (each.class_name, each.score, each.review)
        assert [int(row[f"source_{side}"]) for side in ("x1", "y1", "x2", "y2")] == list(each.rect)
    assert [row["operation"] for row in rows].count("blur") == 1
    assert {row["state"] for row in rows} == {"accepted", "unreviewed"}
