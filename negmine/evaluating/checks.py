"""Checks on figures, such as `fppi_at_recall>0.1`: a model that meets the condition fails."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from negmine.errors import ConfigError
from negmine.evaluating.figures import ModelFigures

FIGURES = (
    "fppi",
    "fppi_at_recall",
    "images_with_fp",
    "lamr",
    "map50",
    "map50_95",
    "precision",
    "recall",
    "threshold_at_recall",
)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)
_EXPRESSION = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """A model that fails a check.

    Attributes:
        check: as it was typed.
        model: its name.
        value: of the figure; None if it has no value, for example because the recall is not reached.
    """

    check: str
    model: str
    value: float | None

    @property
    def message(self) -> str:
        """One line for people."""
        found = "it has no value" if self.value is None else f"it is {self.value:.4g}"
        return f"{self.model} fails the check {self.check}: {found}"

    def to_dict(self) -> dict[str, object]:
        """JSON values."""
        return {"check": self.check, "model": self.model, "value": self.value}


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that no model may meet.

    Attributes:
        text: as it was typed.
        figure: one of `FIGURES`.
        sign: `<`, `<=`, `>` or `>=`.
        bound: what the figure is compared with.
    """

    text: str
    figure: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Check:
        """Parse a figure, a comparison and a number, such as `lamr>=0.5`.

        Raises:
            ConfigError: for any other text.
        """
        match = _EXPRESSION.fullmatch(text)
        try:
            figure, sign, bound = match.groups() if match else ("", "", "")
            number = float(bound)
        except ValueError:
            number = math.nan
        if match is None or math.isnan(number):
            raise ConfigError(
                f"expected a check such as fppi_at_recall>0.1 (name, <, <=, > or >=, number), found {text!r}"
            )
        if figure not in FIGURES:
            raise ConfigError(f"expected a check on one of {', '.join(FIGURES)}, found {figure!r} in {text!r}")
        return cls(text.strip(), figure, sign, number)

    def failures(self, models: Sequence[ModelFigures]) -> list[CheckFailure]:
        """The models that meet the condition, or whose figure has no value: an unknown figure does not pass."""
        found = [(model.name, getattr(model, self.figure)) for model in models]
        return [
            CheckFailure(self.text, name, value)
            for name, value in found
            if value is None or _COMPARE[self.sign](value, self.bound)
        ]
