"""Whether an answer holds the keywords it should hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field, model_validator

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.scores.scorer import best, brief
from steelyard.flow.scores.text import NO_REFERENCE, TextOptions, TextScorer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

_MOST_SHOWN = 3


class ContainsOptions(TextOptions):
    """Options of `contains`."""

    keywords: Literal["any", "all"] = Field("all", description="Whether one keyword is enough or all must be found.")
    separators: tuple[str, ...] = Field(
        (";", "；", "|", "\n"), description="What parts the keywords within a reference or column; empty: nothing does."
    )
    words: tuple[str, ...] = Field((), description="The keywords of every row; then references are not read.")
    column: str | None = Field(None, description="The column that holds each row's keywords: text or a list.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.words and self.column is not None:
            raise ValueError("words and column exclude each other")
        return self


class Contains(TextScorer[ContainsOptions]):
    """1 when the normalised answer holds any or all keywords as substrings, else 0.

    Keywords come from `words`, else from `column`, else from the reference parted at `separators`; with several
    references the best one counts.
    """

    name = "contains"
    kind = "rate"
    needs_reference = False
    options_type = ContainsOptions

    def __init__(self, options: ContainsOptions | None = None) -> None:
        super().__init__(options)
        parts = sorted((part for part in self.options.separators if part), key=len, reverse=True)
        self._splitter = re.compile("|".join(map(re.escape, parts))) if parts else None

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Looks for the keywords; no usable keyword is Unscored("no_keywords")."""
        options = self.options
        if options.words:
            lists = [self._cleaned(options.words)]
        elif options.column is not None:
            lists = [self._cleaned(self._of_column(case.columns.get(options.column)))]
        elif case.references:
            lists = [self._cleaned(self._parted(reference)) for reference in case.references]
        else:
            return NO_REFERENCE
        lists = [keywords for keywords in lists if keywords]
        if not lists:
            return Unscored("no_keywords")
        answer = self.clean(case.answer)
        if not answer:
            return Scored(0.0, "the answer is empty", "empty_answer")
        return best(self._found(answer, keywords) for keywords in lists)

    def _found(self, answer: str, keywords: list[str]) -> Scored:
        found = [keyword for keyword in keywords if keyword in answer]
        if self.options.keywords == "any":
            return Scored(1.0, "found " + _shown(found)) if found else Scored(0.0, "found none of " + _shown(keywords))
        missing = [keyword for keyword in keywords if keyword not in found]
        return Scored(0.0, "missing " + _shown(missing)) if missing else Scored(1.0, "found " + _shown(found))

    def _parted(self, text: str) -> list[str]:
        return self._splitter.split(text) if self._splitter else [text]

    def _of_column(self, value: Any) -> list[str]:
        if isinstance(value, str):
            return self._parted(value)
        if isinstance(value, list):
            return [str(item) for item in cast("list[Any]", value) if item is not None]
        return [] if value is None or isinstance(value, dict) else [str(value)]

    def _cleaned(self, keywords: Iterable[str]) -> list[str]:
        return [cleaned for keyword in keywords if (cleaned := self.clean(keyword).strip())]


def _shown(keywords: list[str]) -> str:
    more = f" and {len(keywords) - _MOST_SHOWN} more" if len(keywords) > _MOST_SHOWN else ""
    return ", ".join(brief(keyword, 30) for keyword in keywords[:_MOST_SHOWN]) + more
