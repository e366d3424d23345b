"""Export: the negatives of a bank as a data set that any trainer reads, alone or mixed into the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.errors import ConfigError, ExportError
from negmine.exporting.banked import Banked
from negmine.exporting.config import ExportConfig
from negmine.exporting.folder import MANIFEST, SCHEMA_VERSION, require_ours, write_plan
from negmine.exporting.merge import OnCount, read_data
from negmine.exporting.mixing import Sorted
from negmine.exporting.plan import Picture, Plan
from negmine.exporting.result import MergeResult
from negmine.exporting.voc import plan_voc
from negmine.exporting.withhold import Withholding
from negmine.exporting.yolo import plan_yolo
from negmine.paths import printable

_NAMELESS = ("target",)  # Ultralytics asks for a class, and a detector may have none


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        out: the folder.
        format: of the labels.
        negatives: exported.
        variants: exported.
        left_out: negatives that a reviewer rejected, or marked as a target.
        written: files that were new or had changed.
        unchanged: files that were there already.
        removed: files of an earlier export that do not belong to this one.
        merged: the data set that they were mixed into; None where there was none.
    """

    out: Path
    format: str
    negatives: int
    variants: int
    left_out: int
    written: int
    unchanged: int
    removed: int
    merged: MergeResult | None = None

    def to_dict(self) -> dict[str, object]:
        """The `--json` document."""
        return {
            "schema_version": SCHEMA_VERSION,
            "out": str(self.out),
            "format": self.format,
            "negatives": self.negatives,
            "variants": self.variants,
            "left_out": self.left_out,
            "files": {"written": self.written, "unchanged": self.unchanged, "removed": self.removed},
            "merged": None if self.merged is None else self.merged.to_dict(),
        }


def export(
    bank: str | Path,
    out: str | Path,
    *,
    merge: str | Path | None = None,
    split: str | None = None,
    config: ExportConfig | None = None,
    on_progress: OnCount | None = None,
) -> ExportResult:
    """Write the negatives of a bank, with labels that say that nothing is in them.

    With `merge`, the training set itself is written: the images of a data set with their objects, and the negatives
    mixed into its training split. Its other splits are written as they are. A negative that the data set shows to
    hold a target, or that it measures on, is left out.

    Exporting again into the same folder writes only what is new, and removes what is rejected by now.

    Args:
        bank: the bank's folder.
        out: a new or empty folder, or an earlier export of the same format.
        merge: a data set in any format that negmine reads.
        split: of the data set, to train on; by default `train`, or all of it where it has no splits.
        config: format, variants, how files are copied.
        on_progress: called for each image of the data set that was looked at.

    Raises:
        BankError: where the folder is no bank, or a file in it is gone or damaged.
        TruthError, SourceError: where the data set is none.
        ExportError: where there is nothing to export, or `out` holds something that no export put there.
        ConfigError: where the settings contradict each other or the data set.
    """
    config, out = config or ExportConfig(), Path(out)
    if merge is None and (split is not None or config.missing_is_empty):
        raise ConfigError("expected --split and --missing-is-empty with --merge, found none; name the data set with it")
    banked = Banked.read(bank, variants=config.variants)
    if not banked.negatives and not (out / MANIFEST).exists():  # an earlier export is brought to what is left: nothing
        raise ExportError(
            f"bank {printable(bank)} has no negatives to export ({banked.in_bank} in it, none that a reviewer left); "
            "scan more backgrounds with `negmine scan`"
        )
    require_ours(out, config.format)
    left_out, class_names, merged = banked.in_bank - len(banked.negatives), banked.class_names, None
    pictures: list[Picture] = []
    if merge is not None:
        banked, pictures, merged = _mixed(banked, merge, out, split, config, on_progress)
        class_names = merged.class_names
    pictures += banked.pictures()
    plan = _plan(pictures, out, class_names or _NAMELESS, config)
    done = write_plan(plan, out, format_name=config.format, method=config.method, workers=config.workers)
    return ExportResult(
        out=out,
        format=config.format,
        negatives=len(banked.negatives),
        variants=len(banked.variants),
        left_out=left_out,
        written=done.written,
        unchanged=done.unchanged,
        removed=done.removed,
        merged=merged,
    )


def _mixed(
    banked: Banked,
    merge: str | Path,
    out: Path,
    split: str | None,
    config: ExportConfig,
    on_progress: OnCount | None,
) -> tuple[Banked, list[Picture], MergeResult]:
    """What of the bank may go into the data set, the data set's pictures, and what is to be said of it."""
    data = read_data(
        merge,
        out,
        split=split,
        missing_is_empty=config.missing_is_empty,
        workers=config.workers,
        on_progress=on_progress,
    )
    found = Sorted.of(data, config.format)
    banked, withheld = banked.without(Withholding(data.images))
    splits = found.counts(config.format)
    without_objects = splits[0].empty + len(banked.negatives) + len(banked.variants)
    result = MergeResult(
        data=data.dataset.path,
        data_format=data.dataset.format_name,
        class_names=data.dataset.class_names,
        splits=splits,
        unlabelled=found.unlabelled,
        unlisted=found.unlisted,
        lost=len(data.dataset.lost),
        skipped=found.skipped,
        withheld=withheld,
        ratio=without_objects / splits[0].positives,
    )
    database = printable(data.dataset.path.resolve().name) or "data"
    return banked, found.pictures(database, banked.pictures()), result


def _plan(pictures: Sequence[Picture], out: Path, class_names: Sequence[str], config: ExportConfig) -> Plan:
    if config.format == "yolo":
        return plan_yolo(pictures, class_names=class_names)
    return plan_voc(pictures, folder=printable(out.resolve().name) or "negmine")
