"""The web application of a review, asked without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from banks import bank_maker
from starlette.testclient import TestClient

from negmine.reviewing.app import make_app
from negmine.reviewing.guard import TOKEN_HEADER, Access
from negmine.reviewing.reviewed_bank import ReviewedBank
from negmine.reviewing.thumbnails import Thumbnails

TOKEN = "a-token-of-this-start"
HOST = "127.0.0.1:8765"
Visit = Callable[..., TestClient]


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of three negatives, of which the third is the hardest; to read, or to copy."""
    return bank_maker(tmp_path_factory.mktemp("three"))(3)


@pytest.fixture(scope="session")
def reviewed(three: Path) -> Iterator[ReviewedBank]:
    """The same, opened once for all that only ask."""
    opened = ReviewedBank(three)
    yield opened
    opened.close()


def browser(bank: ReviewedBank, thumbnails: Path, *, knows: bool = True) -> TestClient:
    """A browser that has opened the page, or that is a stranger."""
    access = Access.at(["127.0.0.1", "localhost"], 8765, TOKEN)
    app = make_app(bank, access, Thumbnails(thumbnails))
    known = {TOKEN_HEADER: TOKEN, "origin": f"http://{HOST}"} if knows else {}
    cookies = {access.cookie: access.cookie_value} if knows else {}
    return TestClient(app, base_url=f"http://{HOST}", headers=known, cookies=cookies)


@pytest.fixture
def asking(reviewed: ReviewedBank, tmp_path: Path) -> TestClient:
    """The page of three negatives, for requests that change nothing."""
    return browser(reviewed, tmp_path / "thumbnails")


@pytest.fixture
def stranger(reviewed: ReviewedBank, tmp_path: Path) -> TestClient:
    """A browser that has not opened the address with the token."""
    return browser(reviewed, tmp_path / "thumbnails", knows=False)


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """Open the page of a bank, in a browser of its own."""
    opened: list[ReviewedBank] = []

    def open_page(bank: Path) -> TestClient:
        opened.append(ReviewedBank(bank))
        return browser(opened[-1], tmp_path / "thumbnails")

    yield open_page
    for each in opened:
        each.close()


@pytest.fixture
def page(visit: Visit, three: Path, tmp_path: Path) -> TestClient:
    """The page of three negatives, in a bank of its own."""
    return visit(Path(shutil.copytree(three, tmp_path / "bank")))
