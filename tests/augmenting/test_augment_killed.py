"""An augmentation that is killed anywhere, and run again, ends with the bank of one that was not."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from banks import contents

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.bank.verify import verify
from negmine.errors import BankError

MakeBank = Callable[..., Path]

_SCRIPT = """
import sys
from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.imgaug_import import imgaug_augmenters
imgaug_augmenters()
print("ready", flush=True)
augment(sys.argv[1], config=AugmentConfig(per_negative=60, ops=("blur", "smooth")))
"""


def _start(bank: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(bank)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _end(process: subprocess.Popen[str]) -> int:
    process.communicate()
    return process.returncode


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_augmentations_end_with_the_bank_of_an_undisturbed_one(
    make_bank: MakeBank, tmp_path: Path, how: signal.Signals
) -> None:
    undisturbed, killed = make_bank(12, "undisturbed"), tmp_path / "killed"
    shutil.copytree(undisturbed, killed)
    started = time.perf_counter()
    assert _end(_start(undisturbed)) == 0
    whole = time.perf_counter() - started

    moments, cut_short = random.Random(int(how)), 0
    for _ in range(10):
        process = _start(killed)
        time.sleep(moments.uniform(0, whole / 4))
        process.send_signal(how)
        cut_short += _end(process) != 0
    assert cut_short >= 3  # else nothing was tried
    assert _end(_start(killed)) == 0
    assert contents(killed) == contents(undisturbed)
    assert verify(killed).ok
    assert sorted(p.name for p in killed.iterdir()) == ["bank.db", "bank.lock", "negatives", "variants"]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_leaves_a_whole_bank_and_the_run_goes_on_elsewhen(
    make_bank: MakeBank, tmp_path: Path, disk: Path
) -> None:
    bank = make_bank(4)
    shutil.copytree(bank, disk / "bank")
    config = AugmentConfig(per_negative=100)
    with pytest.raises(BankError, match="free some space and run the same command again"):
        augment(disk / "bank", config=config)
    stopped = verify(disk / "bank")
    assert stopped.ok and 0 < stopped.variants < 400
    assert not (disk / "bank" / "tmp").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    augment(disk / "bank", config=config)
    augment(bank, config=config)
    assert contents(disk / "bank") == contents(bank)
