"""Where the false positives of negatives may be pasted: into other negatives of the same bank that may be trained on.

A negative shows no pixel of a target, and neither does a part of one, so two of them together show none.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from negmine.augmenting.dice import evenly
from negmine.augmenting.draw import Draw
from negmine.augmenting.field_draws import PASTE
from negmine.bank.bank import Bank
from negmine.bank.origins import Origins
from negmine.bank.records import ONTO, Negative
from negmine.boxes import Rect

_SMALLEST = 0.5  # of its own size
_ROOM = 0.7  # of the sides of the other picture that it may take up
_LEAST_PX = 16  # of its shorter side; what is smaller shows nothing
_TRIES = 20  # other pictures that are tried


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The pictures to paste into, and what may be pasted.

    Attributes:
        negatives: that may be trained on.
        boxes: of the hardest false positive of each, whole pixels of the negative, by its number.
    """

    negatives: Sequence[Negative]
    boxes: Mapping[int, Rect]

    @classmethod
    def read(cls, bank: Bank, negatives: Sequence[Negative]) -> Places:
        """Those of a bank.

        Args:
            bank: open.
            negatives: that may be trained on, in any order.
        """
        origins = Origins.read(bank)
        boxes = {}
        for negative in negatives:
            found = origins.found_in(negative)
            if found:
                (x1, y1, x2, y2), (width, height) = found[0][1], negative.size_wh
                boxes[negative.id] = Rect(
                    max(round(x1), 0), max(round(y1), 0), min(round(x2), width), min(round(y2), height)
                )
        return cls(sorted(negatives, key=lambda each: each.sha256), boxes)

    def draw(self, negative: Negative, dice: random.Random) -> Draw | None:
        """Where to paste the hardest false positive of a negative; None where it is too small, or fits nowhere.

        It gets its own size or down to half of that, in a picture that was cut from another image.
        """
        box = self.boxes.get(negative.id)
        if box is None or min(box.size_wh) < _LEAST_PX:
            return None
        smallest = max(_SMALLEST, _LEAST_PX / min(box.size_wh))
        for _ in range(_TRIES):
            other = self.negatives[int(dice.random() * len(self.negatives))]
            scale, across, down = evenly(dice, (smallest, 1.0)), dice.random(), dice.random()
            room = min(_ROOM * there / side for there, side in zip(other.size_wh, box.size_wh, strict=True))
            width, height = (max(round(side * min(scale, room)), 1) for side in box.size_wh)
            if other.source_sha256 != negative.source_sha256 and min(width, height) >= _LEAST_PX:
                left, top = int(across * (other.size_wh[0] - width + 1)), int(down * (other.size_wh[1] - height + 1))
                corners = dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
                place = {"left": left, "top": top, "width": width, "height": height}
                return Draw(PASTE, {ONTO: other.sha256, **corners, **place})
        return None
