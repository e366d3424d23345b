"""A scan that is stopped, and run again, ends with the bank of one that was not: row for row, byte for byte."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from banks import contents
from blobs import draw, square_detector
from killing import end, kill_often, seconds, start, until

from negmine.bank.bank import Bank
from negmine.bank.verify import verify
from negmine.errors import BankError
from negmine.mining.config import ScanConfig
from negmine.mining.scan import scan

_SCRIPT = """
import sys, time
from pathlib import Path
from blobs import find_squares
from negmine.detectors.function import FunctionDetector
from negmine.mining.scan import scan

def slow(image):
    time.sleep(0.004)
    return find_squares(image)

detector = FunctionDetector(slow, {0: "lamp", 1: "sign"}, name="squares", batch_size=3, key="1")
print("ready", flush=True)
scan(sys.argv[1], detector, bank=sys.argv[2])
"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures, some without a square, one a copy, one broken."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(60):
        draw(folder / f"{i:02d}.png", [(20 + i, 40, 40 + i, 60, 40 + i)] if i % 3 else [], seed=i % 50)
    (folder / "20.png").write_bytes(b"no picture")
    (folder / "31.png").write_bytes((folder / "28.png").read_bytes())
    return folder


@pytest.mark.slow
def test_interrupted_scans_end_with_the_bank_of_an_undisturbed_one(pictures: Path, tmp_path: Path) -> None:
    whole = seconds(lambda: start(_SCRIPT, pictures, tmp_path / "undisturbed"))
    kill_often(lambda: start(_SCRIPT, pictures, tmp_path / "killed"), signal.SIGINT, times=12, within=whole / 3)
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")
    assert verify(tmp_path / "killed").ok
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == ["bank.db", "bank.lock", "negatives"]


def test_after_a_kill_between_file_and_row_the_leftover_is_found_or_taken_up(pictures: Path, tmp_path: Path) -> None:
    script = _SCRIPT.replace(
        "print(",
        "from negmine.bank.store import ImageStore\n"
        "import os, signal\n"
        "kill = lambda *given: given[-1] and os.kill(os.getpid(), signal.SIGKILL)  # files yes, rows no\n"
        "ImageStore._detections = kill\n"
        "print(",
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-c", script, str(pictures), str(tmp_path / "bank")]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert [problem.kind for problem in verify(tmp_path / "bank").problems] == ["leftover"]
    scan(pictures, square_detector(batch_size=3), bank=tmp_path / "bank", config=ScanConfig())
    assert verify(tmp_path / "bank").ok


@pytest.mark.slow
def test_two_scans_on_one_bank_the_second_names_the_first(pictures: Path, tmp_path: Path) -> None:
    process = start(_SCRIPT, pictures, tmp_path / "bank")
    try:
        until((tmp_path / "bank" / "bank.holder").exists, process)
        process.send_signal(signal.SIGSTOP)
        second = start(_SCRIPT, pictures, tmp_path / "bank")
        _, said = second.communicate()
        assert second.returncode != 0 and f"process {process.pid} (negmine scan)" in said
    finally:
        process.send_signal(signal.SIGCONT)
        assert end(process) == 0


@pytest.mark.slow
def test_an_interrupt_waits_for_one_batch_and_keeps_what_was_finished(pictures: Path, tmp_path: Path) -> None:
    def stored() -> int:
        with contextlib.suppress(BankError), Bank(tmp_path / "bank") as bank:
            return int(bank.scalar("SELECT count(*) FROM scans") or 0)
        return 0

    slow = _SCRIPT.replace("time.sleep(0.004)", "time.sleep(0.004 if calls.__next__() < 17 else 1.5)")
    process = start(
        slow.replace("def slow", "import itertools\ncalls = itertools.count()\n\ndef slow").replace("=3,", "=1,"),
        *(pictures, tmp_path / "bank"),
    )
    until(lambda: stored() >= 16, process)  # now comes the third chunk of eight, which alone takes many seconds
    interrupted = time.perf_counter()
    process.send_signal(signal.SIGINT)
    assert end(process) != 0 and time.perf_counter() - interrupted < 9
    result = scan(pictures, square_detector(), bank=tmp_path / "bank")
    assert result.unchanged >= 16 and verify(tmp_path / "bank").ok
