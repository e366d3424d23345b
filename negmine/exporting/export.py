"""Export: the negatives of a bank as a data set that any trainer reads, alone or merged into the training set."""

from __future__ import annotations

from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.origins import Origins
from negmine.errors import ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.data_images import read_data
from negmine.exporting.fitting import nothing_chosen, require_fitting
from negmine.exporting.folder import has_manifest, require_ours, write_plan
from negmine.exporting.mix import Mix
from negmine.exporting.negatives import BankNegatives
from negmine.exporting.result import ExportResult
from negmine.labels.formats import label_writer
from negmine.paths import printable, real_path
from negmine.videos.contents import OnCount
from negmine.words import counted

_NAMELESS = ("target",)  # Ultralytics asks for a class, and a detector may have none


def export(
    bank: str | Path | None,
    out: str | Path,
    *,
    merge: str | Path | None = None,
    split: str | None = None,
    config: ExportConfig | None = None,
    on_progress: OnCount | None = None,
) -> ExportResult:
    """Write the negatives of a bank, with labels that say that they are empty.

    With `merge`, the training set itself is written: the images of a data set with their objects, and the negatives
    merged into its training split. Its other splits are written as they are. A negative that the data set shows to
    hold a target, that it measures on, or that looks like an image it measures on, is left out. Labels stay as they
    are in their own format, masks, key points and all; in another they are written as boxes and
    polygons.

    The settings choose how many negatives are exported, and divide all images into splits, if that is wanted.
    Exporting again into the same folder writes only what is new, and removes what has been rejected since.

    Args:
        bank: the bank's folder; None to export a data set alone.
        out: a new or empty folder, or an earlier export of the same format.
        merge: a data set in any format that negmine reads.
        split: of the data set, to train on; by default `train`, or all of it where it has no splits. Of the data that
            a ratio is of, the split that counts.
        config: format, variants, which negatives, splits, how files are copied.
        on_progress: called for each image of the data set that was read.

    Raises:
        BankError: where the folder is not a bank, or a file in it is gone or damaged.
        TruthError, SourceError: where the data set cannot be opened.
        ExportError: where there is nothing to export, `out` holds something that no export put there, the format
            cannot say what the labels of the data set do, or nothing is left to validate on.
        ConfigError: where the settings contradict each other or the data set.
    """
    config, out = config or ExportConfig(), Path(out)
    require_fitting(config, bank, merge, split)
    negatives = BankNegatives.none()
    if bank is not None:
        negatives = BankNegatives.read(bank, variants=config.variants, accept_flicker=config.accept_flicker)
        _require_negatives(negatives, bank, out)
    require_ours(out, config.format)
    if merge is not None:
        data = read_data(
            merge, out, split=split, config=config, model_names=negatives.class_names, on_progress=on_progress
        )
        mix = Mix.merged(data, bank, config)
    else:
        mix = Mix.alone(negatives, str(bank), split, config)
        if not (mix.negatives.negatives or has_manifest(out)) and negatives.negatives:
            raise ExportError(nothing_chosen(negatives, config.selection))
    return _write(mix, bank, out, config)


def _write(mix: Mix, bank: str | Path | None, out: Path, config: ExportConfig) -> ExportResult:
    writer, origins = label_writer(config.format), None
    if writer.tells_origin and bank is not None:
        with Bank(bank) as opened:
            origins = Origins.read(opened)
    folder = printable(real_path(out).name) or "negmine"
    class_names = mix.class_names or _NAMELESS
    plan = writer.plan(mix.images(origins), class_names=class_names, folder=folder, header=mix.header)
    done = write_plan(plan, out, format_name=config.format, method=config.method, workers=config.workers)
    return ExportResult(
        out=out,
        format=config.format,
        negatives=len(mix.negatives.negatives),
        variants=len(mix.negatives.variants),
        left_out=mix.negatives.refused,
        waiting=mix.negatives.waiting,
        written=done.written,
        unchanged=done.unchanged,
        removed=done.removed,
        merged=mix.merged_result,
        passed_over=mix.negatives.passed_over,
        splits=mix.negatives.counts(mix.split_of),
    )


def _require_negatives(negatives: BankNegatives, bank: str | Path, out: Path) -> None:
    if negatives.negatives or negatives.waiting or has_manifest(out):  # an earlier export is brought up to date
        return
    if not negatives.in_bank:
        raise ExportError(f"bank {printable(bank)} has no negatives; scan backgrounds with `negmine scan`")
    raise ExportError(
        f"bank {printable(bank)} has no negatives to export: {counted(negatives.in_bank, 'negative')} in it, rejected, "
        "marked as a target, or held back until accepted; look at them with `negmine review`, take flickers with "
        "--accept-flicker, or scan more backgrounds"
    )
