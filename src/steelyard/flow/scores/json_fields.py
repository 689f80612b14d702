"""How many of the reference's JSON fields an answer has right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.answers.json_text import NotJsonError, read_json
from steelyard.flow.scores.normalise import Steps
from steelyard.flow.scores.scorer import best, brief
from steelyard.flow.scores.text import BAD_REFERENCE, NO_REFERENCE, TextOptions, TextScorer

if TYPE_CHECKING:
    from collections.abc import Iterator

_Path = tuple[str | int, ...]
_MOST_SHOWN = 3


class JsonFieldsOptions(TextOptions):
    """Options of `json_fields`."""

    normaliser: Steps = Field(("nfkc", "whitespace"), description="Steps applied to text values, in order.")


class JsonFields(TextScorer[JsonFieldsOptions]):
    """Share of the reference's leaf values that the answer has at the same path; more fields do no harm.

    Lists are compared place by place. 1 and 1.0 are equal; true and 1, "1" and 1 are not. An empty object or list is
    a leaf. An answer that is no JSON scores 0, flagged `unparsed`.
    """

    name = "json_fields"
    options_type = JsonFieldsOptions

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Compares with each reference; references that are no JSON are Unscored("bad_reference")."""
        if not case.references:
            return NO_REFERENCE
        expected = [leaves for reference in case.references if (leaves := _read_leaves(reference)) is not None]
        if not expected:
            return BAD_REFERENCE
        if not case.answer.strip():
            return Scored(0.0, "the answer is empty", "empty_answer")
        try:
            given = dict(_leaves(read_json(case.answer)))
        except (NotJsonError, RecursionError) as error:
            return Scored(0.0, f"no JSON: {brief(str(error))}", "unparsed")
        return best(self._shared(given, wanted) for wanted in expected)

    def _shared(self, given: dict[_Path, Any], wanted: dict[_Path, Any]) -> Scored:
        wrong = [path for path, value in wanted.items() if path not in given or not self._equal(given[path], value)]
        value = (len(wanted) - len(wrong)) / len(wanted)
        shown = ", ".join(brief(".".join(map(str, path)) or "the value", 30) for path in wrong[:_MOST_SHOWN])
        return Scored(
            value, f"{len(wanted) - len(wrong)} of {len(wanted)} fields" + (f"; not {shown}" if shown else "")
        )

    def _equal(self, a: Any, b: Any) -> bool:
        if isinstance(a, str) and isinstance(b, str):
            return self.clean(a) == self.clean(b)
        numbers = (int, float)
        if isinstance(a, numbers) and isinstance(b, numbers):
            return isinstance(a, bool) == isinstance(b, bool) and a == b
        return type(a) is type(b) and a == b


def _read_leaves(text: str) -> dict[_Path, Any] | None:
    try:
        return dict(_leaves(read_json(text)))
    except (NotJsonError, RecursionError):
        return None


def _leaves(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict) and value:
        for key, item in cast("dict[str, Any]", value).items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _leaves(item, (*path, index))
    else:
        yield path, cast("Any", value)
