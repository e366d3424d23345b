"""Nothing happens behind the user's back; each check fails for a plain `import ultralytics`."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from negmine.detectors.ultralytics.quiet import import_ultralytics, keep_threads, quiet_ultralytics

PROBE = """
import json, logging, os, socket, sys
from pathlib import Path
lookups = []
def getaddrinfo(host, *args, **kwargs):
    lookups.append(str(host))
    raise OSError("no network in this test")
socket.getaddrinfo = getaddrinfo
import cv2, numpy as np, torch
from PIL import Image
kept = lambda: {
    "threads": [torch.get_num_threads(), cv2.getNumThreads()],
    "numpy": repr(np.array([1.5, 2.25])), "torch": repr(torch.arange(60.0)),
    "environment": {k: v for k, v in os.environ.items()},
    "pillow": Image.open.__module__, "save": torch.save.__module__, "filters": len(__import__("warnings").filters),
}
before = kept()
if sys.argv[1] == "plain":
    import ultralytics
else:
    from negmine.detectors.ultralytics.quiet import import_ultralytics
    import_ultralytics()
from ultralytics import SETTINGS
from ultralytics.utils import checks
from ultralytics.utils.events import events
after = kept()
print(json.dumps({
    "lookups": lookups, "reporting": events.enabled, "installing": checks.AUTOINSTALL,
    "changed": sorted(k for k in before if before[k] != after[k]),
    "weights_dir": SETTINGS["weights_dir"], "settings_file": str(SETTINGS.file_path),
}), file=sys.stderr)
"""


def probe(how: str, home: Path) -> tuple[dict[str, object], str]:
    """What an import did, and what it wrote to stdout, in a fresh process with an own home folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "OMP_", "PYTEST_"))}
    environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, how], capture_output=True, text=True, env=environment, check=True, timeout=120
    )
    found: dict[str, object] = json.loads(done.stderr.splitlines()[-1])
    return found, done.stdout


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_importing_looks_nothing_up_writes_nothing_and_changes_nothing(tmp_path: Path) -> None:
    found, printed = probe("quiet", tmp_path)
    assert found["lookups"] == []
    assert not found["reporting"]
    assert not found["installing"]
    assert found["changed"] == []
    assert printed == ""
    assert files_in(tmp_path) == []


@pytest.mark.slow
def test_a_plain_import_does_all_of_it_so_the_test_above_can_fail(tmp_path: Path) -> None:
    found, printed = probe("plain", tmp_path)
    assert found["lookups"] == ["one.one.one.one", "dns.google"]
    assert found["installing"]
    assert set(found["changed"]) >= {"environment", "numpy", "torch", "pillow", "save", "filters", "threads"}  # type: ignore[call-overload]
    assert "Creating new Ultralytics Settings" in printed
    assert files_in(tmp_path) == [".config/Ultralytics/settings.json"]


@pytest.mark.slow
def test_the_users_settings_are_read_and_left_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / ".config/Ultralytics/settings.json"
    file.parent.mkdir(parents=True)
    old = '{"settings_version": "0.0.1", "weights_dir": "/my/weights"}'  # Ultralytics would rewrite an old version
    file.write_text(old)
    found, _ = probe("quiet", tmp_path)
    assert found["weights_dir"] == "/my/weights"
    assert found["settings_file"] == str(file)
    assert file.read_text() == old


def test_calls_are_silent_unreported_and_untracked_and_the_users_choice_returns() -> None:
    import_ultralytics()
    from ultralytics import SETTINGS
    from ultralytics.utils import LOGGER, checks
    from ultralytics.utils.events import events

    def state() -> tuple[object, ...]:
        return events.enabled, checks.AUTOINSTALL, LOGGER.level, SETTINGS["mlflow"]

    original = state()
    events.enabled, checks.AUTOINSTALL = True, True
    dict.__setitem__(SETTINGS, "mlflow", True)
    before = state()
    try:
        with quiet_ultralytics():
            assert (events.enabled, checks.AUTOINSTALL, SETTINGS["mlflow"]) == (False, False, False)
            assert not LOGGER.isEnabledFor(logging.CRITICAL)
        assert state() == before
    finally:
        events.enabled, checks.AUTOINSTALL = bool(original[0]), bool(original[1])
        dict.__setitem__(SETTINGS, "mlflow", original[3])


def test_a_setting_that_ultralytics_changes_by_itself_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ultralytics()
    from ultralytics import SETTINGS

    before = dict(SETTINGS)
    monkeypatch.setattr(SETTINGS, "file_path", tmp_path / "settings.json")
    with quiet_ultralytics():
        SETTINGS["openvino_msg"] = not before["openvino_msg"]  # as its exporter does
    assert files_in(tmp_path) == [] and dict(SETTINGS) == before
    SETTINGS["openvino_msg"] = before["openvino_msg"]  # the user's own changes are stored again
    assert json.loads((tmp_path / "settings.json").read_text())["weights_dir"] == before["weights_dir"]


def test_auto_install_stays_on_for_who_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import_ultralytics()
    from ultralytics.utils import checks

    monkeypatch.setattr(checks, "AUTOINSTALL", True)
    monkeypatch.setenv("YOLO_AUTOINSTALL", "true")
    with quiet_ultralytics():
        assert checks.AUTOINSTALL


def test_threads_come_back_in_the_middle_and_at_the_end_also_after_an_error() -> None:
    import cv2
    import torch

    threads = torch.get_num_threads(), cv2.getNumThreads()
    other = threads[0] + 1
    with pytest.raises(RuntimeError, match="on purpose"), keep_threads() as restore:
        torch.set_num_threads(other)
        cv2.setNumThreads(0)
        restore()
        assert (torch.get_num_threads(), cv2.getNumThreads()) == threads
        torch.set_num_threads(other)
        raise RuntimeError("on purpose")
    assert (torch.get_num_threads(), cv2.getNumThreads()) == threads
