"""What a report says of a bank: every number of it, in one file that needs nothing else."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import MakeBank
from blobs import draw, square_detector
from page_read import Page

from negmine.bank.browsing import browse
from negmine.bank.verdicts import Verdicts
from negmine.bank.writer import BankWriter
from negmine.errors import BankError, ConfigError, NegmineError
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan
from negmine.reporting.config import ReportConfig
from negmine.reporting.pictures import Pictures, around
from negmine.reporting.report import report

HOSTILE = "<img src=x onerror=alert(1)>&\"'.png"


def test_a_bank_in_which_nothing_fired(make_bank: MakeBank, tmp_path: Path) -> None:
    result = report(make_bank({"a.png": [], "b.png": []}), tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert (result.bank.images, result.bank.false_positives, result.pictures) == (2, 0, 0)
    assert "There are no false positives." in page.section("scores")
    assert "The bank holds no negatives." in page.section("hardest")


def test_the_numbers_of_a_bank(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(3)
    result = report(bank, tmp_path / "r.html")
    document = json.loads(json.dumps(result.to_dict()))
    page = Page(tmp_path / "r.html")
    assert document["schema_version"] == 1 and document["bytes"] == len(page.bytes) and document["pictures"] == 3
    found = document["bank"]
    assert (found["images"], found["false_positives"], found["negatives"]) == (3, 3, 3)
    assert (found["folder"], found["images_below"]) == (str(bank), str(tmp_path / "bank-in"))
    assert found["kinds_by_class"] == {"lamp": {"background": 3}}
    assert sum(found["scores_by_class"]["lamp"]) == 3
    assert found["background_false_positives"] == {"found": 3, "in_a_negative": 3, "skipped": {}}
    assert found["folders"] == [{"name": "bank-in", "images": 3, "scans": 3, "false_positives": 3, "fppi": 1.0}]
    assert found["hours"] == found["cameras"] == [] and found["images_without_hour"] == 3
    assert "lamp 3 3" in page.section("where") and "3 false positives by score" in page.section("scores")
    assert "not reviewed yet 3" in page.section("left-out")
    assert "negmine bank compare" in page.section("clusters") and "--data data.yaml" in page.section("ratio")
    run = found["runs"][0]
    assert run["weights"] in page.section("scanned") and run["weights_sha256"][:12] in page.section("scanned")
    assert [each.split()[0] for each in page.pictures("lamp")] == ["0.22", "0.21", "0.20"]


def test_the_box_is_drawn_around_what_fired(make_bank: MakeBank, tmp_path: Path) -> None:
    import base64

    report(make_bank({"a.png": [(80, 40, 110, 70, 90)]}), tmp_path / "r.html")
    (uri,) = Page(tmp_path / "r.html").tree.xpath("//img/@src")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8), cv2.IMREAD_COLOR).astype(int)
    height, width = picture.shape[:2]
    assert max(height, width) == 240
    orange = (picture[..., 2] > 170) & (picture[..., 1] < 140) & (picture[..., 0] < 110)
    rows, columns = np.nonzero(orange)
    third = (columns.min() / width, columns.max() / width, rows.min() / height, rows.max() / height)
    assert third == pytest.approx((1 / 3, 2 / 3, 1 / 3, 2 / 3), abs=0.03)  # the crop has three times the box's side


def test_the_same_bank_gives_the_same_bytes(small_bank: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        report(small_bank, tmp_path / name, config=ReportConfig(made_on="2024-05-01"))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert "made on 2024-05-01" in Page(tmp_path / "a.html").text
    report(small_bank, tmp_path / "c.html")
    assert "made on" not in Page(tmp_path / "c.html").text


def test_names_out_of_a_bank_are_text(tmp_path: Path) -> None:
    folder = tmp_path / "<b>in</b>"
    draw(folder / HOSTILE, [(60, 40, 80, 60, 50)])
    detector = square_detector()
    scan(folder, detector, bank=tmp_path / "bank")
    database = sqlite3.connect(tmp_path / "bank" / "bank.db")
    evil = "</title><script>alert(1)</script>{{ 7 * 7 }}\x1b[2J\u202e\ud800".encode("utf-8", "surrogatepass")
    database.execute("UPDATE detections SET class_name = CAST(? AS TEXT)", (evil[:-3].decode(),))
    database.execute("UPDATE runs SET weights = '<svg onload=alert(1)>', versions = '{\"<i>\": \"</style>\"}'")
    database.commit()
    database.close()
    report(tmp_path / "bank", tmp_path / "r.html", config=ReportConfig(made_on="<script>"))
    page = Page(tmp_path / "r.html")
    assert "</title><script>alert(1)</script>{{ 7 * 7 }}\\x1b[2J\\u202e" in page.text
    assert HOSTILE in page.text and "<svg onload=alert(1)>" in page.text and "<i> </style>" in page.text
    assert not page.tree.xpath("//b[text()='in']") and "<b>in</b>" in page.text


def test_its_colours_can_be_told_in_light_in_dark_and_on_paper(small_bank: Path, tmp_path: Path) -> None:
    """Contrast as WCAG 2 has it: 4.5 for text, 3 for what is drawn."""
    report(small_bank, tmp_path / "r.html")
    (style,) = Page(tmp_path / "r.html").tree.xpath("//style/text()")
    light, dark, paper = (dict(re.findall(r"--(\w+): (#\w{6})", part)) for part in style.split(":root {")[1:])
    for colours in (light, light | dark, light | paper):
        for name in ("text", "soft", "accent"):
            assert min(_contrast(colours[name], colours[under]) for under in ("page", "card")) >= 4.5, name
        for name in ("before", "after", "bar", "good", "bad", "false", "object"):
            assert _contrast(colours[name], colours["page"]) >= 3, name


def _contrast(one: str, other: str) -> float:
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_verdicts_are_counted_shown_and_said_where_they_were_made(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(4)
    with Verdicts(bank) as verdicts:
        hardest = browse(verdicts)
        verdicts.decide(hardest[:1], "rejected", origin="review")
        verdicts.decide(hardest[1:3], "target", origin="bank")
    result = report(bank, tmp_path / "r.html")
    page = Page(tmp_path / "r.html")
    assert result.to_dict()["bank"]["verdicts"] == {"rejected": 1, "target": 2, "unreviewed": 1}  # type: ignore[index]
    said = page.section("left-out")
    assert "rejected by a person: never exported or trained on (1 in review) 1" in said
    assert "marked as a target without a label: never exported or trained on (2 in bank) 2" in said
    assert len(page.pictures("Rejected")) == 1 and len(page.pictures("Targets without a label")) == 2
    assert "rejected" in page.pictures("lamp")[0]


def test_clusters_have_rows_once_negatives_were_compared(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(5)
    with BankWriter(bank, purpose="a test"):
        pass  # brings the bank up to date
    database = sqlite3.connect(bank / "bank.db")
    rows = [(number, None, 3 if number < 4 else number, number) for number in range(1, 6)]
    database.executemany("INSERT INTO likenesses VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    result = report(bank, tmp_path / "r.html")
    assert result.bank.clusters[3] == 3
    page = Page(tmp_path / "r.html")
    assert len(page.pictures("Cluster 3")) == 3 and "Cluster 4" not in page.text  # alone


def test_why_false_positives_gave_no_negative(make_bank: MakeBank, tmp_path: Path) -> None:
    draw(tmp_path / "in" / "a.png", [(20 + 40 * i, 40, 40 + 40 * i, 60, 40 + i) for i in range(4)])
    scan(tmp_path / "in", square_detector(), bank=tmp_path / "bank", config=ScanConfig(max_per_image=1))
    said = Page(report(tmp_path / "bank", tmp_path / "r.html").out).section("left-out")
    assert "False positives on background 4" in said
    assert "gave no negative: the image gave enough harder ones 3" in said


def test_the_ratio_against_its_target(small_bank: Path, tmp_path: Path) -> None:
    for number in range(6):
        draw(tmp_path / "images" / f"{number}.png", seed=number)
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{number}.txt").write_text("0 .5 .5 .1 .1\n")
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [cat]\n")
    result = report(small_bank, tmp_path / "r.html", data=tmp_path / "data.yaml", split="train")
    assert result.ratio is not None and not result.ratio.ok
    page = Page(tmp_path / "r.html")
    assert "6 positive images to 2 negatives, 1 : 0.33, below the target 1:1..1:2 (6 to 12" in page.section("ratio")
    assert "1 : 0.33 positive to negative images" in page.text


def test_a_report_without_pictures(small_bank: Path, tmp_path: Path) -> None:
    result = report(small_bank, tmp_path / "r.html", config=ReportConfig(hardest=0))
    assert result.pictures == 0 and result.size < 40_000 and not Page(result.out).tree.xpath("//img")


def test_a_negative_whose_file_is_gone_or_damaged_is_said(make_bank: MakeBank, tmp_path: Path) -> None:
    bank = make_bank(3)
    gone, damaged, _ = sorted((bank / "negatives").rglob("*.jpg"))
    gone.unlink()
    damaged.write_bytes(b"no image")
    result = report(bank, tmp_path / "r.html")
    assert result.pictures == 1 and len(result.missing) == 2
    assert "this negative cannot be shown: its file is gone" in Page(result.out).text


def test_a_file_of_a_bank_that_is_a_link_is_not_shown(small_bank: Path, tmp_path: Path) -> None:
    private = draw(tmp_path / "private.png", [(1, 1, 90, 90, 9)])
    for file in (small_bank / "negatives").rglob("*.jpg"):
        file.unlink()
        file.symlink_to(private)
    assert report(small_bank, tmp_path / "r.html").pictures == 0


def test_a_picture_outside_of_the_bank_is_shown_only_with_the_bytes_that_were_measured(tmp_path: Path) -> None:
    path, pictures = draw(tmp_path / "a.png", [(1, 1, 90, 90, 9)]), Pictures()
    found = pictures.of_image(path, "0" * 64, (0, 0, 9, 9), (0, 0, 255), "a")
    assert found.uri is None and found.missing is not None and "has changed since" in found.missing


def test_pictures_end_with_the_budget(small_bank: Path, tmp_path: Path) -> None:
    from negmine.bank.bank import Bank

    pictures = Pictures(budget=1)
    with Bank(small_bank) as bank:
        made = [pictures.of_negative(bank, each, "a") for each in bank.negatives()]
    assert [each.uri is not None for each in made] == [True, False] and pictures.left_out == 1


@pytest.mark.parametrize(
    ("box", "size", "rect"),
    [
        ((40.0, 40.0, 80.0, 60.0), (400, 300), (0, 0, 120, 120)),
        ((390.0, 290.0, 400.0, 300.0), (400, 300), (304, 204, 400, 300)),
        ((0.0, 0.0, 400.0, 300.0), (400, 300), (0, 0, 400, 300)),
        ((-1e8, -1e8, 1e8, 1e8), (40, 30), (0, 0, 40, 30)),
        ((900.0, 900.0, 910.0, 910.0), (40, 30), (0, 0, 40, 30)),
    ],
)
def test_what_is_shown_around_a_box(
    box: tuple[float, float, float, float], size: tuple[int, int], rect: tuple[int, int, int, int]
) -> None:
    assert around(box, size) == rect


def test_a_file_that_is_no_report_is_left_alone(small_bank: Path, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.html"
    thesis.write_text("years of work")
    with pytest.raises(ConfigError, match="is no report of negmine; name another file with --out"):
        report(small_bank, thesis)
    assert thesis.read_text() == "years of work"
    report(small_bank, tmp_path / "r.html")
    report(small_bank, tmp_path / "r.html", config=ReportConfig(hardest=0))
    assert sorted(path.name for path in tmp_path.glob("r.html*")) == ["r.html"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("r.txt", "expected a file that ends in .html, found "),
        ("nowhere/r.html", "name a file in a folder that exists"),
        ("folder.html", "name a file in a folder that exists"),
    ],
)
def test_where_no_report_can_be_written(small_bank: Path, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ConfigError, match=said):
        report(small_bank, tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_keeps_nobody_waiting(small_bank: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.html")
    with pytest.raises(ConfigError):
        report(small_bank, tmp_path / "r.html")


def test_no_bank_and_nothing_scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BankError, match="negmine-bank does not exist"):
        report()
    with BankWriter("negmine-bank", purpose="a test"):
        pass
    with pytest.raises(BankError, match="expected a bank that images were scanned into, found none in negmine-bank"):
        report()
    assert [path.name for path in tmp_path.iterdir()] == ["negmine-bank"]


@pytest.mark.parametrize("change", [{"hardest": -1}, {"hardest": 101}, {"workers": 0}, {"target": "1:0"}])
def test_bad_settings(change: dict[str, object]) -> None:
    with pytest.raises(NegmineError):
        ReportConfig(**change)  # type: ignore[arg-type]
