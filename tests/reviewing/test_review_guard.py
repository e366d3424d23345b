"""Who gets an answer from the server of a review."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from negmine import reviewing
from negmine.bank.bank import Bank
from negmine.reviewing.guard import TOKEN_HEADER, Access, names_of

TOKEN = "a-token-of-this-start"
OWN = "http://127.0.0.1:8765"
PATHS = ["/", "/api/facets", "/api/changes", "/api/list", "/api/rows?ids=1", "/api/negatives/1", "/thumbnails/x.jpg",
         "/?kind=misses", "/api/list?kind=misses", "/api/misses/1", f"/misses/{'0' * 64}.jpg"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_sees_nothing(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403 and "negmine review" in answer.text


def test_the_address_with_the_token_opens_the_rest(stranger: TestClient) -> None:
    assert stranger.get("/?token=another-token-of-any-start").status_code == 403
    page = stranger.get(f"/?token={TOKEN}")
    assert page.status_code == 200
    cookie = page.headers["set-cookie"]
    assert re.fullmatch("negmine-8765=[0-9a-f]{64}; HttpOnly; Path=/; SameSite=strict", cookie)
    assert stranger.get("/api/changes").json()["states"]["unreviewed"] == 3


def test_the_cookie_reads_and_decides_nothing(stranger: TestClient) -> None:
    """Other servers of this computer get it too."""
    assert f'content="{TOKEN}"' in stranger.get(f"/?token={TOKEN}").text
    for answer in (stranger.get("/"), stranger.get("/api/changes"), stranger.get("/?token=x")):
        assert answer.status_code == 200 and TOKEN not in answer.text + str(answer.headers)
    (value,) = stranger.cookies.values()
    body = {"ids": [1], "sha256s": ["0" * 8], "state": "rejected"}
    for given in (value, ""):
        headers = {"origin": OWN, TOKEN_HEADER: given}
        assert stranger.post("/api/decide", json=body, headers=headers).status_code == 403


def test_the_token_in_an_address_opens_the_page_alone(stranger: TestClient) -> None:
    assert stranger.get(f"/api/changes?token={TOKEN}").status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "evil.example", "127.0.0.1", "127.0.0.1:80", "localhost:8765.evil.example", ""]
)
def test_another_host_is_refused_though_the_token_is_known(asking: TestClient, host: str) -> None:
    for path in ("/", "/api/changes", "/static/review.js"):
        assert asking.get(path, headers={"host": host}).status_code == 403


def test_two_names_of_this_computer_are_known(asking: TestClient) -> None:
    assert asking.get("/api/changes", headers={"host": "localhost:8765"}).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "https://127.0.0.1:8765"),
        ("origin", "http://127.0.0.1:8766"),
        ("origin", None),
        (TOKEN_HEADER, "another-token"),
        (TOKEN_HEADER, ""),
        (TOKEN_HEADER, None),
    ],
)
def test_nothing_is_decided_for_another_page(asking: TestClient, name: str, value: str | None) -> None:
    """The cookie, which the browser adds by itself, is not enough."""
    headers = {key: text for key, text in asking.headers.items() if key.lower() != name}
    asking.headers.clear()
    asking.headers.update(headers if value is None else {**headers, name: value})
    assert asking.post("/api/decide", json={"ids": [1], "state": "rejected"}).status_code == 403
    assert asking.post("/api/undo", json={"act": 1}).status_code == 403


def test_another_origin_reads_nothing(asking: TestClient) -> None:
    assert asking.get("/api/changes", headers={"origin": "http://evil.example"}).status_code == 403


def test_a_form_of_another_site_decides_nothing(asking: TestClient, three: Path) -> None:
    answer = asking.post(
        "/api/decide", content=b'{"ids": [1], "state": "rejected"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 409 and "application/json" in answer.json()["error"]
    with Bank(three) as bank:
        assert {negative.review for negative in bank.negatives()} == {"unreviewed"}


@pytest.mark.parametrize("path", ["/", "/static/review.js", "/static/review.css", "/api/changes", "/no/such/page"])
def test_every_answer_says_what_a_page_may_do(asking: TestClient, path: str) -> None:
    headers = asking.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_the_page_holds_no_script_or_style_of_its_own(asking: TestClient) -> None:
    text = asking.get("/").text
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text) == []
    modules = sorted(path.name for path in (Path(str(reviewing.__file__)).parent / "static").glob("*.js"))
    assert "review.js" in modules and "grid.js" in modules
    script = "".join(asking.get(f"/static/{name}").text for name in modules)
    assert {*re.findall(r'(?:from|import) "\./(.+?)"', script)} <= {*modules}
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script) == []
    assert re.findall(r"https?://(?!www\.w3\.org)", text + script + asking.get("/static/review.css").text) == []


def test_without_a_host_or_with_two_there_is_no_answer(asking: TestClient) -> None:
    two = [("host", "127.0.0.1:8765"), ("host", "127.0.0.1:8765")]
    assert asking.get("/api/changes", headers=two).status_code == 403


def test_names_of_an_address() -> None:
    assert names_of("127.0.0.1") == ("127.0.0.1", "localhost", "[::1]")
    assert names_of("::1") == ("[::1]", "127.0.0.1", "localhost")
    assert names_of("192.168.1.5") == ("192.168.1.5",)
    assert names_of("fe80::1") == ("[fe80::1]",)
    assert {"127.0.0.1", "localhost"} < {*names_of("0.0.0.0")} and "0.0.0.0" not in names_of("0.0.0.0")


@pytest.mark.parametrize(
    ("given", "written"),
    [("LocalHost", "localhost"), ("Box.Local", "box.local"), ("0:0:0:0:0:0:0:1", "[::1]"), ("FE80::0:1", "[fe80::1]"),
     ("127.1", "127.0.0.1")],
)  # fmt: skip
def test_names_are_as_browsers_write_them(given: str, written: str) -> None:
    assert names_of(given)[0] == written
    assert names_of("0:0:0:0:0:0:0:0") == names_of("::")


def test_the_usual_port_may_be_left_out() -> None:
    assert Access.at(["box"], 80, TOKEN).hosts == ("box", "box:80")
