"""Flickers: in the bank as what they are, never trained on unseen, and their frames are nobody's backgrounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import RUN, make_image
from click.testing import CliRunner

import negmine
from negmine.bank.bank import Bank
from negmine.bank.browsing import browse
from negmine.bank.index import Index
from negmine.bank.merging import merge_banks
from negmine.bank.records import ItemRecord, LikelyMiss, NewNegative
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.boxes import Rect
from negmine.cli.bank.list import command as list_negatives
from negmine.cli.bank.stats import command as stats
from negmine.errors import ConfigError, ExportError
from negmine.exporting.config import ExportConfig, TargetExportConfig
from negmine.images import encode_jpeg
from negmine.matching import Kind
from negmine.structures import FileStamp
from negmine.trainable import HeldBack, held_back, is_refused, trainable, why_held_back


def flicker(bank: Path, image: Path, *, kind: Kind = Kind.FLICKER, weights: str = "best.pt") -> None:
    """Store one negative of an image, that a detection of this kind gave, and a likely miss beside it."""
    picture = np.full((80, 100, 3), ord(image.stem), dtype=np.uint8)
    if not image.exists():
        image.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    data = image.read_bytes()
    scanned = make_image("frame", negatives=(b"",))
    negative = NewNegative(encode_jpeg(picture[:40, :40]), (40, 40), "0" * 16, Rect(10, 10, 50, 50))
    detections = tuple(replace(each, kind=kind) for each in scanned.detections)
    item = ItemRecord(str(image), FileStamp(len(data), image.stat().st_mtime_ns), None, kind is Kind.BACKGROUND)
    sha256 = NewNegative(data, (1, 1), "", Rect(0, 0, 1, 1)).sha256
    gaps = (LikelyMiss("cat", 0.8, (60, 20, 80, 40)),) if kind is Kind.FLICKER else ()
    with BankWriter(bank, purpose="a test") as writer:
        run = writer.begin_run(replace(RUN, weights=weights, weights_sha256=weights.encode().hex().ljust(64, "0")))
        with writer.transaction():
            found = replace(scanned, item=item, sha256=sha256, detections=detections, negatives=(negative,), gaps=gaps)
            writer.store(run, found)


def test_it_is_held_back_until_it_is_accepted_or_all_are(tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    flicker(bank, tmp_path / "a.png")
    with Bank(bank) as opened:
        (negative,) = opened.negatives()
        assert (negative.is_flicker, negative.review, why_held_back(negative)) == (True, "unreviewed", HeldBack.FLICKER)
        assert is_refused(negative) and not is_refused(negative, accept_flicker=True)
        assert [len(trainable(opened)[0]), len(trainable(opened, accept_flicker=True)[0])] == [0, 1]
    with Verdicts(bank) as verdicts:
        verdicts.decide([1], "rejected", origin="a test")
    with Bank(bank) as opened:
        assert trainable(opened, accept_flicker=True)[0] == []
    with Verdicts(bank) as verdicts:
        verdicts.decide([1], "accepted", origin="a test")
    with Bank(bank) as opened:
        assert len(trainable(opened)[0]) == 1
    assert verify(bank).ok


def test_what_is_held_back_is_listed_as_often_as_it_is_counted(tmp_path: Path) -> None:
    bank = tmp_path / "bank"
    for name in "abc":
        flicker(bank, tmp_path / f"{name}.png")
    flicker(bank, tmp_path / "d.png", kind=Kind.BACKGROUND)
    flicker(bank, tmp_path / "c.png", kind=Kind.BACKGROUND, weights="other.pt")
    with Verdicts(bank) as verdicts:
        verdicts.decide([1], "accepted", origin="a test")
    with Bank(bank) as opened:
        index = Index.read(opened)
        assert index.flickers.tolist() == [each.is_flicker for each in sorted(opened.negatives(), key=lambda n: n.id)]
        assert browse(opened, held_back()) == index.ids[index.select(held_back(), "score")].tolist() == [2]
    lines = CliRunner().invoke(stats, ["--bank", str(bank)]).stdout.splitlines()
    assert "1 negative held back as likely targets without a label, or flickers (--held-back)" in lines
    listed = CliRunner().invoke(list_negatives, ["--bank", str(bank), "--held-back"]).stdout
    assert listed.count("held back") == 1


def test_one_that_likely_shows_a_target_is_not_accepted_with_the_others(tmp_path: Path) -> None:
    flicker(tmp_path / "bank", tmp_path / "a.png")
    with Bank(tmp_path / "bank") as opened:
        (negative,) = opened.negatives()
    likely = replace(negative, unlabelled=1.0)
    assert why_held_back(likely, accept_flicker=True) is HeldBack.UNLABELLED


def test_what_another_scan_finds_on_background_is_no_flicker_any_more(tmp_path: Path) -> None:
    flicker(tmp_path / "bank", tmp_path / "a.png")
    flicker(tmp_path / "bank", tmp_path / "a.png", kind=Kind.BACKGROUND, weights="other.pt")
    with Bank(tmp_path / "bank") as opened:
        (negative,) = opened.negatives()
        assert not negative.is_flicker and trainable(opened)[0] == [negative]


def test_its_frame_is_nobody_s_background_here_and_where_it_is_merged(tmp_path: Path) -> None:
    flicker(tmp_path / "bank", tmp_path / "a.png")
    flicker(tmp_path / "other", tmp_path / "b.png", kind=Kind.BACKGROUND)
    with Bank(tmp_path / "bank") as opened:
        assert opened.backgrounds() == {}
    merge_banks(tmp_path / "other", [tmp_path / "bank"])
    with Bank(tmp_path / "other") as opened:
        assert list(opened.backgrounds()) == [tmp_path / "b.png"]
        assert opened.scalar("SELECT count(*) FROM gaps") == 1
    assert verify(tmp_path / "other").ok


def test_an_export_holds_it_only_where_all_are_accepted(tmp_path: Path) -> None:
    flicker(tmp_path / "bank", tmp_path / "a.png")
    with pytest.raises(ExportError, match="1 negative in it, rejected, marked as a target, or held back"):
        negmine.export(tmp_path / "bank", tmp_path / "out")
    assert negmine.export(tmp_path / "bank", tmp_path / "out", config=ExportConfig(accept_flicker=True)).negatives == 1


@pytest.mark.parametrize("form", ["yolo", "label-studio"])
def test_likely_misses_are_exported_for_a_labeller(tmp_path: Path, form: str) -> None:
    flicker(tmp_path / "bank", tmp_path / "a.png")
    result = negmine.export_targets(tmp_path / "bank", tmp_path / "out", config=TargetExportConfig(form, only="gaps"))
    assert (result.images, result.proposals, result.negatives, dict(result.skipped)) == (1, 1, 0, {})
    if form == "yolo":
        (label,) = (tmp_path / "out").rglob("a*.txt")
        assert label.read_text() == "0 0.700000 0.375000 0.200000 0.250000\n"


def test_a_bank_without_likely_misses_says_how_to_find_some(small_bank: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"has no likely miss .* come from `negmine scan VIDEO --flicker`"):
        negmine.export_targets(small_bank, tmp_path / "out", config=TargetExportConfig(only="gaps"))
    with pytest.raises(ConfigError, match="expected one of targets, gaps, found 'none'"):
        TargetExportConfig(only="none")  # type: ignore[arg-type]
