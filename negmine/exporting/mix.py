"""What an export holds: the negatives that were chosen, and the images of the data set that they are merged into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negmine.bank.origins import Origins
from negmine.datasets.config import LabelConfig
from negmine.errors import ExportError
from negmine.exporting.beside import Beside
from negmine.exporting.config import ExportConfig
from negmine.exporting.data_images import DataImages
from negmine.exporting.dividing import divide
from negmine.exporting.kept import is_same_format
from negmine.exporting.merge import SortedImages, notes_on_val
from negmine.exporting.negatives import BankNegatives
from negmine.exporting.result import AddedCounts, MergeResult
from negmine.labels.formats import label_writer
from negmine.labels.plan import ExportImage, Header
from negmine.labels.splits import TRAIN
from negmine.paths import printable, real_path
from negmine.ratios.mix import count_mix
from negmine.ratios.target import Ratio, places_for_bank
from negmine.words import counted


@dataclass(frozen=True, slots=True)
class Mix:
    """What an export holds.

    Attributes:
        negatives: of the bank, those that are in it.
        class_names: by class id.
        split_of: the split of each negative, by sha256; None to train on all.
        data: the images of the data set that they are merged into.
        header: of the data set, where its labels are written as they are.
        merged_result: what is to be said of the data set.
    """

    negatives: BankNegatives
    class_names: tuple[str, ...]
    split_of: Mapping[str, str] | None = None
    data: Sequence[ExportImage] = ()
    header: Header | None = None
    merged_result: MergeResult | None = None

    def images(self, origins: Origins | None = None) -> list[ExportImage]:
        """All images, those of the data set first; negatives with what the bank knows of them, if that is given."""
        return [*self.data, *self.negatives.images(origins, self.split_of)]

    @classmethod
    def alone(cls, negatives: BankNegatives, bank: str, split: str | None, config: ExportConfig) -> Mix:
        """The negatives alone.

        Args:
            negatives: that may be trained on.
            bank: its folder.
            split: of the data that a ratio is of, the one that counts.
            config: the settings.

        Raises:
            ExportError: where the ratio leaves no room, or there is too little to divide.
        """
        selection, room = config.selection, None
        if selection.ratio is not None:
            room = room_beside(selection.positives, selection.ratio, split, config.labels)
        chosen = negatives.chosen(bank, selection, room)
        if config.splits is None:
            return cls(chosen, negatives.class_names)
        split_of = divide(chosen.negatives, (), bank, config.splits)
        return cls(chosen.divided(split_of), negatives.class_names, split_of)

    @classmethod
    def merged(cls, data: DataImages, bank: str | Path | None, config: ExportConfig) -> Mix:
        """The images of a data set, with the negatives of a bank that may be trained on beside them.

        Raises:
            ExportError: where there is too little to divide.
        """
        selection = config.selection
        is_limited = selection.ratio is not None
        beside = Beside.none() if bank is None else Beside.of(data, bank, config, replaces=is_limited)
        if is_limited:
            data = data.without_empties(beside.free.contents)  # they are the bank's, which takes its hardest anew
        found = SortedImages.of(data, label_writer(config.format), beside.waiting)
        before, room = len(found.empties), None
        if selection.ratio is not None:
            room = Ratio.parse(selection.ratio).room_for(found.counts()[0].positives)
        places = None if room is None else places_for_bank(room, before)
        negatives = beside.free if bank is None else beside.free.chosen(bank, selection, places)
        if room is not None:
            found = found.with_empties(room - negatives.image_count, selection.seed)
        left_out, split_of = before - len(found.empties), None
        if config.splits is not None:
            split_of = divide(negatives.negatives, found.written, bank, config.splits)
            negatives, found = negatives.divided(split_of), found.divided(split_of)
        notes = notes_on_val(found.written, config)
        result = _merge_result(data, found, negatives, split_of, beside.withheld, left_out, notes)
        database = printable(real_path(data.dataset.path).name) or "data"
        as_labelled = is_same_format(data.dataset, config)
        images = found.images(database, negatives.images(), as_labelled=as_labelled)
        return cls(negatives, data.dataset.class_names, split_of, images, data.header, result)


def _merge_result(
    data: DataImages, found: SortedImages, negatives: BankNegatives, split_of: Mapping[str, str] | None,
    withheld: Mapping[str, int], left_out: int, notes: Sequence[str],
) -> MergeResult:  # fmt: skip
    splits, dataset = found.counts(), data.dataset
    added = negatives.counts(split_of).get(TRAIN, AddedCounts())
    return MergeResult(
        data=dataset.path,
        data_format=dataset.format_name,
        class_names=dataset.class_names,
        splits=splits,
        unlabelled=found.unlabelled,
        unlisted=found.unlisted,
        lost=len(dataset.lost),
        notes=(*dataset.notes, *notes),
        skipped=found.skipped,
        withheld=withheld,
        ratio=(splits[0].empty + added.negatives + added.variants) / splits[0].positives,
        empties_left_out=left_out,
    )


def room_beside(positives: Sequence[Path], ratio: str, split: str | None, labels: LabelConfig) -> int:
    """How many images without objects a ratio leaves room for beside labelled data.

    Args:
        positives: the data.
        ratio: positive to negative images.
        split: of the data, the one that counts; None for all.
        labels: how its labels are understood.

    Raises:
        TruthError, SourceError: where it cannot be opened, or no image has an object.
        ExportError: where it has as many images without objects already.
    """
    mix = count_mix(positives, split=split, labels=labels)
    return room_left(ratio, mix.positives, mix.empty)


def room_left(ratio: str, positives: int, empties: int) -> int:
    """How many images without objects a ratio leaves room for beside those that stay.

    Raises:
        ExportError: where it leaves none.
    """
    most = Ratio.parse(ratio).room_for(positives)
    if most <= empties:
        raise ExportError(
            f"--ratio {ratio} to {counted(positives, 'image')} with objects leaves no room: it allows "
            f"{counted(most, 'image')} without objects, and the data has {empties}; ask for more, or let --merge write "
            "the data with fewer of them"
        )
    return most - empties
