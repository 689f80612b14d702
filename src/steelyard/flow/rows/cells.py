"""One cell at a time: what a value may be for the role it plays, and what it becomes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import msgspec

from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from steelyard.domain.row import Content

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode

# fmt: off
_NUMBERS = frozenset({
    "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "max_output_tokens",
    "frequency_penalty", "presence_penalty", "repetition_penalty", "penalty_score", "seed", "top_logprobs",
})
PARAMETERS = _NUMBERS | {
    "stop", "logprobs", "logit_bias", "response_format", "tools", "tool_choice", "parallel_tool_calls",
    "thinking", "reasoning_effort", "disable_search", "enable_citation",
}
# fmt: on
"""Request parameters that one row may set."""


def text_of(value: object) -> str:
    """Returns text as it is, anything else as its JSON text (true, 3, {"a":1})."""
    return value if isinstance(value, str) else _encode(value).decode()


def content_of(value: object, column: str) -> Content:
    """Returns an input: text, a number's text, or content parts untouched.

    Raises:
        RowFault: it is missing, empty, or no content.
    """
    if isinstance(value, str):
        if not value or value.isspace():
            raise RowFault(column, "is empty")
        return value
    if value is None:
        raise RowFault(column, "is missing")
    if isinstance(value, list):
        return _parts_of(cast("list[Any]", value), column)
    if isinstance(value, dict):
        raise RowFault(column, "must be text or a list of content parts, not an object")
    return text_of(value)


def _parts_of(value: list[Any], column: str) -> list[dict[str, Any]]:
    if not value:
        raise RowFault(column, "is empty")
    for index, part in enumerate(value):
        kind = cast("dict[str, Any]", part).get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str) or not kind:
            raise RowFault(f"{column}[{index}]", 'must be a content part, such as {"type": "text", "text": "..."}')
    return value


def references_of(value: object) -> tuple[str, ...]:
    """Returns every acceptable answer; a list, nested or not, holds several. Nulls and empty texts are none."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value and not value.isspace() else ()
    if isinstance(value, list):
        return tuple(found for item in cast("list[Any]", value) for found in references_of(item))
    return (text_of(value),)


def answer_of(value: object, column: str) -> str | None:
    """Returns the answer that exists, or None; an empty text is an answer, null is none.

    Raises:
        RowFault: there are several.
    """
    while isinstance(value, list):
        items = cast("list[Any]", value)
        if len(items) > 1:
            raise RowFault(column, f"holds {len(items)} answers, one is expected")
        value = items[0] if items else None
    return None if value is None else text_of(value)


def label_of(value: object, column: str) -> str | None:
    """Returns a short name (session, group, category, system text) as text; null and empty are None."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, (dict, list)):
        raise RowFault(column, "must be text or a number")
    return text_of(value)


def id_of(value: object, column: str) -> str:
    """Returns the user's id as text, "" where there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool) or not isinstance(value, int):
        raise RowFault(column, "must be text or a whole number")
    return str(value)


def parameters_of(value: object, column: str) -> dict[str, Any]:
    """Returns the request parameters that are known and set; an object, or its JSON text in a table's cell."""
    if isinstance(value, str):
        value = json_cell(value, column)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RowFault(column, 'must be an object, such as {"temperature": 0.2}')
    found = {key: item for key, item in cast("dict[str, Any]", value).items() if item is not None and key in PARAMETERS}
    for key, item in found.items():
        if key in _NUMBERS and (
            isinstance(item, bool) or not isinstance(item, (int, float)) or not math.isfinite(item)
        ):
            raise RowFault(f"{column}.{key}", "must be a number")
    return found


def json_cell(text: str, column: str) -> Any:
    """Returns the value of JSON text in a table's cell; an empty cell is None.

    Raises:
        RowFault: it is no JSON.
    """
    if not text or text.isspace():
        return None
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RowFault(column, f"is broken JSON: {error}") from None
