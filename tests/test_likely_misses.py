"""Likely misses: listed, judged in a shell and on the page, exported as what people said of them, never negatives."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import RUN, make_image
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

import negmine
from negmine.bank.bank import Bank
from negmine.bank.gaps import Gap, find_gaps, likely_misses
from negmine.bank.merging import merge_banks
from negmine.bank.records import ItemRecord, LikelyMiss
from negmine.bank.verdicts import Verdicts
from negmine.bank.verify import verify
from negmine.bank.writer import BankWriter
from negmine.cli import cli
from negmine.errors import BankError, ConfigError, ExportError
from negmine.exporting.config import TargetExportConfig
from negmine.files import sha256_of
from negmine.reviewing.app import make_app
from negmine.reviewing.guard import TOKEN_HEADER, Access
from negmine.reviewing.reviewed_bank import ReviewedBank
from negmine.reviewing.thumbnails import Thumbnails
from negmine.structures import FileStamp
from negmine.trainable import waiting_images

HARD, SOFT = (60.0, 20.0, 80.0, 40.0), (10.0, 50.0, 30.0, 70.0)
TOKEN = "a-token-of-this-start"
Told = Callable[..., Result]


def store(bank: Path, image: Path, gaps: list[tuple[str, float, tuple[float, ...]]], *, weights: str = "best") -> None:
    """Store a frame in which a run found likely misses."""
    if not image.exists():
        pixels = np.random.default_rng(ord(image.stem[0])).integers(0, 255, (80, 100, 3), dtype=np.uint8)
        image.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    data = image.read_bytes()
    item = ItemRecord(str(image), FileStamp(len(data), image.stat().st_mtime_ns), None, is_background=False)
    found = tuple(LikelyMiss(name, score, (box[0], box[1], box[2], box[3])) for name, score, box in gaps)
    with BankWriter(bank, purpose="a test") as writer:
        run = writer.begin_run(replace(RUN, weights=weights, weights_sha256=weights.encode().hex().ljust(64, "0")))
        with writer.transaction():
            frame = replace(make_image("frame"), item=item, sha256=sha256_of(data), gaps=found)
            writer.store(run, frame)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """Three likely misses in two frames."""
    store(tmp_path / "bank", tmp_path / "a.png", [("cat", 0.9, HARD), ("dog", 0.5, SOFT)])
    store(tmp_path / "bank", tmp_path / "b.png", [("cat", 0.7, HARD)])
    return tmp_path / "bank"


@pytest.fixture
def told(bank: Path) -> Told:
    """Run a command on the bank."""

    def run(*arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(cli, [*arguments, "--bank", str(bank)], input=text)

    return run


@pytest.fixture
def page(bank: Path, tmp_path: Path) -> Iterator[TestClient]:
    """The page of the bank, in a browser that has opened it."""
    opened, access = ReviewedBank(bank), Access.at(["127.0.0.1"], 8765, TOKEN)
    host = "127.0.0.1:8765"
    yield TestClient(
        make_app(opened, access, Thumbnails(tmp_path / "thumbnails")), base_url=f"http://{host}",
        headers={TOKEN_HEADER: TOKEN, "origin": f"http://{host}"}, cookies={access.cookie: access.cookie_value},
    )  # fmt: skip
    opened.close()


def misses(bank: Path) -> list[Gap]:
    with Bank(bank) as opened:
        return list(likely_misses(opened))


def judge(bank: Path, gap: Gap, state: negmine.bank.filters.ReviewState) -> None:
    with Verdicts(bank) as verdicts:
        verdicts.judge_gaps({gap.id: gap.sha256}, state)


def test_a_bank_without_a_scan_for_flickers_has_none(tmp_path: Path) -> None:
    with BankWriter(tmp_path / "bank", purpose="a test"):
        pass
    assert misses(tmp_path / "bank") == []
    listed = CliRunner().invoke(cli, ["bank", "list", "--gaps", "--bank", str(tmp_path / "bank")])
    assert listed.exit_code == 0 and "no likely miss matches" in listed.stderr and listed.stdout == ""


def test_the_list_names_each_and_is_judged_by_what_it_prints(bank: Path, told: Told) -> None:
    lines = [line.split("\t") for line in told("bank", "list", "--gaps").stdout.splitlines()]
    assert [line[1:4] for line in lines] == [
        [f"{s:.2f}", c, "unreviewed"] for s, c in ((0.9, "cat"), (0.7, "cat"), (0.5, "dog"))
    ]
    assert all(re.fullmatch("g[0-9a-f]{7}", line[0]) for line in lines)
    said = told("bank", "target", "-", text=told("bank", "list", "--gaps", "--class", "dog").stdout).stdout
    assert said == f"1 likely miss confirmed as targets to label: {lines[2][0]}\n"
    assert told("bank", "reject", lines[0][0]).exit_code == 0
    assert [gap.state for gap in misses(bank)] == ["rejected", "unreviewed", "target"]
    document = json.loads(told("bank", "list", "--gaps", "--state", "target", "--json").stdout)
    assert document["found"] == 1 and document["likely_misses"][0]["box"] == list(SOFT)
    head, row = told("bank", "list", "--gaps", "--state", "rejected", "--csv").stdout.splitlines()
    assert head.startswith("id,score,class,state,source,x1,y1,x2,y2") and ",60.0,20.0,80.0,40.0," in row
    assert "3 likely misses (1 unreviewed, 1 target, 1 rejected)" in told("bank", "stats").stdout
    assert told("bank", "undo", lines[0][0], "--json").stdout.count('"state": "unreviewed"') == 1
    assert misses(bank)[0].state == "unreviewed"
    assert verify(bank).ok


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["accept", "{g}"], "a likely miss is no negative, so nothing accepts it"),
        (["target", "{g}", "abcdef0"], "found both"),
        (["target", "g0000"], "has no likely miss g0000"),
        (["target", "gone"], "expected 4 or more hex digits of a negative's hash"),
        (["show", "{g}"], "names a likely miss, not a negative"),
        (["list", "--gaps", "--cluster", "1"], "--folder with --gaps, found another"),
    ],
)
def test_what_a_likely_miss_is_not(bank: Path, told: Told, arguments: list[str], said: str) -> None:
    name = f"g{misses(bank)[0].sha256[:7]}"
    error = told("bank", *(each.replace("{g}", name) for each in arguments)).exception
    assert isinstance(error, (BankError, ConfigError)) and said in str(error)
    assert {gap.state for gap in misses(bank)} == {"unreviewed"}


def test_each_is_found_by_the_beginning_of_its_id(bank: Path) -> None:
    hashes = ["abcd1", "abcd2", "abcf0", "ffff0"]
    gaps = [replace(misses(bank)[0], sha256=each.ljust(64, "0")) for each in hashes]
    assert find_gaps([], [], bank) == []
    assert find_gaps(gaps, ["GFFFF", "gabcd2", "gabcf"], bank) == [gaps[3], gaps[1], gaps[2]]
    with pytest.raises(BankError, match="gabcd is the beginning of 2 likely misses; give more digits"):
        find_gaps(gaps, ["gffff", "gabcd"], bank)
    with pytest.raises(BankError, match="no likely miss gabce"):
        find_gaps(gaps, ["gabce"], bank)


def test_a_verdict_is_about_the_place_whichever_run_finds_it_again(bank: Path, tmp_path: Path) -> None:
    judge(bank, misses(bank)[0], "rejected")
    store(bank, tmp_path / "a.png", [("cat", 0.95, (61, 20, 81, 40)), ("cat", 0.6, SOFT)], weights="other")
    found = [(gap.class_name, gap.score, gap.state) for gap in misses(bank)]
    rest = [("cat", 0.7), ("cat", 0.6), ("dog", 0.5)]
    assert found == [("cat", 0.95, "rejected"), *((name, score, "unreviewed") for name, score in rest)]
    judge(bank, misses(bank)[0], "unreviewed")  # whichever box it was said of
    assert {gap.state for gap in misses(bank)} == {"unreviewed"}


def test_targets_are_exported_and_wait_for_their_labels_and_rejected_ones_are_left_out(
    bank: Path, tmp_path: Path
) -> None:
    hard, other, soft = misses(bank)
    judge(bank, hard, "target")
    judge(bank, other, "rejected")
    judge(bank, soft, "rejected")
    with Bank(bank) as opened:
        assert waiting_images(opened) == {hard.source_sha256}
    for only in ("gaps", "targets"):
        out = tmp_path / only
        done = negmine.export_targets(bank, out, config=TargetExportConfig("yolo", only=only))  # type: ignore[arg-type]
        assert (done.images, done.proposals) == (1, 1)
        (label,) = out.rglob("a*.txt")
        assert label.read_text() == "0 0.700000 0.375000 0.200000 0.250000\n"
    judge(bank, hard, "rejected")
    with Bank(bank) as opened:
        assert waiting_images(opened) == frozenset()
    with pytest.raises(ExportError, match="no likely miss"):
        negmine.export_targets(bank, tmp_path / "none", config=TargetExportConfig(only="gaps"))


def test_merging_takes_verdicts_and_the_safer_one_holds_in_any_order(bank: Path, tmp_path: Path) -> None:
    store(tmp_path / "other", tmp_path / "a.png", [("cat", 0.9, HARD), ("dog", 0.5, SOFT)])
    judge(bank, misses(bank)[0], "rejected")
    judge(tmp_path / "other", misses(tmp_path / "other")[0], "target")
    for into, other in ((tmp_path / "one", [bank, tmp_path / "other"]), (tmp_path / "two", [tmp_path / "other", bank])):
        for _ in range(2):
            merge_banks(into, other)
        assert [gap.state for gap in misses(into)] == ["target", "unreviewed", "unreviewed"]


def test_the_page_lists_shows_and_judges_them(bank: Path, page: TestClient) -> None:
    assert page.get("/?kind=misses").status_code == 200 and "Likely misses" in page.get("/?kind=misses").text
    ids = [row[0] for row in struct.iter_unpack("<iiiI", page.get("/api/list?kind=misses").content)]
    hard, other, soft = misses(bank)
    assert ids == [hard.id, other.id, soft.id]
    changes = page.get("/api/changes?kind=misses").json()
    assert changes["counts"] == {"negatives": 0, "misses": 3} and changes["states"]["unreviewed"] == 3
    (row,) = page.get(f"/api/rows?kind=misses&ids={hard.id}").json()
    assert (row["size"], row["box"]) == ([60, 60], [20, 20, 40, 40])
    picture = cv2.imdecode(np.frombuffer(page.get(row["picture"]).content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (60, 60, 3)
    assert page.get(f"/api/misses/{hard.id}").json()["missed"] == list(HARD)
    assert [each["value"] for each in page.get("/api/facets?kind=misses").json()["classes"]] == ["cat", "dog"]

    def decide(ids: list[int], hashes: list[str], state: str) -> dict[str, object]:
        body = {"kind": "misses", "ids": ids, "sha256s": hashes, "state": state}
        return page.post("/api/decide", json=body).json()  # type: ignore[no-any-return]

    done = decide([hard.id, soft.id], [hard.sha256, soft.sha256[:8]], "target")
    assert done["act"] == {"id": 0, "state": "target", "ids": [hard.id, soft.id], "before": ["unreviewed"] * 2}
    assert "look again" in str(decide([other.id], [hard.sha256], "target")["error"])
    assert "no negative" in str(decide([other.id], [other.sha256], "accepted")["error"])
    assert [gap.state for gap in misses(bank)] == ["target", "unreviewed", "target"]
    left = page.get(f"/api/list?kind=misses&state=unreviewed&also={soft.id}").content
    assert [row[0] for row in struct.iter_unpack("<iiiI", left)] == [other.id, soft.id]


def test_verdicts_that_change_places_are_noticed(bank: Path, page: TestClient) -> None:
    one, _, two = misses(bank)
    judge(bank, one, "target")
    judge(bank, two, "rejected")
    before = page.get("/api/changes?kind=misses").json()
    with Verdicts(bank) as verdicts, verdicts._write() as connection:
        connection.execute("UPDATE gap_reviews SET state = CASE state WHEN 'target' THEN 'rejected' ELSE 'target' END")
    after = page.get("/api/changes?kind=misses").json()
    assert after["states"] == before["states"] and after["decisions"] != before["decisions"]
    rows = page.get(f"/api/rows?kind=misses&ids={one.id},{two.id}").json()
    assert [row["state"] for row in rows] == ["rejected", "target"]


@pytest.mark.parametrize("path", ["/api/list?kind=cats", "/api/misses/99", "/api/rows?kind=misses&ids=x"])
def test_a_question_about_what_is_not_there_is_one_line(page: TestClient, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 409 and answer.json()["error"].count("\n") == 0


def test_a_frame_that_is_gone_is_said_in_the_place_of_its_picture(bank: Path, page: TestClient, tmp_path: Path) -> None:
    (tmp_path / "a.png").unlink()
    answer = page.get(f"/misses/{misses(bank)[0].sha256}.jpg")
    assert answer.status_code == 404 and "the source image is gone" in answer.json()["error"]
    assert page.get(f"/misses/{'0' * 64}.jpg").status_code == 404
