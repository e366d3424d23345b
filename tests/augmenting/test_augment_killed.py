"""An augmentation that is interrupted anywhere, and run again, ends with the bank of one that was not."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from banks import MakeBank, contents
from killing import kill_often, seconds, start

from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.bank.verify import verify
from negmine.errors import BankError

_SCRIPT = """
import sys
from negmine.augmenting.augment import augment
from negmine.augmenting.config import AugmentConfig
from negmine.augmenting.imgaug_import import imgaug_augmenters
imgaug_augmenters()
print("ready", flush=True)
augment(sys.argv[1], config=AugmentConfig(per_negative=60, ops=("blur", "smooth")))
"""


@pytest.mark.slow
def test_interrupted_augmentations_end_with_the_bank_of_an_undisturbed_one(make_bank: MakeBank, tmp_path: Path) -> None:
    undisturbed, killed = make_bank(12, "undisturbed"), tmp_path / "killed"
    shutil.copytree(undisturbed, killed)
    whole = seconds(lambda: start(_SCRIPT, undisturbed))
    kill_often(lambda: start(_SCRIPT, killed), signal.SIGINT, times=10, within=whole / 4)
    assert contents(killed) == contents(undisturbed)
    assert verify(killed).ok
    assert sorted(p.name for p in killed.iterdir()) == ["bank.db", "bank.lock", "negatives", "variants"]


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
