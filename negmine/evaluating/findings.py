"""What is suspicious about an evaluation: images that repeat, backgrounds with targets, curves that end early."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from negmine.paths import printable

EvalFindingKind = Literal[
    "background-with-targets",
    "background-in-data",
    "background-copy",
    "lacking",
    "opened-above",
    "other-size",
    "backend",
    "thresholds",
]

_SHOWN = 10  # classes in a message
_CUT_OFF = 0.05  # a detector that drops nothing gives scores below this


@dataclass(frozen=True, slots=True)
class EvalFinding:
    """Something to know about the figures.

    Attributes:
        kind: what it is about.
        message: one sentence for people, without file names.
        files: the files that it is about, in the order in which they were read.
    """

    kind: EvalFindingKind
    message: str
    files: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"kind": self.kind, "message": self.message, "files": [printable(path) for path in self.files]}


class RepeatedImages:
    """Tells which backgrounds repeat an image that was added before. Labelled images come first."""

    def __init__(self) -> None:
        self._with_targets: dict[str, bool] = {}  # of labelled images, by sha256
        self._backgrounds: set[str] = set()
        self._left_out: list[Path] = []
        self._in_data: list[Path] = []
        self._copies: list[Path] = []

    def add_labelled(self, sha256: str, *, with_targets: bool) -> None:
        """Add a labelled image. If two copies are labelled differently, the label with objects holds."""
        self._with_targets[sha256] = with_targets or self._with_targets.get(sha256, False)

    def is_new_background(self, path: Path, sha256: str) -> bool:
        """Add a background, and say whether it counts."""
        if sha256 in self._with_targets:
            (self._left_out if self._with_targets[sha256] else self._in_data).append(path)
            return False
        if sha256 in self._backgrounds:
            self._copies.append(path)
            return False
        self._backgrounds.add(sha256)
        return True

    def findings(self) -> tuple[EvalFinding, ...]:
        """What was left out, and why."""
        in_data = "backgrounds that are also empty images of the data, counted once"
        return (
            *with_targets_finding(self._left_out),
            *_if_any("background-in-data", self._in_data, in_data),
            *_if_any("background-copy", self._copies, "backgrounds that are copies of others, counted once"),
        )


def with_targets_finding(files: Sequence[Path]) -> tuple[EvalFinding, ...]:
    """Backgrounds that are images of the data with objects; () for no files."""
    what = "backgrounds that are images of the data with labelled objects, left out"
    return _if_any("background-with-targets", files, what)


def lacking_finding(model: str, classes: Sequence[str]) -> tuple[EvalFinding, ...]:
    """Judged classes that a model does not know; () for no classes."""
    if not classes:
        return ()
    shown = ", ".join(map(printable, classes[:_SHOWN]))
    more = f" and {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else ""
    return (EvalFinding("lacking", f"{model} does not know {shown}{more}: their objects count as missed"),)


def opened_above(model: str, conf: object, floor: float) -> tuple[EvalFinding, ...]:
    """A detector that drops detections which were asked for; () if it does not, or does not say its conf."""
    if not isinstance(conf, float) or conf <= floor:
        return ()
    message = f"{model} was opened with conf {conf:g}, so its curve ends there; open it with conf {floor:g}"
    return (EvalFinding("opened-above", message),)


def predicted_above(model: str, lowest: float | None, floor: float) -> tuple[EvalFinding, ...]:
    """Predictions that seem to be cut off at a score; () if they are not, or the model is not a predictions file."""
    if lowest is None or lowest <= max(floor, _CUT_OFF):
        return ()
    message = f"{model} has no score under {lowest:g}, so its curve ends there; write predictions down to {floor:g}"
    return (EvalFinding("opened-above", message),)


def _if_any(kind: EvalFindingKind, files: Sequence[Path], what: str) -> tuple[EvalFinding, ...]:
    return (EvalFinding(kind, f"{what}: {len(files)}", tuple(files)),) if files else ()
