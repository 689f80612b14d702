"""An array of turns (PromptResponse lines) -> one dialogue; and how the columns of several turns become one row's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from steelyard.domain.row import Turn
from steelyard.flow.rows.cells import answer_of, content_of, label_of, references_of
from steelyard.flow.rows.messages import MAX_TURNS, Dialogue, dialogue_of
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steelyard.flow.rows.names import Kind, Planner


def turns_of(value: list[Any], planner: Planner, kind: Kind) -> Dialogue:
    """Reads `[{"prompt", "response"?, "system"?}, ...]`; a bare list of messages is read as messages.

    Raises:
        RowFault: the array is empty or over 150 turns long, or a turn cannot be used.
    """
    if not value:
        raise RowFault("", "the array of turns is empty")
    if isinstance(value[0], dict) and "role" in value[0]:
        return dialogue_of(value, "messages", kind)
    if len(value) > MAX_TURNS:
        raise RowFault("", f"has {len(value)} turns, at most {MAX_TURNS} are possible")
    system: str | None = None
    turns: list[Turn] = []
    columns: list[dict[str, Any]] = []
    for index, item in enumerate(value):
        turn, said, rest = _turn(item, index, planner)
        if said is not None and index and said != system:
            raise RowFault(f"[{index}].system", "differs from the first turn's system text")
        system = said if index == 0 else system
        turns.append(turn)
        columns.append(rest)
    return Dialogue(system=system, history=(), turns=tuple(turns), closed=True, columns=merge_columns(columns))


def _turn(item: object, index: int, planner: Planner) -> tuple[Turn, str | None, dict[str, Any]]:
    if not isinstance(item, dict):
        raise RowFault(f"[{index}]", 'must be a turn, such as {"prompt": "...", "response": "..."}')
    fields = cast("dict[str, Any]", item)
    plan = planner.plan(tuple(fields))
    name = f"[{index}].{plan.input or 'prompt'}"
    turn = Turn(
        input=content_of(fields.get(plan.input), name),
        references=references_of(fields.get(plan.reference)),
        answer=answer_of(fields.get(plan.prediction), f"[{index}].{plan.prediction}"),
    )
    own = {plan.input, plan.reference, plan.prediction, plan.system}
    rest = {key: value for key, value in fields.items() if key not in own and value is not None}
    return turn, label_of(fields.get(plan.system), f"[{index}].{plan.system}"), rest


def merge_columns(columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns each column's common value, else the list of all turns' values (None where a turn has none)."""
    merged: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in columns for name in one):
        values = [one.get(name) for one in columns]
        same = all(value == values[0] and type(value) is type(values[0]) for value in values)
        merged[name] = values[0] if same else values
    return merged
