"""Fixtures that every test file shares."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from banks import MakeBank, bank_maker
from filelock import FileLock
from firing import write_firing_checkpoint

from negmine.demo.dataset import DemoDataset, write_demo_dataset
from negmine.demo.training import train_demo_detector
from negmine.detectors.config import DetectorConfig
from negmine.detectors.open import open_detector
from negmine.files import copy_file

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does, and before torch is there

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # what a shell starts in the background is given no Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=100, deadline=None)  # of `make test-slow`
hypothesis.settings.load_profile("quick")

MINUTES = {"demo_weights"}  # fixtures that train for so long


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what trains for minutes, and all but the first few parameters of a test that says `slow_after`."""
    seen = Counter[str]()
    for item in items:
        test = item.nodeid.split("[")[0]
        seen[test] += 1
        after = item.get_closest_marker("slow_after")
        if (after and seen[test] > after.args[0]) or MINUTES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache folder, of processes that tests start too: converted models are shared, and leave nothing."""
    folder = tmp_path_factory.mktemp("cache")
    fonts = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
    if fonts.is_dir():  # it looks at all fonts of the machine where it has no list of them
        (folder / "matplotlib").symlink_to(fonts.absolute())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder / "negmine"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images and weights beside the checkout; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no folder of real images and weights beside the checkout (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> DemoDataset:
    """Drawn road scenes: 120 to train on, 20 to validate on, 40 backgrounds full of look-alikes."""
    return write_demo_dataset(tmp_path_factory.mktemp("demo-data"), train=120, val=20, backgrounds=40)


@pytest.fixture(scope="session")
def demo_weights(demo_dataset: DemoDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small YOLO that finds speed-limit signs and fires on look-alikes; best run at imgsz 192.

    Trained once, in a minute or two, by whichever process of the tests comes first.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    weights = shared / "demo-weights.pt"
    with FileLock(shared / "demo-weights.lock"):
        if not weights.exists():
            run = tmp_path_factory.mktemp("demo-run")
            copy_file(train_demo_detector(demo_dataset.data_yaml, run, epochs=15, imgsz=192), weights)
    return weights


@pytest.fixture(scope="session")
def firing_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained YOLO11 that fires everywhere; converted once for all tests that take it, as they share the cache."""
    return write_firing_checkpoint(tmp_path_factory.mktemp("firing") / "firing.pt")


@pytest.fixture
def make_bank(tmp_path: Path) -> MakeBank:
    """Make a bank: `make_bank(3)` has three negatives, `make_bank({"a.png": []})` is of an image without a square."""
    return bank_maker(tmp_path)


@pytest.fixture
def small_bank(make_bank: MakeBank) -> Path:
    """Two negatives of two backgrounds, each cut from around one bright square."""
    return make_bank(2)


@pytest.fixture
def converted_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, with nothing in it."""
    folder = tmp_path / "cache" / "negmine"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent))
    return folder


@pytest.fixture
def converted(cache_folder: Path, firing_weights: Path, converted_folder: Path) -> Path:
    """The one file of a cache folder of its own: the checkpoint that fires, on OpenVINO, compared with nothing yet."""
    pytest.importorskip("openvino")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_folder.parent))
        sha256 = open_detector(DetectorConfig(str(firing_weights), device="cpu", backend="openvino")).identity.sha256
    (file,) = cache_folder.glob(f"{sha256[:16]}-openvino-*.zip")
    return Path(shutil.copy(file, converted_folder))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs root, and Linux, to mount a small disk: {getattr(error, 'stderr', None) or error}")
    yield folder
    subprocess.run(["umount", folder], check=True)
