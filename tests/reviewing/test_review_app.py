"""What the page of a review is told, and what it decides."""

from __future__ import annotations

import re
import shlex
import shutil
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from banks import RUN, MakeBank, make_image
from httpx import Response
from killing import until
from starlette.testclient import TestClient

from negmine.bank.bank import Bank
from negmine.bank.embeddings import Embeddings, Likeness
from negmine.bank.index import Index
from negmine.bank.verdicts import Verdicts
from negmine.bank.writer import BankWriter
from negmine.images import encode_jpeg
from negmine.reviewing.reviewed_bank import ReviewedBank

Visit = Callable[[Path], TestClient]


def listed(page: TestClient, query: str = "") -> list[int]:
    """The numbers of the negatives that are listed."""
    return [number for number, *_ in struct.iter_unpack("<iiiI", page.get(f"/api/list?{query}").content)]


def decide(page: TestClient, ids: list[int], state: str) -> dict[str, object]:
    known = {row["id"]: row["sha256"] for row in page.get(f"/api/rows?ids={','.join(map(str, ids))}").json()}
    answer = page.post("/api/decide", json={"ids": ids, "sha256s": [known[each] for each in ids], "state": state})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def undo(page: TestClient, act: int, *, bank_key: str | None = None) -> Response:
    shown = re.search('data-bank-key="([0-9a-f]+)"', page.get("/").text)
    assert shown is not None
    return page.post("/api/undo", json={"act": act, "bank": bank_key or shown[1]})


def states(bank: Path) -> dict[int, str]:
    with Bank(bank) as opened:
        return {negative.id: negative.review for negative in opened.negatives()}


def test_an_empty_bank_has_a_page(visit: Visit, tmp_path: Path) -> None:
    with BankWriter(tmp_path / "empty", purpose="a test"):
        pass
    empty = visit(tmp_path / "empty")
    assert empty.get("/").status_code == 200
    assert listed(empty) == []
    assert empty.get("/api/facets").json()["classes"] == []
    assert set(empty.get("/api/changes").json()["states"].values()) == {0}


def test_the_page_is_there_before_the_bank_is_read(visit: Visit, three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_read, read = threading.Event(), Index.read

    def late(bank: Bank) -> Index:
        assert may_read.wait(60)
        return read(bank)

    monkeypatch.setattr(Index, "read", late)
    page = visit(three)
    assert page.get("/").status_code == 200
    may_read.set()
    assert listed(page) == [3, 2, 1]


def test_the_hardest_come_first(asking: TestClient) -> None:
    assert listed(asking) == [3, 2, 1]
    assert listed(asking, "sort=newest") == [3, 2, 1]
    assert listed(asking, "sort=source") == [1, 2, 3]


def test_filters(asking: TestClient) -> None:
    scores = {row["id"]: row["score"] for row in asking.get("/api/rows?ids=1,2,3").json()}
    assert listed(asking, f"min={scores[2]}") == [3, 2]
    assert listed(asking, f"max={scores[2]}") == [2, 1]
    assert listed(asking, "class=lamp") == [3, 2, 1] and listed(asking, "class=cat") == []
    assert listed(asking, "run=1&class=lamp") == [3, 2, 1] and listed(asking, "run=2") == []
    assert listed(asking, "state=rejected") == []
    facets = asking.get("/api/facets").json()
    (folder,) = facets["folders"]
    assert folder["count"] == 3 and listed(asking, f"folder={folder['value']}") == [3, 2, 1]
    assert listed(asking, "folder=/elsewhere") == []
    assert [(each["value"], each["count"]) for each in facets["classes"]] == [("lamp", 3)]
    assert [each["count"] for each in facets["runs"]] == [3]
    assert facets["known"] == {"unlabelled": False, "clusters": False, "places": False, "flickers": False}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("list?sort=colour", "sort to be one of score"),
        ("list?state=maybe", "state to be one of unreviewed"),
        ("list?min=high", "a number for min"),
        ("list?max=nan", "a number for max"),
        ("list?run=-1", "a whole number for run"),
        ("list?since=9999999999999999999999", "a whole number for since"),
        ("rows?ids=1,x", "a whole number for ids"),
        (f"rows?ids={'1,' * 501}", "at most 500 ids"),
        ("negatives/99", "no longer in the bank"),
    ],
)
def test_a_question_without_sense_is_answered_with_what_was_expected(asking: TestClient, path: str, said: str) -> None:
    answer = asking.get(f"/api/{path}")
    assert answer.status_code == 409 and said in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    ['{"ids": 1, "state": "rejected"}', '{"ids": [true], "state": "rejected"}', '{"ids": [1.5], "state": "rejected"}',
     '{"ids": [1], "sha256s": ["%s"], "state": "gone"}' % ("0" * 64), '{"ids": [1]}', "[]", "{", "[" * 100_000,
     '{"ids": [99], "sha256s": ["00000000"], "state": "target"}', '{"ids": [1], "state": "target"}',
     '{"ids": [1], "sha256s": [""], "state": "target"}', '{"ids": [1], "sha256s": [], "state": "target"}'],
)  # fmt: skip
def test_a_verdict_without_sense_is_refused_and_nothing_stored(asking: TestClient, body: str, three: Path) -> None:
    answer = asking.post("/api/decide", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 409 and answer.json()["error"]
    assert set(states(three).values()) == {"unreviewed"}


def test_a_body_has_an_end(asking: TestClient) -> None:
    body = b'{"ids": [' + b"1," * (4 << 20) + b'1], "state": "rejected"}'
    answer = asking.post("/api/decide", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 409 and "8 MiB" in answer.json()["error"]


def test_a_tile_has_the_box_on_the_crop(asking: TestClient) -> None:
    (row,) = asking.get("/api/rows?ids=3").json()
    picture = cv2.imdecode(np.frombuffer(asking.get(f"/crops/{row['sha256']}.jpg").content, np.uint8), cv2.IMREAD_COLOR)
    assert row["size"] == [picture.shape[1], picture.shape[0]]
    x1, y1, x2, y2 = (round(value) for value in row["box"])
    bright = picture.max(axis=2) > 200
    assert bright[y1:y2, x1:x2].mean() > 0.85  # the square fills its box
    bright[y1:y2, x1:x2] = False
    assert bright.mean() < 0.02


def test_the_large_view_knows_all_of_the_source(asking: TestClient) -> None:
    details = asking.get("/api/negatives/3").json()
    assert details["source"].endswith("bank-in/002.png") and details["source_size"] == [200, 120]
    (found,) = details["detections"]
    assert found["is_here"] and found["kind"] == "background" and found["class_name"] == "lamp"
    source = asking.get(f"/sources/{details['source_sha256']}.jpg")
    assert source.headers["content-type"] == "image/jpeg"
    image = cv2.imdecode(np.frombuffer(source.content, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == (120, 200)


def test_verdicts_are_stored_at_once_and_undone_one_by_one(page: TestClient, tmp_path: Path) -> None:
    first = decide(page, [3], "accepted")
    second = decide(page, [1, 2, 3], "rejected")
    assert states(tmp_path / "bank") == {1: "rejected", 2: "rejected", 3: "rejected"}
    assert second["states"] == {"unreviewed": 0, "accepted": 0, "rejected": 3, "target": 0}
    assert second["act"] == {"id": 2, "state": "rejected", "ids": [1, 2, 3]}
    assert page.get("/api/changes").json()["undoable"] == {"id": 2, "state": "rejected", "count": 3}
    undone = undo(page, 2).json()
    assert undone["act"]["ids"] == [1, 2, 3] and undone["states"]["accepted"] == 1
    assert states(tmp_path / "bank") == {1: "unreviewed", 2: "unreviewed", 3: "accepted"}
    assert undo(page, 2).json()["act"] is None  # it was taken back before
    undo(page, first["act"]["id"])  # type: ignore[index]
    assert set(states(tmp_path / "bank").values()) == {"unreviewed"}
    assert page.get("/api/changes").json()["undoable"] is None


def test_a_page_takes_back_nothing_of_another_bank_or_command(page: TestClient, tmp_path: Path) -> None:
    with Verdicts(tmp_path / "bank") as command:
        act = command.decide([2], "target", origin="bank")
    assert act is not None
    answer = undo(page, act.id)
    assert answer.status_code == 409 and f"negmine bank undo --act {act.id}" in answer.json()["error"]
    decided = decide(page, [1], "rejected")["act"]
    answer = undo(page, decided["id"], bank_key="0" * 16)  # type: ignore[index]
    assert answer.status_code == 409 and "another bank" in answer.json()["error"]
    assert states(tmp_path / "bank") == {1: "rejected", 2: "target", 3: "unreviewed"}


def test_a_bank_that_was_made_anew_has_another_key(three: Path, tmp_path: Path) -> None:
    shutil.copytree(three, tmp_path / "bank")
    keys = [_key_of(tmp_path / "bank"), _key_of(tmp_path / "bank")]
    (tmp_path / "bank").rename(tmp_path / "old")
    shutil.copytree(three, tmp_path / "bank")
    keys.append(_key_of(tmp_path / "bank"))
    assert keys[0] == keys[1] != keys[2]


def _key_of(bank: Path) -> str:
    opened = ReviewedBank(bank)
    try:
        return opened.key
    finally:
        opened.close()


def test_a_verdict_is_about_what_was_shown_though_its_number_is_another_ones_now(
    page: TestClient, tmp_path: Path
) -> None:
    (shown,) = page.get("/api/rows?ids=2").json()
    before = page.get("/api/list").content
    with BankWriter(tmp_path / "bank", purpose="a test") as writer:
        list(writer.query("UPDATE negatives SET sha256 = ? WHERE id = 2", ("0" * 64,)))
    until(lambda: page.get("/api/changes").json()["version"] == "2")
    assert page.get("/api/list").content != before
    body = {"ids": [1, 2], "sha256s": [page.get("/api/rows?ids=1").json()[0]["sha256"], shown["sha256"][:8]]}
    answer = page.post("/api/decide", json={**body, "state": "rejected"})
    assert answer.status_code == 409 and "look again" in answer.json()["error"]
    assert set(states(tmp_path / "bank").values()) == {"unreviewed"}
    decide(page, [2], "rejected")
    assert states(tmp_path / "bank")[2] == "rejected"


def test_the_same_verdict_again_is_no_act(page: TestClient) -> None:
    assert decide(page, [1], "target")["act"] is not None
    assert decide(page, [1], "target")["act"] is None


def test_what_is_decided_stays_in_the_list_that_it_was_decided_in(page: TestClient) -> None:
    """Nothing jumps under the reader's eyes; a new list leaves it out."""
    since = page.get("/api/changes").json()["last_act"]
    decide(page, [2], "rejected")
    assert listed(page, f"state=unreviewed&since={since}") == [3, 2, 1]
    now = page.get("/api/changes").json()["last_act"]
    assert listed(page, f"state=unreviewed&since={now}") == [3, 1]


def test_verdicts_of_another_window_or_command_are_seen(page: TestClient, visit: Visit, tmp_path: Path) -> None:
    before = page.get("/api/changes").json()
    other = visit(tmp_path / "bank")
    decide(other, [1], "target")
    with Verdicts(tmp_path / "bank") as command:
        command.decide([2], "rejected", origin="bank")
    after = page.get("/api/changes").json()
    assert after["decisions"] != before["decisions"] and after["version"] == before["version"]
    assert after["states"] == {"unreviewed": 1, "accepted": 0, "rejected": 1, "target": 1}
    assert listed(page, f"state=target&since={after['last_act']}") == [1]
    assert after["undoable"]["state"] == "target"  # what a command decided is not undone from here


def test_a_scan_that_adds_negatives_is_seen(page: TestClient, tmp_path: Path) -> None:
    before = page.get("/api/changes").json()["version"]
    with BankWriter(tmp_path / "bank", purpose="a scan") as writer:
        run = writer.begin_run(RUN)
        with writer.transaction():
            writer.store(run, make_image("new.jpg", negatives=(b"new",)))
        decide(page, [1], "accepted")  # the lock of the scan keeps nobody from deciding
    until(lambda: page.get("/api/changes").json()["version"] != before)
    assert listed(page) == [4, 3, 2, 1]
    assert states(tmp_path / "bank")[1] == "accepted"
    assert "cat" in [each["value"] for each in page.get("/api/facets").json()["classes"]]


def test_clusters_and_places_come_with_the_list(make_bank: MakeBank, visit: Visit, tmp_path: Path) -> None:
    bank = make_bank(3)
    with BankWriter(bank, purpose="a test") as writer:
        list(writer.query("INSERT INTO likenesses VALUES (1, 0.5, 7, 1), (2, 0.9, 7, 1), (3, NULL, 8, 2)"))
    page = visit(bank)
    assert [each[:3] for each in struct.iter_unpack("<iiiI", page.get("/api/list?sort=unlabelled").content)] == [
        (2, 7, 1),
        (1, 7, 1),
        (3, 8, 2),
    ]
    assert listed(page, "sort=cluster") == [2, 1, 3]
    assert page.get("/api/facets").json()["known"] == {
        "unlabelled": True,
        "clusters": True,
        "places": True,
        "flickers": False,
    }


def test_a_source_that_is_gone_or_changed_is_named_and_the_crop_still_shown(
    make_bank: MakeBank, visit: Visit, tmp_path: Path
) -> None:
    page = visit(make_bank(3))
    details = page.get("/api/negatives/3").json()
    url, path = f"/sources/{details['source_sha256']}.jpg", tmp_path / "bank-in" / "002.png"
    assert page.get(url).status_code == 200
    path.write_bytes(encode_jpeg(np.zeros((9, 9, 3), np.uint8)))
    assert page.get(url).json()["error"] == f"the source image has changed since it was scanned: {path}"
    path.unlink()
    gone = page.get(url)
    assert gone.status_code == 404 and gone.json()["error"] == f"the source image is gone: {path}"
    assert gone.headers["cache-control"] == "no-store"
    assert page.get(f"/crops/{details['sha256']}.jpg").status_code == 200
    assert page.get("/api/negatives/3").status_code == 200


def test_a_crop_that_is_gone_or_changed_is_named(page: TestClient, tmp_path: Path) -> None:
    (row,) = page.get("/api/rows?ids=1").json()
    path = tmp_path / "bank" / "negatives" / row["sha256"][:2] / f"{row['sha256']}.jpg"
    path.write_bytes(b"something else")
    assert "has changed" in page.get(f"/crops/{row['sha256']}.jpg").json()["error"]
    path.unlink()
    path.symlink_to(tmp_path / "bank" / "bank.db")
    assert "a link" in page.get(f"/thumbnails/{row['sha256']}.jpg").json()["error"]
    path.unlink()
    assert "is gone" in page.get(f"/thumbnails/{row['sha256']}.jpg").json()["error"]


@pytest.mark.parametrize(
    "path",
    ["/crops/../bank.db", "/crops/..%2f..%2fbank.db", "/crops/%2e%2e%2fbank.db.jpg", f"/crops/{'A' * 64}.jpg",
     f"/thumbnails/{'a' * 63}.jpg", f"/sources/{'a' * 64}.jpg", f"/crops/{'a' * 64}.png", "/static/../app.py",
     "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/templates/review.html", "//etc/passwd"],
)  # fmt: skip
def test_no_path_leads_to_a_file(asking: TestClient, path: str) -> None:
    answer = asking.get(path)
    assert answer.status_code == 404 and "error" in answer.json()


def test_names_are_text_and_never_html(make_bank: MakeBank, visit: Visit, tmp_path: Path) -> None:
    odd = "<img src=x onerror=alert(1)>\"'&"
    shutil.move(make_bank({f"{odd}.png": [(60, 40, 80, 60, 20)]}), tmp_path / odd)
    with BankWriter(tmp_path / odd, purpose="a test") as writer:
        list(writer.query("UPDATE detections SET class_name = ?", ("<b>\x1b[31m</b>",)))
    page = visit(tmp_path / odd)
    text = page.get("/").text
    assert "<img" not in text and "&lt;img" in text
    (row,) = page.get("/api/rows?ids=1").json()
    assert row["class"] == "<b>\\x1b[31m</b>" and row["source"] == f"{odd}.png"
    assert page.get("/api/rows?ids=1").headers["content-type"] == "application/json"
    facets = page.get("/api/facets").json()
    (choice,) = facets["classes"]
    assert shlex.split(facets["compare"])[-1] == str(tmp_path / odd)
    assert listed(page, "class=" + "%3Cb%3E%1B%5B31m%3C%2Fb%3E") == [1] and choice["value"] == "<b>\x1b[31m</b>"


def test_a_thumbnail_is_made_once(page: TestClient, tmp_path: Path) -> None:
    (row,) = page.get("/api/rows?ids=1").json()
    url = f"/thumbnails/{row['sha256']}.jpg"
    first = page.get(url)
    assert first.headers["cache-control"].endswith("immutable")
    shutil.rmtree(tmp_path / "bank" / "negatives")
    assert page.get(url).content == first.content
    (kept,) = (tmp_path / "thumbnails").glob("??/*")
    kept.write_bytes(b"<svg onload=alert(1)>")
    assert page.get(url).status_code == 404  # it is not believed


def test_a_large_image_is_shown_smaller(make_bank: MakeBank, visit: Visit) -> None:
    page = visit(make_bank({"a.png": [(60, 40, 80, 60, 20)]}, size_wh=(2000, 500)))
    details = page.get("/api/negatives/1").json()
    shown = cv2.imdecode(np.frombuffer(page.get(f"/sources/{details['source_sha256']}.jpg").content, np.uint8), 1)
    assert shown.shape[:2] == (400, 1600)


def test_a_bank_that_is_open_leaves_nothing_that_verify_names(page: TestClient, tmp_path: Path) -> None:
    from negmine.bank.verify import verify

    (row,) = page.get("/api/rows?ids=1").json()
    page.get(f"/thumbnails/{row['sha256']}.jpg")
    decide(page, [1], "accepted")
    assert verify(tmp_path / "bank").ok


def test_what_is_held_back_says_so(visit: Visit, three: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(three, tmp_path / "copy"))
    with Embeddings(copy) as bank:
        numbers = {each.id: each.sha256 for each in bank.negatives()}
        bank.keep_likenesses([Likeness(1, numbers[1], 0.99, 1, 1), Likeness(2, numbers[2], 0.5, 2, 2)])
    page = visit(copy)
    said = {row["id"]: (row["unlabelled"], row["held_back"]) for row in page.get("/api/rows?ids=1,2,3").json()}
    assert said == {1: (0.99, True), 2: (0.5, False), 3: (None, False)}
    assert page.get("/api/negatives/1").json()["held_back"] is True
