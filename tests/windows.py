"""A review in real browsers: the server in a process of its own, windows, and what the bank holds meanwhile."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from banks import RUN
from killing import until

from negmine.bank.bank import Bank
from negmine.bank.content_files import NEGATIVES, content_name
from negmine.bank.writer import BankWriter
from negmine.files import sha256_of
from negmine.images import encode_jpeg

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402

TOKEN = "a-token-of-this-test"


@dataclass
class Server:
    """`negmine review` in a process of its own, always at the same port."""

    bank: Path
    port: int
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def start(self) -> None:
        command = [sys.executable, "-m", "negmine", "review", "--bank", self.bank, "--port", self.port]
        self.process = subprocess.Popen(
            [*map(str, command), "--no-open", "--token", TOKEN],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None and self.process.stdout.readline().strip() == self.url

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()


class Page:
    """One window."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        driver.get(url)
        self.wait_for_tiles()

    def wait_for_tiles(self) -> None:
        until(lambda: self.driver.find_elements(By.CSS_SELECTOR, ".tile[data-state]"))

    def press(self, *keys: str, holding: str | None = None) -> None:
        actions = ActionChains(self.driver)
        if holding is None:
            actions.send_keys(*keys).perform()
        else:
            actions.key_down(holding).send_keys(*keys).key_up(holding).perform()

    def all(self, selector: str) -> list[WebElement]:
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def text(self, selector: str) -> str:
        return str(self.driver.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def states(self) -> dict[int, str]:
        """By the numbers of the negatives whose tiles are there."""
        script = (
            "return [...document.querySelectorAll('.tile[data-state]')].map((t) => [t.dataset.id, t.dataset.state])"
        )
        return {int(number): state for number, state in self.driver.execute_script(script)}

    def at(self) -> int:
        """The number of the negative with the frame."""
        return int(self.driver.find_element(By.CSS_SELECTOR, ".tile.at").get_attribute("data-id"))

    def errors(self) -> list[str]:
        """What the browser complains about, such as a breach of the policy for scripts."""
        return [
            entry["message"] for entry in self.driver.get_log("browser") if "ERR_CONNECTION" not in entry["message"]
        ]


def stored(bank: Path) -> dict[int, str]:
    with Bank(bank) as opened:
        return {each.id: each.review for each in opened.negatives()}


def decided(bank: Path) -> dict[str, int]:
    """How many have each verdict."""
    with Bank(bank) as opened:
        return dict(opened.query("SELECT state, count(*) FROM reviews GROUP BY state"))


def many_negatives(bank: Path, count: int) -> Path:
    """A bank as a scan makes it, but without the minutes that safe writing of so many files takes."""
    with BankWriter(bank, purpose="a test") as writer:
        writer.begin_run(RUN)
    picture, numbers = np.full((48, 64, 3), 90, np.uint8), range(1, count + 1)
    hashes = []
    for number in numbers:
        bits = np.array([number >> bit & 1 for bit in range(16)], np.uint8)  # blocks, so that all differ
        picture[:32] = np.kron(bits.reshape(4, 4) * 200, np.ones((8, 16), np.uint8))[:, :, None]
        data = encode_jpeg(picture)
        hashes.append(sha256_of(data))
        path = bank / content_name(NEGATIVES, hashes[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    connection = sqlite3.connect(bank / "bank.db")
    connection.execute("INSERT INTO sources VALUES (1, ?, '/a.jpg', CAST('/a.jpg' AS BLOB), 64, 48, '')", ("ab" * 32,))
    for number, sha256 in zip(numbers, hashes, strict=True):
        file = content_name(NEGATIVES, sha256)
        connection.execute("INSERT INTO negatives VALUES (?, ?, ?, 64, 48, ?)", (number, sha256, file, "0" * 16))
        connection.execute("INSERT INTO crops VALUES (?1, ?1, 1, 0, 0, 64, 48)", (number,))
        connection.execute(
            "INSERT INTO detections VALUES (?1, 1, 1, 'cat', ?2, 8, 8, 40, 32, 'background', ?1, NULL)",
            (number, 0.9 - number / 20_000),
        )
    connection.commit()
    connection.close()
    return bank
