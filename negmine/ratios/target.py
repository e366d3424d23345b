"""Ratios of positive to negative images, and target ranges for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Self

from negmine.errors import ConfigError

DEFAULT_TARGET = "1:1..1:2"
ULTRALYTICS = "ultralytics"
MAX_PER_NEGATIVE = 50  # variants of one negative that a ratio may ask for; more copies teach a detector little
_RATIO = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*:\s*(\d{1,9}(?:\.\d{1,9})?)\s*")
_ULTRALYTICS_SHARE = Fraction(1, 10)  # of all images, at most, are background
_SLACK = Fraction(1, 100)  # how far from a single ratio still meets it; one image always does


@dataclass(frozen=True, slots=True)
class Ratio:
    """Positive to negative images; 1:2 is two negatives for each positive.

    Attributes:
        positives: over 0.
        negatives: over 0.
    """

    positives: Fraction
    negatives: Fraction

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `P:N`, such as 1:1, 2:1 or 1:1.5.

        Raises:
            ConfigError: for any other text.
        """
        match = _RATIO.fullmatch(text)
        parts = [Fraction(part) for part in match.groups()] if match else []
        if not parts or not all(parts):
            raise ConfigError(
                f"expected a ratio of positive to negative images, P:N with both over 0 (1:1, 1:2), found {text!r}"
            )
        return cls(*parts)

    @property
    def per_positive(self) -> Fraction:
        """Negatives for each positive."""
        return self.negatives / self.positives

    def negatives_for(self, positives: int) -> int:
        """The number of negative images that makes this ratio, rounded up."""
        return ceil(self.per_positive * positives)

    def room_for(self, positives: int) -> int:
        """The most negative images that do not exceed this ratio."""
        return floor(self.per_positive * positives)

    def __str__(self) -> str:
        return f"{float(self.positives):g}:{float(self.negatives):g}"


def places_for_bank(places: int, empties: int) -> int:
    """How many of the places for images without objects are for those of a bank, where a data set has some of its own.

    Those that its empty images leave, and half at least: empty images need not be hard.

    Args:
        places: for images without objects.
        empties: images of the data set that are known to be empty.
    """
    return max(places - empties, (places + 1) // 2)


@dataclass(frozen=True, slots=True)
class Target:
    """A range for the number of negative images.

    Attributes:
        text: as it was asked for.
        low: negatives for each positive, at least.
        high: at most.
    """

    text: str
    low: Fraction
    high: Fraction

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `P:N..P:N`, one `P:N` (met within 1 %), or `ultralytics` (0 to 10 % of all images are background).

        Raises:
            ConfigError: for any other text, or a range that ends before it begins.
        """
        if text.strip().lower() == ULTRALYTICS:
            return cls(ULTRALYTICS, Fraction(0), _ULTRALYTICS_SHARE / (1 - _ULTRALYTICS_SHARE))
        try:
            ends = [Ratio.parse(part).per_positive for part in text.split("..", 1)]
        except ConfigError as error:
            raise ConfigError(
                f"expected a target of P:N..P:N (1:1..1:2), P:N (1:1) or {ULTRALYTICS}, found {text!r}"
            ) from error
        if len(ends) == 1:
            return cls(text, ends[0] * (1 - _SLACK), ends[0] * (1 + _SLACK))
        if ends[0] > ends[1]:
            raise ConfigError(f"expected a range from fewer to more negatives, such as 1:1..1:2, found {text!r}")
        return cls(text, *ends)

    @property
    def asked(self) -> Ratio:
        """The ratio with the fewest negatives that meets it, as it was asked for.

        Raises:
            ConfigError: if no negatives at all meet it.
        """
        return Ratio.parse(self.text.split("..")[0])

    @property
    def limit(self) -> Ratio:
        """The ratio with the most negatives that meets it."""
        if self.text == ULTRALYTICS:
            return Ratio(1 / _ULTRALYTICS_SHARE - 1, Fraction(1))
        return Ratio.parse(self.text.split("..")[-1])

    def fewest(self, positives: int) -> int:
        """The least number of negative images in the range."""
        if (single := self._single(positives)) is not None:
            return ceil(max(min(self.low * positives, single - 1), Fraction(0)))
        return ceil(self.low * positives)

    def most(self, positives: int) -> int:
        """The largest number of negative images in the range, never below `fewest`."""
        if (single := self._single(positives)) is not None:
            return floor(max(self.high * positives, single + 1))
        return max(floor(self.high * positives), self.fewest(positives))

    def contains(self, positives: int, negatives: int) -> bool:
        """Whether these numbers are in the range."""
        return self.fewest(positives) <= negatives <= self.most(positives)

    def positives_for(self, negatives: int) -> int:
        """The fewest positive images for which this many negative ones are not too many."""
        enough = [ceil(negatives / self.high)]
        if (single := self._single(1)) is not None:
            enough.append(ceil((negatives - 1) / single))  # one image is within the slack
        elif self.low:
            enough.append(floor((negatives - 1) / self.low) + 1)  # the most is never below the fewest
        return max(min(enough), 1)

    def _single(self, positives: int) -> Fraction | None:
        """The exact number of negatives of a single ratio; None for a range."""
        if self.text == ULTRALYTICS or ".." in self.text:
            return None
        return self.asked.per_positive * positives
