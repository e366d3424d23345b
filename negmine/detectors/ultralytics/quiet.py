"""Ultralytics without the side effects that a user of negmine did not ask for. The only place that imports it.

Left to itself, Ultralytics reports use to Google Analytics, looks up two hosts to see whether it is online, installs
missing packages, writes a settings file, logs to stdout, connects experiment trackers, takes threads away from torch
and OpenCV, and replaces `PIL.Image.open` and `torch.save`. Asked for, and kept: downloading official weights by name.
"""

from __future__ import annotations

import atexit
import dataclasses
import importlib
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType

from negmine.detectors.telemetry import no_reporting
from negmine.tracking.config import LogTarget
from negmine.tracking.log import EXPERIMENT

_TRACKERS = ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")
_ENVIRONMENT = (
    "CUBLAS_WORKSPACE_CONFIG",
    "KINETO_LOG_LEVEL",
    "NUMEXPR_MAX_THREADS",
    "OMP_NUM_THREADS",
    "PYTHONHASHSEED",
    "TF_CPP_MIN_LOG_LEVEL",
    "TORCH_CPP_LOG_LEVEL",
)
_FOLDERS = ("weights_dir", "datasets_dir", "runs_dir")
_SILENT = 100  # above CRITICAL; its errors go to stdout, and arrive as exceptions anyway


def import_ultralytics() -> ModuleType:
    """Import Ultralytics and undo its side effects; if it is imported already, just return it.

    Auto-installing stays off for the process unless the user set YOLO_AUTOINSTALL. The settings file is read, and
    neither created nor changed.
    """
    if "ultralytics" in sys.modules:
        return sys.modules["ultralytics"]
    config_dir = _user_config_dir()
    with ExitStack() as stack:
        stack.enter_context(keep_threads())
        stack.enter_context(_kept_globals())
        stack.enter_context(_kept_environment(_ENVIRONMENT))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="negmine-")))
        stack.enter_context(_environment(_import_environment(scratch, config_dir)))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        ultralytics = importlib.import_module("ultralytics")
        for name in ("models", "utils.checks", "utils.events"):
            importlib.import_module(f"ultralytics.{name}")
    _point_settings_at(config_dir)
    if "YOLO_VERBOSE" not in os.environ:
        logging.getLogger("ultralytics").setLevel(logging.INFO)  # the user's own calls log as usual
    return ultralytics


@contextmanager
def quiet_ultralytics(*, online: bool = False) -> Iterator[Callable[[], None]]:
    """Call Ultralytics with reporting, installing, trackers and logging off; the process's settings are restored.

    It neither downloads nor writes into the user's folders of weights, data sets and runs, nor into the settings file:
    its exporter stores all settings once it has shown a hint, and these folders would be in them.

    Args:
        online: let it download, into the user's folder of weights.

    Yields:
        A function that restores the threads of torch and OpenCV at once, see `keep_threads`.
    """
    import_ultralytics()
    from ultralytics.utils import LOGGER, SETTINGS, checks
    from ultralytics.utils.events import events

    level, reporting, installing = LOGGER.level, events.enabled, checks.AUTOINSTALL
    changed: dict[str, object] = {name: False for name in _TRACKERS if name in SETTINGS}
    if not online:
        changed |= dict.fromkeys(_FOLDERS, str(private_folder()))
    before = dict(SETTINGS)
    offline = nullcontext() if online else _offline()
    with keep_threads() as restore_threads, _kept_environment(_ENVIRONMENT), no_reporting(), offline:
        try:
            LOGGER.setLevel(_SILENT)
            events.enabled = False
            checks.AUTOINSTALL = installing and "YOLO_AUTOINSTALL" in os.environ
            dict.update(SETTINGS, changed)  # dict's own, so that no file is written
            SETTINGS._save = lambda: None
            yield restore_threads
        finally:
            LOGGER.setLevel(level)
            events.enabled, checks.AUTOINSTALL = reporting, installing
            SETTINGS.__dict__.pop("_save", None)
            dict.update(SETTINGS, before)


@contextmanager
def tracked_ultralytics(targets: Sequence[LogTarget]) -> Iterator[Callable[[], None]]:
    """`quiet_ultralytics`, but trainings report to the trackers that were asked for, through Ultralytics' callbacks."""
    import_ultralytics()
    with quiet_ultralytics() as restore_threads:
        from ultralytics.utils import SETTINGS

        dict.update(SETTINGS, dict.fromkeys((each.tracker for each in targets), True))  # put back as it is left
        switches = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_EXPERIMENT_NAME": EXPERIMENT}
        for each in targets:
            if each.tracker == "mlflow" and each.where is not None:
                switches["MLFLOW_TRACKING_URI"] = each.where
        with _environment(switches):
            yield restore_threads


@contextmanager
def _offline() -> Iterator[None]:
    """No downloads; Ultralytics reads its own switch only after a download has failed."""
    from ultralytics.data import utils
    from ultralytics.utils import downloads

    def refuse(url: object, *_: object, **__: object) -> None:
        raise ConnectionError(f"nothing is downloaded here, found {str(url)[:200]!r}")

    before = downloads.safe_download, utils.safe_download
    with _environment({"YOLO_OFFLINE": "true"}):
        downloads.safe_download = utils.safe_download = refuse
        try:
            yield
        finally:
            downloads.safe_download, utils.safe_download = before


@cache
def private_folder() -> Path:
    """Where Ultralytics writes what nobody asked for; removed when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="negmine-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@contextmanager
def keep_threads() -> Iterator[Callable[[], None]]:
    """Restore the number of threads of torch and OpenCV at the end.

    Yields:
        A function that does so at once; every new predictor and trainer of Ultralytics changes it again.
    """
    import cv2
    import torch

    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()

    def restore() -> None:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)

    try:
        yield restore
    finally:
        restore()


@contextmanager
def no_training_files() -> Iterator[None]:
    """Train without files that nobody asked for: no font and no other weights are downloaded, no label cache is read.

    Ultralytics downloads the font whether or not it plots, and would test mixed precision with the weights; it still
    knows by name the GPUs that fail at it. Its label caches are pickles beside the labels, whoever wrote them.
    """
    from ultralytics.data import dataset, utils
    from ultralytics.engine import trainer

    check_font, check_amp = utils.check_font, trainer.check_amp
    load_cache, save_cache = dataset.load_dataset_cache_file, dataset.save_dataset_cache_file
    utils.check_font = lambda *_: None
    trainer.check_amp = lambda model: _without_weights(check_amp, model)
    dataset.load_dataset_cache_file = _no_cache
    dataset.save_dataset_cache_file = lambda _, __, labels, version: labels.update(version=version)
    try:
        yield
    finally:
        utils.check_font, trainer.check_amp = check_font, check_amp
        dataset.load_dataset_cache_file, dataset.save_dataset_cache_file = load_cache, save_cache


def _no_cache(path: Path) -> object:
    raise FileNotFoundError(path)


def _without_weights(check_amp: Callable[[object], bool], model: object) -> bool:
    """Ultralytics' own check as it works offline: by the name of the GPU."""
    import ultralytics

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError

    yolo = ultralytics.YOLO
    ultralytics.YOLO = offline
    try:
        return check_amp(model)
    finally:
        ultralytics.YOLO = yolo


def _import_environment(scratch: Path, config_dir: Path) -> dict[str, str]:
    """A private copy of the settings, and no look-ups: `YOLO_OFFLINE` is read again before a download."""
    private = scratch / "Ultralytics"
    private.mkdir()
    if (config_dir / "settings.json").is_file():
        shutil.copyfile(config_dir / "settings.json", private / "settings.json")
    wanted = {"YOLO_CONFIG_DIR": str(scratch), "YOLO_OFFLINE": "true"}
    defaults = {"YOLO_AUTOINSTALL": "false", "YOLO_VERBOSE": "false"}
    return wanted | {name: os.environ.get(name, value) for name, value in defaults.items()}


def _point_settings_at(config_dir: Path) -> None:
    """Have later changes that the user makes through Ultralytics go to the user's own file."""
    from ultralytics import utils
    from ultralytics.utils import checks

    utils.USER_CONFIG_DIR = checks.USER_CONFIG_DIR = config_dir
    utils.SETTINGS_FILE = utils.SETTINGS.file = utils.SETTINGS.file_path = config_dir / "settings.json"


def _user_config_dir() -> Path:
    """Where Ultralytics keeps its settings; its own function would create the folder."""
    chosen = os.environ.get("YOLO_CONFIG_DIR")
    if chosen:
        return Path(chosen).expanduser() / "Ultralytics"
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Roaming" / "Ultralytics"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Ultralytics"
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "Ultralytics"


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    with _kept_environment(tuple(values)):
        os.environ.update(values)
        yield


@contextmanager
def _kept_environment(names: tuple[str, ...]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _kept_globals() -> Iterator[None]:
    """Restore how arrays print, and the functions of Pillow and torch that Ultralytics replaces."""
    import numpy as np
    import torch
    from PIL import Image

    image_open, torch_save = Image.open, torch.save
    printing = dataclasses.asdict(torch._tensor_str.PRINT_OPTS)
    with np.printoptions():
        try:
            yield
        finally:
            # the patched open complains about a missing pi_heif where Pillow says that a file is not an image
            Image.open, torch.save = image_open, torch_save
            torch.set_printoptions(**printing)  # type: ignore[no-untyped-call]
