"""`negmine review`: how it starts, how it ends, and what it refuses in one line."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from banks import MakeBank
from commands import one_line

from negmine.bank.schema import MIGRATIONS

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `negmine review` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def review(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "negmine", "review", "--port", "0", *map(str, arguments)]
        environment = {**os.environ, "COLUMNS": "200"}
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        )
        return started[-1]

    yield review
    for process in started:
        process.kill()
        process.communicate()


def test_a_port_in_use_is_one_line(run: Run, small_bank: Path, taken: int) -> None:
    line = one_line(run("review", "--bank", small_bank, "--port", taken))
    assert f"port {taken} is in use" in line and "--port" in line


def test_an_address_of_another_computer_is_one_line(run: Run, small_bank: Path) -> None:
    line = one_line(run("review", "--bank", small_bank, "--host", "192.0.2.1", "--token", "0123456789abcdef"))
    assert "expected --host with an address of this computer, found '192.0.2.1'" in line


def test_opening_it_to_others_asks_for_a_token_and_says_what_it_opens(run: Run, small_bank: Path) -> None:
    line = one_line(run("review", "--bank", small_bank, "--host", "0.0.0.0"))
    assert "expected --token with --host 0.0.0.0" in line and "can see every negative" in line and "judge" in line


def test_no_bank_is_one_line(run: Run) -> None:
    assert "does not exist" in one_line(run("review"))


def test_a_newer_bank_is_one_line(run: Run, small_bank: Path) -> None:
    with sqlite3.connect(small_bank / "bank.db") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    assert "a newer negmine wrote it" in one_line(run("review", "--bank", small_bank))


def test_a_damaged_bank_is_one_line(run: Run, small_bank: Path) -> None:
    (small_bank / "bank.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert "damaged or not an SQLite file" in one_line(run("review", "--bank", small_bank))


@pytest.mark.slow
def test_ctrl_c_ends_it(start: Callable[..., subprocess.Popen[str]], small_bank: Path) -> None:
    process = start("--bank", small_bank)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    host, _, token = url.removeprefix("http://").partition("/?token=")
    with closing(http.client.HTTPConnection(host)) as connection:
        connection.request("GET", f"/?token={token}")
        assert connection.getresponse().status == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == "" and err.splitlines() == [f"Reviewing {small_bank}; Ctrl-C ends it."]


@pytest.mark.slow
def test_a_read_only_bank_can_be_looked_at(
    start: Callable[..., subprocess.Popen[str]], disk: Path, make_bank: MakeBank
) -> None:
    bank = disk / "bank"
    shutil.copytree(make_bank(2), bank)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    process = start("--bank", bank, "--token", "0123456789abcdef")
    assert process.stdout is not None and process.stderr is not None
    assert "You can look, but not decide: bank" in process.stderr.readline()
    host = process.stdout.readline().split("/")[2]
    with closing(http.client.HTTPConnection(host)) as connection:
        connection.request("GET", "/?token=0123456789abcdef")
        assert "You can look, but not decide" in connection.getresponse().read().decode()
        headers = {"origin": f"http://{host}", "negmine-token": "0123456789abcdef", "content-type": "application/json"}
        connection.request("POST", "/api/decide", '{"ids": [1], "sha256s": ["00000000"], "state": "rejected"}', headers)
        answer = connection.getresponse()
        assert answer.status == 409 and b"nothing was stored" in answer.read()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
