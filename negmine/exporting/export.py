"""Export: the negatives of a bank as a data set that any trainer reads, alone or merged into the training set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.bank import Bank
from negmine.bank.origins import Origins
from negmine.errors import ConfigError, ExportError
from negmine.exporting.config import ExportConfig
from negmine.exporting.folder import MANIFEST, require_ours, write_plan
from negmine.exporting.kept import is_same_format
from negmine.exporting.merge import DataImages, SortedImages, read_data
from negmine.exporting.negatives import BankNegatives, Withholding, known_images
from negmine.exporting.result import ExportResult, MergeResult
from negmine.labels.formats import OBJECT_FORMATS, label_writer
from negmine.labels.plan import ExportImage, Header
from negmine.paths import printable, real_path
from negmine.trainable import waiting_images
from negmine.videos.contents import OnCount
from negmine.words import counted

_NAMELESS = ("target",)  # Ultralytics asks for a class, and a detector may have none


def export(
    bank: str | Path,
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
    hold a target, or that it measures on, is left out. Labels stay as they are in their own format, masks, key points
    and all; in another format they are written as boxes.

    Exporting again into the same folder writes only what is new, and removes what has been rejected since.

    Args:
        bank: the bank's folder.
        out: a new or empty folder, or an earlier export of the same format.
        merge: a data set in any format that negmine reads.
        split: of the data set, to train on; by default `train`, or all of it where it has no splits.
        config: format, variants, how files are copied.
        on_progress: called for each image of the data set that was read.

    Raises:
        BankError: where the folder is not a bank, or a file in it is gone or damaged.
        TruthError, SourceError: where the data set cannot be opened.
        ExportError: where there is nothing to export, `out` holds something that no export put there, or the format
            cannot say what the labels of the data set do.
        ConfigError: where the settings contradict each other or the data set.
    """
    config, out = config or ExportConfig(), Path(out)
    if merge is None and (split is not None or config.labels.options or config.boxes_only):
        given = config.labels.options or ("--boxes-only" if config.boxes_only else "--split")
        raise ConfigError(f"expected {given} with --merge, found none; name the data set with it")
    if merge is not None and config.format not in OBJECT_FORMATS:
        title = label_writer(config.format).title
        raise ConfigError(f"{title} lists negatives alone; leave --merge out, or choose another --format")
    negatives = BankNegatives.read(bank, variants=config.variants, accept_flicker=config.accept_flicker)
    _require_negatives(negatives, bank, out)
    require_ours(out, config.format)
    mix = _Mix(negatives, negatives.class_names)
    if merge is not None:
        data = read_data(merge, out, split=split, config=config, on_progress=on_progress)
        mix = _Mix.merged_into(data, bank, config)
    return _write(mix, bank, out, config)


def _write(mix: _Mix, bank: str | Path, out: Path, config: ExportConfig) -> ExportResult:
    writer, origins = label_writer(config.format), None
    if writer.tells_origin:
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
        merged=mix.merged,
    )


def _require_negatives(negatives: BankNegatives, bank: str | Path, out: Path) -> None:
    is_there = os.path.exists(out / MANIFEST)  # noqa: PTH110  (it raises for no path)
    if negatives.negatives or negatives.waiting or is_there:  # an earlier export is brought up to date: emptied
        return
    if not negatives.in_bank:
        raise ExportError(f"bank {printable(bank)} has no negatives; scan backgrounds with `negmine scan`")
    raise ExportError(
        f"bank {printable(bank)} has no negatives to export: {counted(negatives.in_bank, 'negative')} in it, rejected, "
        "marked as a target, or held back until accepted; look at them with `negmine review`, take flickers with "
        "--accept-flicker, or scan more backgrounds"
    )


@dataclass(frozen=True, slots=True)
class _Mix:
    """What an export holds.

    Attributes:
        negatives: of the bank, those that may be in it.
        class_names: by class id.
        data: the images of the data set that they are merged into.
        header: of the data set, where its labels are written as they are.
        merged: what is to be said of the data set.
    """

    negatives: BankNegatives
    class_names: tuple[str, ...]
    data: Sequence[ExportImage] = ()
    header: Header | None = None
    merged: MergeResult | None = None

    def images(self, origins: Origins | None) -> list[ExportImage]:
        """All images, those of the data set first; negatives with what the bank knows of them, if that is given."""
        return [*self.data, *self.negatives.images(origins)]

    @classmethod
    def merged_into(cls, data: DataImages, bank: str | Path, config: ExportConfig) -> _Mix:
        """The images of a data set, with the negatives of a bank that may be trained on beside them."""
        known = known_images(data.images)
        with Bank(bank) as opened:
            waiting = waiting_images(opened, known.objects)
        dataset, found = data.dataset, SortedImages.of(data, label_writer(config.format), waiting)
        read = BankNegatives.read(
            bank, variants=config.variants, objects=known.objects, accept_flicker=config.accept_flicker
        )
        negatives, withheld = read.without(Withholding(data.images, known))
        splits = found.counts()
        without_objects = splits[0].empty + len(negatives.negatives) + len(negatives.variants)
        merged = MergeResult(
            data=dataset.path,
            data_format=dataset.format_name,
            class_names=dataset.class_names,
            splits=splits,
            unlabelled=found.unlabelled,
            unlisted=found.unlisted,
            lost=len(dataset.lost),
            notes=dataset.notes,
            skipped=found.skipped,
            withheld=withheld,
            ratio=without_objects / splits[0].positives,
        )
        database = printable(real_path(dataset.path).name) or "data"
        images = found.images(database, negatives.images(), as_labelled=is_same_format(dataset, config))
        return cls(negatives, dataset.class_names, images, data.header, merged)
