"""Records in vendors' own shapes -> records whose names the rows' reader knows. All others pass as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SORTED_RESPONSES = "sorted_responses"
"""The column that keeps all ranked responses; the first rank's texts are the references."""


def from_vendors(records: Iterable[RawRecord | RowProblem]) -> Iterator[RawRecord | RowProblem]:
    """Yields each record once, in order, with its line.

    - `{"item": {...}, "sample"?: {"output_text"}}` is the item, with the sample's text as `prediction`;
    - a turn `{"user", "chosen", "rejected"}` has the input `prompt`, the reference `chosen`, the column `rejected`;
    - a turn `{"prompt", "response": [[best], [next], ...], "score"}` has the best as reference, and the columns
      `sorted_responses` and `score`.
    """
    for record in records:
        if isinstance(record, RowProblem):
            yield record
        elif isinstance(record.value, list):
            turns = [_turn(cast("dict[str, Any]", item)) if isinstance(item, dict) else item for item in record.value]
            yield RawRecord(record.line, turns, record.file)
        else:
            yield RawRecord(record.line, _item(record.value), record.file)


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    if "chosen" in turn and "user" in turn and "prompt" not in turn:
        return {"prompt" if key == "user" else key: value for key, value in turn.items()}
    response = turn.get("response")
    if "score" in turn and isinstance(response, list) and response and isinstance(response[0], list):
        rest = {key: value for key, value in turn.items() if key != "response"}
        return {**rest, "reference": response[0], SORTED_RESPONSES: response}
    return turn


def _item(value: dict[str, Any]) -> dict[str, Any]:
    item = value.get("item")
    if not isinstance(item, dict) or not value.keys() <= {"item", "sample"}:
        return value
    found = cast("dict[str, Any]", item)
    sample = value.get("sample")
    if isinstance(sample, dict) and "prediction" not in found:
        text = cast("dict[str, Any]", sample).get("output_text")
        if text is not None:
            return {**found, "prediction": text}
    return found
