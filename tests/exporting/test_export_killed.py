"""An export that is killed anywhere, or runs out of space, and is run again ends as one that was not."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from data_sets import Splits, write_yolo
from kill_cases import files_left
from killing import kill_often, seconds, start, until

from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export

_SPLITS: Splits = {
    "train": {f"{i:03}.png": [("car", i % 90, 5, 100 + i % 90, 90)] for i in range(150)},
    "val": {f"v{i:03}.png": [("van", 5, 5, 50, 60)] for i in range(20)},
}
_SCRIPT = """
import sys
from negmine.exporting.config import ExportConfig
from negmine.exporting.export import export
print("ready", flush=True)
export(sys.argv[1], sys.argv[3], merge=sys.argv[2], config=ExportConfig(format=sys.argv[4], method=sys.argv[5]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "format_name", "method"),
    [
        (signal.SIGINT, "voc", "copy"),
        (signal.SIGKILL, "fiftyone", "hardlink"),
        (signal.SIGKILL, "parquet", "copy"),
    ],
)
def test_killed_exports_end_as_an_undisturbed_one(
    small_bank: Path, tmp_path: Path, how: signal.Signals, format_name: str, method: str
) -> None:
    data = write_yolo(tmp_path / "data", _SPLITS)
    undisturbed, killed = tmp_path / "1" / "out", tmp_path / "2" / "out"
    whole = seconds(lambda: start(_SCRIPT, small_bank, data, undisturbed, format_name, method))
    kill_often(lambda: start(_SCRIPT, small_bank, data, killed, format_name, method), how, times=6, within=whole / 2)
    assert files_left(killed) == files_left(undisturbed)


def test_a_killed_export_of_another_data_set_is_taken_over(small_bank: Path, tmp_path: Path) -> None:
    car, val = [("car", 1, 1, 9, 9)], {"v.png": []}
    other = write_yolo(tmp_path / "other", {"train": {f"o{i}.png": car for i in range(60)}, "val": val})
    data = write_yolo(tmp_path / "data", {"train": {"a.png": car}, "val": val})
    process = start(_SCRIPT, small_bank, other, tmp_path / "out", "yolo", "copy")
    until(lambda: list((tmp_path / "out").glob("images/train/*")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    export(small_bank, tmp_path / "out", merge=data, config=ExportConfig(format="yolo"))
    export(small_bank, tmp_path / "whole", merge=data, config=ExportConfig(format="yolo"))
    assert files_left(tmp_path / "out") == files_left(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["yolo", "parquet"])
def test_a_disk_that_fills_up_is_one_line_and_the_export_goes_on_elsewhen(
    small_bank: Path, tmp_path: Path, disk: Path, format_name: str
) -> None:
    data, config = write_yolo(tmp_path / "data", _SPLITS), ExportConfig(format=format_name)
    with pytest.raises(ExportError, match="free some space and run the same command again"):
        export(small_bank, disk / "out", merge=data, config=config)
    assert not list((disk / "out").rglob("*.negmine-part"))
    subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
    export(small_bank, disk / "out", merge=data, config=config)
    export(small_bank, tmp_path / "out", merge=data, config=config)
    assert files_left(disk / "out") == files_left(tmp_path / "out")
