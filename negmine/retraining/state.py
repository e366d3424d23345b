"""What a folder was begun with, so that a run goes on only with what it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from negmine.errors import ConfigError, RunLockedError
from negmine.files import PART, write_file
from negmine.locks import FolderLock
from negmine.paths import printable
from negmine.retraining.layout import Layout

SCHEMA_VERSION = 2
_LOCK = FolderLock(
    "retraining", "retrain.lock", "retrain.holder", RunLockedError, again="run the same command again with --resume"
)
_OPTIONS = {"nms_iou": "--nms", "settings": "--set"}  # settings that are called something else on the command line
_CONTENTS = {"weights", "data", "backgrounds"}  # of which a hash of what is in them is kept


class OwnFolder:
    """The folder of a retraining, which no other process may use until this is closed.

    Args:
        layout: of the folder.
        resume: whether a run that is there may be gone on with.

    Raises:
        ConfigError: where the folder holds something else, or a run and `resume` is not asked for.
        RunLockedError: where another process is at it.
    """

    def __init__(self, layout: Layout, *, resume: bool) -> None:
        self.layout = layout
        self._resume = resume
        self._held = ExitStack()
        self._locked = False
        self._look()
        if layout.out.is_dir():  # else nothing is written until everything was found to be in order
            self._lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def begun(self) -> bool:
        """Whether there is a run to go on with."""
        return self.layout.state.is_file()

    def claim(self, settings: Mapping[str, object]) -> None:
        """Write down what a new run is begun with, or make sure that one that is there was begun so.

        Args:
            settings: all that the result depends on, as JSON values.

        Raises:
            ConfigError: where it was begun with others.
            RunLockedError: where another process has begun one meanwhile.
        """
        if not self._locked:
            self.layout.out.mkdir(parents=True, exist_ok=True)
            self._lock()
            self._look()
        if self.begun:
            _require_same(printable(self.layout.out), _read(self.layout.state), _as_json(settings))
            return
        document = {"written_by": "negmine retrain", "schema_version": SCHEMA_VERSION, "settings": settings}
        write_file(self.layout.state, (json.dumps(document, indent=1) + "\n").encode())

    def _lock(self) -> None:
        self._held.enter_context(_LOCK.hold(self.layout.out, purpose="negmine retrain"))
        self._locked = True

    def _look(self) -> None:
        """See that the folder may be used, before anything is read that takes long."""
        where, folder, state = printable(self.layout.out), self.layout.out, self.layout.state
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{where} is a file, and a retraining needs a folder; name another with --out")
        if self.begun:
            if not self._resume:
                raise ConfigError(
                    f"{where} holds a retraining; go on with it with --resume, or name another with --out"
                )
            _read(state)
            return
        ours = {state.name + PART, _LOCK.file, _LOCK.holder}  # what a killed beginning leaves
        others = [path for path in folder.iterdir() if path.name not in ours] if folder.is_dir() else []
        if others:
            raise ConfigError(
                f"{where} holds other things ({printable(min(others).name)}); name a new or empty folder with --out"
            )


def fingerprint(lines: Iterable[str]) -> str:
    """A hash of many lines, in any order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _read(path: Path) -> Mapping[str, object]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        settings, version = document["settings"], document["schema_version"]
        if not isinstance(settings, dict) or document["written_by"] != "negmine retrain":
            raise ValueError("it was written by something else")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{printable(path)} does not say what a retraining was begun with; name another folder with --out"
        ) from error
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{printable(path)} is of format {version}, and this negmine writes {SCHEMA_VERSION}; go on with the one "
            "that began it, or name another folder with --out"
        )
    return settings


def _require_same(where: str, before: Mapping[str, object], now: Mapping[str, object]) -> None:
    for name in dict.fromkeys([*before, *now]):
        was, asked = before.get(name), now.get(name)
        if was == asked:
            continue
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if name in _CONTENTS:
            begun = f"with another content of {option} than there is now"
        else:
            begun = f"with {option} {_shown(was)}, and this asks for {_shown(asked)}"
        raise ConfigError(f"{where} was begun {begun}; --resume with the same, or name another folder with --out")


def _shown(value: object) -> str:
    if value is None:
        return "left open"
    return printable(value) if isinstance(value, str) else json.dumps(value)


def _as_json(settings: Mapping[str, object]) -> Mapping[str, object]:
    """As they are when they are read back."""
    document: Mapping[str, object] = json.loads(json.dumps(settings))
    return document
