"""The folder of a retraining: its paths, its lock, and the settings that its run began with.

OUT/retrain.json                 the settings; retrain.lock keeps other processes out
OUT/data/images/{train,val}      the labelled images, and labels beside them in data/labels
OUT/data/images/fold-K           those that all members of a round are trained on but member K
OUT/data/images/tiles-{train,fold-K}  with --tile, tiles of the images in these
OUT/data/images/negatives        negatives of all rounds
OUT/bank                         unless another is named
OUT/round-0/at-conf.json         what the start has at the user's score, by class; rounds are calibrated by it
OUT/round-N/                     weights.pt, metrics.json, scores.json, detections.json, data.yaml, negatives.txt,
                                 mix.json, and the training; trained.pt, the weights before they were calibrated, where
                                 they are
OUT/round-N/member-K/            with folds, the same of each member but for the two of measuring; weights.pt of the
                                 round is then the average of the members'
OUT/plan.json                    the steps of each training, and what they cost
OUT/rounds.jsonl                 a line a round
OUT/held-out.txt                 the backgrounds that are measured on; with folds, held-out-K.txt those of member K
OUT/best.pt                      the result
OUT/result.json                  what the retraining says of it; there once the retraining is finished
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from negmine.errors import ConfigError, RunLockedError, TrainingError
from negmine.files import PART, write_file
from negmine.inside import links_and_others, read_plain
from negmine.locks import FolderLock
from negmine.paths import printable

SCHEMA_VERSION = 3
_LOCK = FolderLock(
    "retraining", "retrain.lock", "retrain.holder", RunLockedError, again="run the same command again with --resume"
)
# Settings that are called something else on the command line.
_OPTIONS = {"nms_iou": "--nms", "settings": "--set", "crop": "--mine-crop"}
_LONGEST = 80  # characters of a setting in a message
_CONTENTS = {"weights", "data", "backgrounds"}  # of which a hash of what is in them is kept


@dataclass(frozen=True, slots=True)
class RetrainFolder:
    """The paths in the folder of a retraining.

    Attributes:
        out: the folder of the retraining.
        suffix: of checkpoints.
    """

    out: Path
    suffix: str = ".pt"

    @property
    def state(self) -> Path:
        """What the run was asked for."""
        return self.out / "retrain.json"

    @property
    def bank(self) -> Path:
        """The bank, unless another is named."""
        return self.out / "bank"

    @property
    def plan(self) -> Path:
        """The steps of each training; there before the first one."""
        return self.out / "plan.json"

    @property
    def rounds(self) -> Path:
        """One line a round."""
        return self.out / "rounds.jsonl"

    @property
    def held_out_list(self) -> Path:
        """A list of the backgrounds that are measured on."""
        return self.out / "held-out.txt"

    def held_out_of(self, member: int) -> Path:
        """A list of the backgrounds that are held out from one of several members, counted from 1."""
        return self.out / f"held-out-{member}.txt"

    @property
    def best(self) -> Path:
        """The result."""
        return self.out / f"best{self.suffix}"

    @property
    def result(self) -> Path:
        """What the retraining says of the result; there once it is finished."""
        return self.out / "result.json"

    def images(self, kind: str) -> Path:
        """The folder of the images of a kind: `train`, `val`, `fold-1` and so on, or `negatives`."""
        return self.out / "data" / "images" / kind

    def round(self, number: int) -> RoundFolder:
        """The folder of a round."""
        return RoundFolder(self.out / f"round-{number}", self.suffix)


@dataclass(frozen=True, slots=True)
class RoundFolder:
    """The paths in the folder of a round, or of one of its members.

    Attributes:
        path: where it is.
        suffix: of checkpoints.
    """

    path: Path
    suffix: str = ".pt"

    def member(self, number: int) -> RoundFolder:
        """The folder of one of several members, counted from 1."""
        return RoundFolder(self.path / f"member-{number}", self.suffix)

    @property
    def weights(self) -> Path:
        """What the round ends with: what it trained, calibrated where that is asked for; of round 0 the start."""
        return self.path / f"weights{self.suffix}"

    @property
    def trained(self) -> Path:
        """What the round trained, where its weights are calibrated."""
        return self.path / f"trained{self.suffix}"

    @property
    def at_conf(self) -> Path:
        """What the start has at the user's score, by class; in the folder of round 0."""
        return self.path / "at-conf.json"

    @property
    def metrics(self) -> Path:
        """What was measured; there once the round is done."""
        return self.path / "metrics.json"

    @property
    def scores(self) -> Path:
        """What was found in each image that was measured on: rounds are compared by it."""
        return self.path / "scores.json"

    @property
    def detections(self) -> Path:
        """Where it found what, in each image that was measured on: for people to look at."""
        return self.path / "detections.json"

    @property
    def negatives(self) -> Path:
        """The negatives from the bank; there once they are chosen."""
        return self.path / "negatives.txt"

    @property
    def counts(self) -> Path:
        """What the round is trained on, in counts."""
        return self.path / "mix.json"

    @property
    def data_yaml(self) -> Path:
        """What the round is trained on, as a data set that Ultralytics trains on."""
        return self.path / "data.yaml"

    @property
    def training(self) -> Path:
        """The trainer's own folder."""
        return self.path / "train"


class LockedFolder:
    """The folder of a retraining, locked against other processes. Use it in a `with` statement.

    Args:
        folder: its paths.
        resume: whether to resume a run that is there.

    Raises:
        ConfigError: where the folder holds something else, or a run and `resume` is False.
        RunLockedError: where another process uses it.
    """

    def __init__(self, folder: RetrainFolder, *, resume: bool) -> None:
        self.folder = folder
        self._resume = resume
        self._held = ExitStack()
        self._locked = False
        self._check()
        if folder.out.is_dir():  # a new one is made by `claim`, once all input was checked
            self._lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def begun(self) -> bool:
        """Whether there is a run to resume."""
        return self.folder.state.is_file()

    def claim(self, settings: Mapping[str, object]) -> None:
        """Write the settings of a new run, or compare them with those of the run that is there.

        Args:
            settings: all that the result depends on, as JSON values.

        Raises:
            ConfigError: where they differ.
            RunLockedError: where another process has begun a run meanwhile.
        """
        if not self._locked:
            self.folder.out.mkdir(parents=True, exist_ok=True)
            self._lock()
            self._check()
        if self.begun:
            _require_same(printable(self.folder.out), _read(self.folder.state), _as_json(settings))
            return
        document = {"written_by": "negmine retrain", "schema_version": SCHEMA_VERSION, "settings": settings}
        write_file(self.folder.state, (json.dumps(document, indent=1) + "\n").encode())

    def _lock(self) -> None:
        self._held.enter_context(_LOCK.hold(self.folder.out, purpose="negmine retrain"))
        self._locked = True

    def _check(self) -> None:
        """Refuse a folder that cannot be used, before anything is read that takes long."""
        where, out, state = printable(self.folder.out), self.folder.out, self.folder.state
        if out.exists() and not out.is_dir():
            raise ConfigError(f"{where} is a file, and a retraining needs a folder; name another with --out")
        if self.begun:
            if not self._resume:
                raise ConfigError(
                    f"{where} holds a retraining; resume it with --resume, or name another folder with --out"
                )
            _read(state)
            self._require_no_links()
            return
        ours = {state.name + PART, *_LOCK.files}  # left by a run that was killed before it began
        others = [path for path in out.iterdir() if path.name not in ours] if out.is_dir() else []
        if others:
            raise ConfigError(
                f"{where} holds other things ({printable(min(others).name)}); name a new or empty folder with --out"
            )

    def _require_no_links(self) -> None:
        """Refuse a folder with links or pipes in it but for those to images: a training would write through them."""
        images = self.folder.images("any").parent.relative_to(self.folder.out).as_posix()
        for path in links_and_others(self.folder.out, may_link=lambda name: name.startswith(f"{images}/")):
            raise ConfigError(
                f"{printable(path)}: expected a plain file or folder of a retraining, found a link, a pipe or a "
                "device; remove it, or put back what was there"
            )


@contextmanager
def folder_errors(out: Path) -> Iterator[None]:
    """Turn what the file system says about a retraining's folder into one line."""
    try:
        yield
    except OSError as error:
        what = printable(error.filename) if error.filename else printable(out)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            advice = "free some space and run the same command again with --resume"
        else:
            advice = "name a folder that can be written with --out, or mend it and run again with --resume"
        raise TrainingError(f"{what}: {error.strerror or error}; {advice}") from error


def hash_of_lines(lines: Iterable[str]) -> str:
    """A hash of many lines, in any order."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _read(path: Path) -> Mapping[str, object]:
    try:
        document = json.loads(read_plain(path))
        settings, version = document["settings"], document["schema_version"]
        if not isinstance(settings, dict) or document["written_by"] != "negmine retrain":
            raise ValueError("it was written by something else")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{printable(path)} does not hold the settings of a retraining; name another folder with --out"
        ) from error
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{printable(path)} is of format {_shown(version)}, and this negmine writes {SCHEMA_VERSION}; resume it "
            "with the version that began it, or name another folder with --out"
        )
    return settings


def _require_same(where: str, before: Mapping[str, object], now: Mapping[str, object]) -> None:
    for name in dict.fromkeys([*before, *now]):
        was, asked = before.get(name), now.get(name)
        if was == asked:
            continue
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        if name in _CONTENTS:
            begun = f"with other contents of {option} than there are now"
        else:
            begun = f"with {option} {_shown(was)}, and this asks for {_shown(asked)}"
        raise ConfigError(f"{where} was begun {begun}; resume it with the same, or name another folder with --out")


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    return printable((value if isinstance(value, str) else json.dumps(value))[:_LONGEST])


def _as_json(settings: Mapping[str, object]) -> Mapping[str, object]:
    """The settings as JSON reads them back."""
    document: Mapping[str, object] = json.loads(json.dumps(settings))
    return document
