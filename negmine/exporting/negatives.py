"""The negatives of a bank that may be exported, alone or merged into a data set, and their variants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from negmine.bank.bank import Bank
from negmine.bank.origins import Origins
from negmine.bank.records import Cut, Negative, Variant
from negmine.exporting.merge import DataImage
from negmine.exporting.names import negative_name, variant_name
from negmine.held_out import HeldOut
from negmine.labels.plan import ExportImage, FoundBox, Origin, StoredFile
from negmine.paths import printable
from negmine.structures import FloatArray
from negmine.trainable import KnownImages, TrainingRule, is_refused, trainable
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
    """

    negatives: Sequence[Negative]
    variants: Sequence[Variant]
    in_bank: int
    refused: int
    waiting: int
    class_names: tuple[str, ...]
    cuts: Mapping[int, Sequence[Cut]]

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
            )

    def without(self, withholding: Withholding) -> tuple[BankNegatives, Mapping[str, int]]:
        """The negatives that may be merged into a data set, and how many images may not, by reason.

        A variant is left out with its negative.
        """
        reasons = {
            negative.id: withholding.of_negative(negative, self.cuts[negative.id]) for negative in self.negatives
        }
        of_variants = [reasons[each.negative_id] or withholding.of_variant(each) for each in self.variants]
        every = [reason for reason in (*reasons.values(), *of_variants) if reason is not None]
        kept = replace(
            self,
            negatives=[negative for negative in self.negatives if reasons[negative.id] is None],
            variants=[each for each, reason in zip(self.variants, of_variants, strict=True) if reason is None],
        )
        return kept, {reason: every.count(reason) for reason in sorted(set(every))}

    def images(self, origins: Origins | None = None) -> list[ExportImage]:
        """Each of them, negatives first.

        Args:
            origins: what the bank knows of them, for a format that says it.
        """
        by_id = {negative.id: negative for negative in self.negatives}
        return [_image(n, n, negative_name(n), _origin(n, n, origins)) for n in self.negatives] + [
            _image(n, v, variant_name(n, v), _origin(n, v, origins))
            for v in self.variants
            for n in (by_id[v.negative_id],)
        ]


def _image(negative: Negative, file: Negative | Variant, name: str, origin: Origin | None) -> ExportImage:
    return ExportImage(
        name,
        StoredFile(file.path, file.sha256),
        file.size_wh,
        negative.review == "accepted",
        frame="" if frame_name(negative.source) is None else short_name(negative.source),
        origin=origin,
    )


def _origin(negative: Negative, file: Negative | Variant, origins: Origins | None) -> Origin | None:
    """What the bank knows of a negative, or of a variant; where a variant was reshaped, nobody knows its boxes."""
    if origins is None:
        return None
    found = origins.found_in(negative) if file.size_wh == negative.size_wh else []
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
    """The rule of what may be trained on, and that no image is written twice. Files are compared by their bytes.

    Args:
        images: of the data set; all of them, those that are not exported too.
        known: what it says of them.
    """

    def __init__(self, images: Sequence[DataImage], known: KnownImages) -> None:
        self._rule = TrainingRule(known)
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
    return KnownImages(
        held_out=HeldOut(frozenset(str(image.sha256) for image in read if image.is_held_out)),
        objects={sha256: np.concatenate(each) for sha256, each in boxes.items()},  # files may share their bytes
        unclear=frozenset(str(image.sha256) for image in read if image.problem is not None),
    )
