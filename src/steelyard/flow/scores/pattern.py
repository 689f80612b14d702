"""Whether an answer matches a regular expression, within a bounded time."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from steelyard.domain.errors import InputError
from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.scores.normalise import Steps
from steelyard.flow.scores.scorer import best, brief
from steelyard.flow.scores.text import BAD_REFERENCE, NO_REFERENCE, TextOptions, TextScorer

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_PATTERN = 10_000


class RegexOptions(TextOptions):
    """Options of `regex`."""

    normaliser: Steps = Field(("strip_think",), description="Steps applied to the answer only, in order.")
    pattern: str | None = Field(
        None, min_length=1, max_length=_LONGEST_PATTERN, description="The expression; left out: each reference is one."
    )
    match: Literal["search", "prefix", "full"] = Field(
        "search", description="Where it must match: anywhere, at the beginning, or the whole answer."
    )
    ignore_case: bool = Field(False, description="Upper and lower case are the same.")
    multiline: bool = Field(False, description="^ and $ also match at line ends.")
    dot_all: bool = Field(False, description="A dot also matches a line end.")
    timeout_s: float = Field(0.5, gt=0, le=10, description="Longest time for one match; beyond it the score is 0.")


class Regex(TextScorer[RegexOptions]):
    """1 when the expression (syntax of Python's `regex` package) matches the answer, else 0."""

    name = "regex"
    kind = "rate"
    needs_reference = False
    options_type = RegexOptions

    def __init__(self, options: RegexOptions | None = None) -> None:
        super().__init__(options)
        self._pattern = None
        if self.options.pattern is not None:
            compiled = _compile(self.options.pattern, *self._flags())
            if isinstance(compiled, str):
                raise InputError(
                    f"scorer regex: the pattern cannot be read: {compiled}",
                    where="scorer regex, option pattern",
                    hint="correct the expression; a literal ( [ { . * + ? needs a backslash",
                    code="bad_scorer_option",
                )
            self._pattern = compiled

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Matches the option's pattern, or each reference as one; unreadable references are Unscored."""
        if self._pattern is None and not case.references:
            return NO_REFERENCE
        patterns = [self._pattern] if self._pattern is not None else list(self._of_references(case.references))
        if not patterns:
            return BAD_REFERENCE
        answer = self.clean(case.answer)
        scored = best(self._matched(pattern, answer) for pattern in patterns)
        return scored if answer or scored.flag else Scored(scored.value, scored.reason, "empty_answer")

    def _matched(self, pattern: Any, answer: str) -> Scored:
        how = {"search": pattern.search, "prefix": pattern.match, "full": pattern.fullmatch}[self.options.match]
        try:
            match = how(answer, timeout=self.options.timeout_s)
        except (TimeoutError, MemoryError, RecursionError):
            return Scored(0.0, f"no result within {self.options.timeout_s:g} s", "timeout")
        return Scored(1.0, f"matched {brief(match[0])}".rstrip()) if match else Scored(0.0, "no match")

    def _of_references(self, references: tuple[str, ...]) -> Iterator[Any]:
        for reference in references:
            compiled = _compile(reference, *self._flags()) if 0 < len(reference) <= _LONGEST_PATTERN else ""
            if not isinstance(compiled, str):
                yield compiled

    def _flags(self) -> tuple[bool, bool, bool]:
        return self.options.ignore_case, self.options.multiline, self.options.dot_all


@lru_cache(maxsize=256)
def _compile(pattern: str, ignore_case: bool, multiline: bool, dot_all: bool) -> Any:
    """Returns the compiled expression, or one line on why there is none."""
    import regex

    flags = regex.I * ignore_case | regex.M * multiline | regex.S * dot_all
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return regex.compile(pattern, flags)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__
