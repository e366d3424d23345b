"""All that a bank knows of one negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from negmine.bank.bank import Bank
from negmine.bank.browsing import Finding, LabelledObject, RunSummary, findings, in_order, labelled_objects, runs
from negmine.bank.cells import FLAG, PARAMETERS, REVIEW, TEXT, VARIANT_FILE, WHOLE
from negmine.bank.filters import ReviewState
from negmine.bank.listing import LikenessRow, ListedNegative, likeness_of
from negmine.bank.records import Cut, Negative
from negmine.errors import BankError, ImageError
from negmine.paths import printable
from negmine.videos.reading import read_source

SCHEMA_VERSION = 1

SourceState = Literal["there", "gone", "changed"]
_ACTS = """
SELECT a.id, a.state, a.origin, a.undone, n.before FROM acts a JOIN act_negatives n ON n.act_id = a.id
WHERE n.negative_id = ? ORDER BY a.id
"""
_CAMERA = "SELECT f.camera, f.taken_ms FROM frames f JOIN sources s ON s.id = f.source_id WHERE s.sha256 = ?"
_VARIANTS = "SELECT file, operation, parameters FROM variants WHERE negative_id = ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class ActOnNegative:
    """A decision about a negative: its number, what was decided, where, what held before, whether it was taken back."""

    id: int
    state: ReviewState
    origin: str
    before: ReviewState
    is_undone: bool

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {
            "act": self.id,
            "state": self.state,
            "origin": self.origin,
            "before": self.before,
            "undone": self.is_undone,
        }


@dataclass(frozen=True, slots=True)
class NegativeDetails:
    """What is known of a negative.

    Attributes:
        negative: itself.
        likeness: what comparing said of it.
        is_file_there: whether its file is.
        source: whether the image that it was cut from is there, unchanged.
        camera: that sent this image, and when, in milliseconds since 1970; None for a file.
        cuts: all images that it was cut from.
        false_positives: that it was cut around, highest score first.
        others: how many other detections there are in its image.
        objects: the labels of that image.
        runs: that found something in it.
        acts: what was decided about it, oldest first.
        variants: file, operation and parameters (JSON) of each.
    """

    negative: Negative
    likeness: LikenessRow
    is_file_there: bool
    source: SourceState
    camera: tuple[str, int] | None
    cuts: tuple[Cut, ...]
    false_positives: tuple[Finding, ...]
    others: int
    objects: tuple[LabelledObject, ...]
    runs: tuple[RunSummary, ...]
    acts: tuple[ActOnNegative, ...]
    variants: tuple[tuple[str, str, str], ...]

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            **ListedNegative(self.negative, self.likeness).to_dict(),
            "file_is_there": self.is_file_there,
            "source_state": self.source,
            "camera": None if self.camera is None else {"address": self.camera[0], "taken_ms": self.camera[1]},
            "cuts": [
                {"source": printable(cut.path), "source_sha256": cut.sha256, "rectangle": list(cut.rect)}
                for cut in self.cuts
            ],
            "false_positives": [
                {"class": each.class_name, "score": each.score, "box": list(each.box_xyxy), "run": each.run}
                for each in self.false_positives
            ],
            "other_detections": self.others,
            "objects": [{"class": each.class_name, "box": list(each.box_xyxy)} for each in self.objects],
            "runs": [
                {
                    "id": run.id,
                    "weights": run.weights,
                    "weights_sha256": run.weights_sha256,
                    "detector_settings": dict(run.detector_settings),
                    "scan_settings": dict(run.scan_settings),
                    "versions": dict(run.versions),
                }
                for run in self.runs
            ],
            "acts": [act.to_dict() for act in self.acts],
            "variants": [
                {"file": file, "operation": operation, "parameters": parameters}
                for file, operation, parameters in self.variants
            ],
        }


def details(bank: Bank, number: int) -> NegativeDetails:
    """All that is known of a negative.

    Raises:
        BankError: where there is none of this number, or it lacks a row that it stands on.
    """
    negative = next(iter(in_order(bank, [number])), None)
    if negative is None:
        raise BankError(
            f"bank {printable(bank.folder)} is not whole: negative {number} lacks rows; see `negmine verify`"
        )
    found = findings(bank, negative)
    here = tuple(each for each in found if each.is_here)
    used = {each.run for each in here}
    acts = bank.rows(_ACTS, {"id": WHOLE, "state": REVIEW, "origin": TEXT, "undone": FLAG, "before": REVIEW}, (number,))
    variants = bank.rows(_VARIANTS, {"file": VARIANT_FILE, "operation": TEXT, "parameters": PARAMETERS}, (number,))
    return NegativeDetails(
        negative=negative,
        likeness=likeness_of(bank, number),
        is_file_there=negative.path.is_file(),
        source=_state_of(negative),
        camera=next(iter(bank.rows(_CAMERA, {"camera": TEXT, "taken_ms": WHOLE}, (negative.source_sha256,))), None),
        cuts=tuple(bank.cuts([number]).get(number, ())),
        false_positives=here,
        others=len(found) - len(here),
        objects=tuple(labelled_objects(bank, negative)),
        runs=tuple(run for run in runs(bank) if run.id in used),
        acts=tuple(ActOnNegative(act, state, by, before, bool(undone)) for act, state, by, undone, before in acts),
        variants=tuple((file, operation, parameters) for file, operation, parameters in variants),
    )


def _state_of(negative: Negative) -> SourceState:
    try:
        source = read_source(negative.source)
    except (OSError, ValueError, ImageError):
        return "gone"
    return "there" if source.sha256 == negative.source_sha256 else "changed"
