"""Whether the number an answer gives equals the reference's, within tolerances."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.answers.number import Number, extract_number
from steelyard.flow.scores.scorer import Options, Scorer, brief
from steelyard.flow.scores.text import BAD_REFERENCE, NO_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


class NumericOptions(Options):
    """Options of `numeric`."""

    rel_tol: float = Field(1e-9, ge=0, lt=1, description="Share of the larger magnitude that both may differ by.")
    abs_tol: float = Field(0.0, ge=0, allow_inf_nan=False, description="Amount that both may differ by.")
    pick: Literal["explicit", "last", "first", "only"] = Field(
        "explicit",
        description="Which number of the answer counts; explicit: after 'answer is' or the like, else the last.",
    )
    percent: Literal["either", "fraction"] = Field(
        "either", description="Whether 50% equals 0.5 and 50 (either), or 0.5 only (fraction)."
    )


class Numeric(Scorer[NumericOptions]):
    """1 when the number read from the answer is close to the reference's, else 0; flagged `unparsed` without one.

    Close: |a - b| <= max(rel_tol * max(|a|, |b|), abs_tol), as `math.isclose` has it, in exact arithmetic.
    """

    name = "numeric"
    kind = "rate"
    options_type = NumericOptions

    def __init__(self, options: NumericOptions | None = None) -> None:
        super().__init__(options)
        self._relative = Fraction(self.options.rel_tol)
        self._absolute = Fraction(self.options.abs_tol)

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Compares with each reference; references without a number are Unscored("bad_reference")."""
        if not case.references:
            return NO_REFERENCE
        expected = [number for text in case.references if (number := extract_number(text, self.options.pick))]
        if not expected:
            return BAD_REFERENCE
        if not case.answer.strip():
            return Scored(0.0, "the answer is empty", "empty_answer")
        given = extract_number(case.answer, self.options.pick)
        if given is None:
            return Scored(0.0, "no number can be read", "unparsed")
        close = any(self._close(a, b) for number in expected for a, b in self._readings(given, number))
        return Scored(float(close), f"read {brief(given.text, 30)}, expected {brief(expected[0].text, 30)}")

    def _readings(self, given: Number, expected: Number) -> Iterator[tuple[Fraction, Fraction]]:
        yield given.value, expected.value
        if self.options.percent == "either" and given.percent != expected.percent:
            yield (
                given.value * 100 if given.percent else given.value,
                expected.value * 100 if expected.percent else expected.value,
            )

    def _close(self, a: Fraction, b: Fraction) -> bool:
        return abs(a - b) <= max(self._relative * max(abs(a), abs(b)), self._absolute)
