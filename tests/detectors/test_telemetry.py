"""That no runtime reports of use or leaves anything but negmine's own in the user's folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from firing import pictures

from negmine.detectors.telemetry import no_reporting

SCAN = """
import sys
from negmine.detectors.config import DetectorConfig
from negmine.mining.scan import scan
result = scan(sys.argv[1], DetectorConfig(sys.argv[2], device="cpu", backend=sys.argv[3], int8=sys.argv[4] == "int8"),
              bank=sys.argv[5])
print(result.device.backend, *(name for name in sys.modules if name.startswith("openvino_telemetry")))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "weights"), [("openvino", "fp32"), ("onnx", "fp32"), ("openvino", "int8")], ids=lambda value: value
)
def test_a_scan_leaves_nothing_of_the_runtimes_in_the_users_folders(
    firing_weights: Path, tmp_path: Path, backend: str, weights: str
) -> None:
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "a.png"), pictures(1)[0])
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home" / "cache")}
    command = [sys.executable, "-c", SCAN, tmp_path / "in", firing_weights, backend, weights, tmp_path / "bank"]
    (tmp_path / "home").mkdir()
    environment = {**os.environ, **home, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (f"{backend} int8" if weights == "int8" else backend)
    left = {path.relative_to(tmp_path / "home").parts[:2] for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert {parts for parts in left if "matplotlib" not in parts} == {("cache", "negmine")}


def test_what_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    with no_reporting():
        assert (os.environ["ORT_DISABLE_TELEMETRY"], sys.modules["openvino_telemetry"]) == ("0", sys)
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    monkeypatch.delitem(sys.modules, "openvino_telemetry")
    with no_reporting():
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1" and sys.modules["openvino_telemetry"] is None
    assert "ORT_DISABLE_TELEMETRY" not in os.environ and "openvino_telemetry" not in sys.modules
