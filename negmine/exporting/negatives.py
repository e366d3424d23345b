"""The negatives of a bank that may be exported, alone or merged into a data set, and their variants."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.origins import Origins
from negmine.bank.records import Cut, Negative, Variant
from negmine.exporting.config import SelectionConfig
from negmine.exporting.data_images import DataImage
from negmine.exporting.names import negative_name, variant_name
from negmine.exporting.result import AddedCounts
from negmine.exporting.selection import cluster_numbers, keep_to, require_classes, select
from negmine.grouping import CameraShot
from negmine.held_out import HeldOut
from negmine.labels.plan import ExportImage, FoundBox, Origin, StoredFile
from negmine.labels.splits import TEST, TRAIN, VAL
from negmine.paths import printable
from negmine.structures import FloatArray
from negmine.trainable import BankHashes, KnownImages, TrainingRule, is_refused, trainable, variants_of
from negmine.videos.names import frame_name, short_name

PRESENT = "they are in the data set already"


@dataclass(frozen=True, slots=True)
class BankNegatives:
    """The negatives of a bank and their variants.

    Attributes:
        negatives: that may be trained on, hardest first.
        variants: of these.
        in_bank: how many negatives the bank holds.
        refused: how many of these a reviewer rejected or marked as a target, or are held back.
        waiting: how many others were cut from an image with a target that waits for its label.
        class_names: that its detectors know, those of the first run first.
        cuts: what each negative was cut from, by its number.
        passed_over: how many others may be trained on, and were not chosen.
        shots: the frames of cameras among what they were cut from, by the sha256 of these.
    """

    negatives: Sequence[Negative]
    variants: Sequence[Variant]
    in_bank: int
    refused: int
    waiting: int
    class_names: tuple[str, ...]
    cuts: Mapping[int, Sequence[Cut]]
    passed_over: int = 0
    shots: Mapping[str, CameraShot] = field(default_factory=dict)

    @property
    def image_count(self) -> int:
        """How many images they are, variants included."""
        return len(self.negatives) + len(self.variants)

    @property
    def contents(self) -> frozenset[str]:
        """The sha256 of every file."""
        return frozenset([each.sha256 for each in self.negatives] + [each.sha256 for each in self.variants])

    @classmethod
    def none(cls) -> BankNegatives:
        """Without a bank."""
        return cls((), (), 0, 0, 0, (), {})

    @classmethod
    def read(
        cls,
        bank: str | Path,
        *,
        variants: bool,
        objects: Mapping[str, FloatArray] | None = None,
        accept_flicker: bool = False,
    ) -> BankNegatives:
        """Read a bank.

        Args:
            bank: its folder.
            variants: whether they are wanted.
            objects: boxes [N, 4] that a data set has in images, by sha256, xyxy pixels.
            accept_flicker: whether flickers are accepted unseen.

        Raises:
            BankError: where the folder is not a bank.
        """
        with Bank(bank) as opened:
            negatives, made = trainable(opened, objects, accept_flicker=accept_flicker)
            in_bank = opened.negative_count()
            refused = sum(is_refused(each, accept_flicker=accept_flicker) for each in opened.negatives())
            return cls(
                negatives=negatives,
                variants=made if variants else [],
                in_bank=in_bank,
                refused=refused,
                waiting=in_bank - refused - len(negatives),
                class_names=opened.class_names(),
                cuts=opened.cuts(),
                shots=opened.shots(),
            )

    def without(self, withholding: Withholding) -> tuple[BankNegatives, Mapping[str, int]]:
        """The negatives that may be merged into a data set, and how many images may not, by reason.

        A variant is left out with its negative, or with the one that it was pasted into.
        """
        reasons = {
            negative.id: withholding.of_negative(negative, self.cuts[negative.id]) for negative in self.negatives
        }
        by_sha256 = {negative.sha256: reasons[negative.id] for negative in self.negatives}
        of_variants = [
            reasons[each.negative_id] or by_sha256.get(each.onto or "") or withholding.of_variant(each)
            for each in self.variants
        ]
        every = [reason for reason in (*reasons.values(), *of_variants) if reason is not None]
        kept = replace(
            self,
            negatives=[negative for negative in self.negatives if reasons[negative.id] is None],
            variants=[each for each, reason in zip(self.variants, of_variants, strict=True) if reason is None],
        )
        return kept, {reason: every.count(reason) for reason in sorted(set(every))}

    def chosen(self, bank: str | Path, config: SelectionConfig, room: int | None = None) -> BankNegatives:
        """Those that are to be exported; see `negmine.exporting.selection`.

        Args:
            bank: its folder.
            config: the settings.
            room: how many images there may be, variants included; None for any number.

        Raises:
            ConfigError: for classes that no detector of the bank knows.
        """
        require_classes(config.classes, self.class_names)
        clusters: Mapping[int, int] = {}
        if config.diverse:
            with Bank(bank) as opened:
                clusters = cluster_numbers(opened, self.negatives)
        negatives: Sequence[Negative] = select(self.negatives, config, clusters)
        variants: Sequence[Variant] = variants_of(negatives, self.variants)
        if room is not None:
            negatives, variants = keep_to(room, negatives, variants)
        ids = {each.id for each in negatives}
        kept = [each for each in self.negatives if each.id in ids]
        return replace(self, negatives=kept, variants=variants, passed_over=len(self.negatives) - len(kept))

    def divided(self, split_of: Mapping[str, str]) -> BankNegatives:
        """Those that are left once they are divided: a variant that shows negatives of two splits belongs to none.

        Args:
            split_of: the split of each negative, by its sha256.
        """
        own = {each.id: split_of[each.sha256] for each in self.negatives}
        whole = [each for each in self.variants if each.onto is None or split_of[each.onto] == own[each.negative_id]]
        return replace(self, variants=whole)

    def images(self, origins: Origins | None = None, split_of: Mapping[str, str] | None = None) -> list[ExportImage]:
        """Each of them, negatives first.

        Args:
            origins: what the bank knows of them, for a format that says it.
            split_of: the split of each negative by its sha256, which is that of its variants too; None to train on all.
        """
        by_id = {negative.id: negative for negative in self.negatives}
        every: list[tuple[Negative, Negative | Variant, str]] = [(n, n, negative_name(n)) for n in self.negatives]
        every += [(n, v, variant_name(n, v)) for v in self.variants for n in (by_id[v.negative_id],)]
        splits = {n.id: TRAIN if split_of is None else split_of[n.sha256] for n in self.negatives}
        return [_image(n, file, name, splits[n.id], self._frame(n), origins) for n, file, name in every]

    def _frame(self, negative: Negative) -> str:
        """What the frame is called that a negative was cut from; "" where that is from no video or camera."""
        shot = self.shots.get(negative.source_sha256)
        if shot is not None:
            return shot.name
        return "" if frame_name(negative.source) is None else short_name(negative.source)

    def counts(self, split_of: Mapping[str, str] | None = None) -> dict[str, AddedCounts]:
        """How many there are in each split; see `images`."""
        sha256 = {each.id: each.sha256 for each in self.negatives}
        of_id = {number: TRAIN if split_of is None else split_of[each] for number, each in sha256.items()}
        negatives, variants = Counter(of_id.values()), Counter(of_id[each.negative_id] for each in self.variants)
        return {name: AddedCounts(negatives[name], variants[name]) for name in (TRAIN, VAL, TEST) if name in negatives}


def _image(
    negative: Negative, file: Negative | Variant, name: str, split: str, frame: str, origins: Origins | None
) -> ExportImage:
    return ExportImage(
        name,
        StoredFile(file.path, file.sha256),
        file.size_wh,
        negative.review == "accepted",
        splits=(split,),
        frame=frame,
        origin=_origin(negative, file, origins),
    )


def _origin(negative: Negative, file: Negative | Variant, origins: Origins | None) -> Origin | None:
    """What the bank knows of a negative, or of a variant; where a variant was reshaped, nobody knows its boxes.

    Where the false positive was pasted into another picture, its place is known.
    """
    if origins is None:
        return None
    found = origins.found_in(negative) if file.size_wh == negative.size_wh else []
    if isinstance(file, Variant) and file.onto is not None:
        place = file.pasted_xyxy
        found = [] if place is None else [(each, place) for each, _ in origins.found_in(negative)[:1]]
    frame = frame_name(negative.source)
    return Origin(
        sha256=negative.sha256,
        source=printable(negative.source),
        source_sha256=negative.source_sha256,
        rect=negative.rect,
        state=negative.review,
        found=tuple(FoundBox(printable(each.class_name), each.score, box) for each, box in found),
        runs=origins.runs_of(negative),
        taken_ms=origins.taken_ms.get(negative.source_sha256),
        video_ms=None if frame is None else frame.time_ms,
        operation=file.operation if isinstance(file, Variant) else "",
    )


class Withholding:
    """The rule of what may be trained on, and that no image is written twice.

    Args:
        images: of the data set; all of them, those that are not exported too, without those that negatives replace.
        known: what it says of them.
        hashes: of the bank; where None, files are compared by their bytes alone.
    """

    def __init__(self, images: Sequence[DataImage], known: KnownImages, hashes: BankHashes | None = None) -> None:
        self._rule = TrainingRule(known, hashes, traceable=False)
        self._empty = {
            image.sha256 for image in images if image.truth is not None and not len(image.truth) and image.splits
        }

    def of_negative(self, negative: Negative, cuts: Sequence[Cut]) -> str | None:
        """Why a negative is left out, None where it is not.

        Args:
            negative: of a bank.
            cuts: all that it was cut from.
        """
        return self._rule.refusal(negative, cuts) or self._present(negative.sha256)

    def of_variant(self, variant: Variant) -> str | None:
        """The same for the file of a variant, whose negative may be exported."""
        return self._rule.refusal_of_variant(variant) or self._present(variant.sha256)

    def _present(self, sha256: str) -> str | None:
        return PRESENT if sha256 in self._empty else None


def known_images(images: Sequence[DataImage]) -> KnownImages:
    """What a data set says of its images; what is only in splits that are not trained on is held out."""
    boxes: dict[str, list[FloatArray]] = defaultdict(list)
    for image in images:
        if image.sha256 is not None and image.problem is None and image.truth is not None:
            boxes[image.sha256].append(image.truth.boxes_xyxy)
    read = [image for image in images if image.sha256 is not None]
    apart = [image for image in read if image.is_held_out]
    return KnownImages(
        held_out=HeldOut(
            frozenset(str(image.sha256) for image in apart),
            frozenset(image.phash for image in apart if image.phash is not None),
        ),
        objects={sha256: np.concatenate(each) for sha256, each in boxes.items()},  # files may share their bytes
        unclear=frozenset(str(image.sha256) for image in read if image.problem is not None),
    )
