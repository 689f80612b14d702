"""Chat messages -> system text, history and turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from steelyard.domain.row import Message, Turn
from steelyard.flow.rows.cells import content_of, json_cell
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from steelyard.flow.rows.names import Kind

MAX_TURNS = 150


class Dialogue(Struct, frozen=True):
    """What messages or an array of turns say."""

    system: str | None
    history: tuple[Message, ...]
    turns: tuple[Turn, ...]
    closed: bool
    """The last message is the assistant's: the dialogue brings its own references (or answers)."""
    columns: dict[str, Any] = {}


def dialogue_of(value: object, column: str, kind: Kind) -> Dialogue:
    """Reads messages: a list of `{"role", "content"}`, or its JSON text in a table's cell.

    Ending with the user, they are one turn with what came before as history. Ending with the assistant, each user
    message is a turn, and the assistant's reply its reference (general) or its answer (result_set).

    Raises:
        RowFault: an unknown role, an empty content, two messages of one role in a row, over 150 turns.
    """
    if isinstance(value, str):
        value = json_cell(value, column)
    if not isinstance(value, list) or not value:
        raise RowFault(column, 'must be a list of messages, such as [{"role": "user", "content": "..."}]')
    messages = [_message(item, f"{column}[{index}]") for index, item in enumerate(cast("list[Any]", value))]
    system = None
    offset = 0
    if messages[0].role == "system":
        content = messages[0].content
        if not isinstance(content, str):
            raise RowFault(f"{column}[0].content", "a system message must be text")
        system, messages, offset = content, messages[1:], 1
    _check_order(messages, column, offset)
    if messages[-1].role == "user":
        return Dialogue(
            system=system, history=tuple(messages[:-1]), turns=(Turn(input=messages[-1].content),), closed=False
        )
    if len(messages) > 2 * MAX_TURNS:
        raise RowFault(column, f"has {len(messages) // 2} turns, at most {MAX_TURNS} are possible")
    return Dialogue(system=system, history=(), turns=_turns(messages, column, offset, kind), closed=True)


def _message(item: object, where: str) -> Message:
    if not isinstance(item, dict):
        raise RowFault(where, "must be an object with role and content")
    fields = cast("dict[str, Any]", item)
    role = fields.get("role")
    if role not in ("system", "user", "assistant"):
        raise RowFault(f"{where}.role", f"is {role!r}, must be system, user or assistant")
    return Message(role=role, content=content_of(fields.get("content"), f"{where}.content"))


def _check_order(messages: list[Message], column: str, offset: int) -> None:
    if not messages:
        raise RowFault(column, "holds a system message only")
    expected = "user"
    for index, message in enumerate(messages, offset):
        if message.role != expected:
            raise RowFault(
                f"{column}[{index}].role",
                f"is {message.role}, must be {expected}: user and assistant take turns, the user begins",
            )
        expected = "assistant" if expected == "user" else "user"


def _turns(messages: list[Message], column: str, offset: int, kind: Kind) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for index in range(0, len(messages), 2):
        reply = messages[index + 1].content
        if not isinstance(reply, str):
            raise RowFault(f"{column}[{index + 1 + offset}].content", "must be text")
        asked = messages[index].content
        turns.append(
            Turn(input=asked, answer=reply) if kind == "result_set" else Turn(input=asked, references=(reply,))
        )
    return tuple(turns)
