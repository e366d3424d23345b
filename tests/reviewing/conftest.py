"""The web application of a review, asked without a network."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from banks import bank_maker
from starlette.testclient import TestClient

from negmine.reviewing.app import make_app
from negmine.reviewing.guard import TOKEN_HEADER, Access
from negmine.reviewing.reviewed_bank import ReviewedBank
from negmine.reviewing.thumbnails import Thumbnails

if TYPE_CHECKING:
    from selenium import webdriver
    from windows import Server

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


@pytest.fixture(scope="session")
def drivers() -> Iterator[list[webdriver.Chrome]]:
    """Two browsers that share nothing."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("no chromium and chromedriver here (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.add_argument("--window-size=1280,800")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with contextlib.ExitStack() as stack:
        started = [webdriver.Chrome(options=options, service=Service(chromedriver)) for _ in range(2)]
        for driver in started:
            stack.callback(driver.quit)
        yield started


@pytest.fixture
def serve(drivers: list[webdriver.Chrome]) -> Iterator[Callable[[Path], Server]]:
    """Serve a bank; the browsers have forgotten all that they knew."""
    from windows import Server

    servers = []

    def start(bank: Path) -> Server:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        servers.append(Server(bank, port))
        servers[-1].start()
        return servers[-1]

    yield start
    for driver in drivers:
        driver.get("about:blank")
        driver.get_log("browser")
    for server in servers:
        server.kill()
