"""One record -> one row. Pure but for what the planner remembers of the file's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from steelyard.domain.row import Row, Turn
from steelyard.flow.rows.cells import answer_of, content_of, id_of, json_cell, label_of, parameters_of, references_of
from steelyard.flow.rows.messages import Dialogue, dialogue_of
from steelyard.flow.rows.records import RowFault
from steelyard.flow.rows.turns import turns_of

if TYPE_CHECKING:
    from steelyard.flow.rows.names import Kind, Plan, Planner


class Parser:
    """Turns the records of one file into rows.

    A row comes back with the user's id or "", and with position 0: both are settled by the reader.
    """

    def __init__(self, planner: Planner, kind: Kind) -> None:
        self._planner = planner
        self._kind: Kind = kind

    def parse(self, value: dict[str, Any] | list[Any]) -> Row:
        """Returns the row.

        Raises:
            RowFault: the record cannot be used.
        """
        if isinstance(value, list):
            found = turns_of(value, self._planner, self._kind)
            return Row(
                id="", position=0, turns=found.turns, system=found.system, history=found.history, columns=found.columns
            )
        plan = self._planner.plan(tuple(value))
        columns = {key: value[key] for key in plan.columns if value[key] is not None}
        if (messages := self._messages(value, plan)) is not None:
            if value.get(plan.input) is not None and plan.input != plan.messages:
                columns[plan.input] = value[plan.input]
            if value.get(plan.predictions) is not None:
                messages = _with_predictions(messages, value[plan.predictions], plan.predictions)
            dialogue = _with_row_level(messages, value, plan)
            return structs.replace(
                _row(value, plan, dialogue.turns, columns), system=dialogue.system, history=dialogue.history
            )
        return _row(value, plan, (self._single(value, plan),), columns)

    def session_of(self, value: dict[str, Any] | list[Any]) -> str | None:
        """Returns the session of a record that could not be parsed, None where it has none or it cannot be told."""
        if isinstance(value, list):
            return None
        try:
            plan = self._planner.plan(tuple(value))
            return label_of(value.get(plan.session_id), plan.session_id)
        except RowFault:
            return None

    def _messages(self, value: dict[str, Any], plan: Plan) -> Dialogue | None:
        if plan.messages and value[plan.messages] is not None:
            return dialogue_of(value[plan.messages], plan.messages, self._kind)
        asked = value.get(plan.input)
        if isinstance(asked, list) and asked and isinstance(asked[0], dict) and "role" in asked[0]:
            return dialogue_of(asked, plan.input, self._kind)
        return None

    def _single(self, value: dict[str, Any], plan: Plan) -> Turn:
        asked = value.get(plan.input)
        references = references_of(value.get(plan.reference))
        if self._kind == "general":
            if not plan.input:
                raise RowFault("input", _no_input(value))
            return Turn(input=content_of(asked, plan.input or "input"), references=references)
        answer = answer_of(value.get(plan.prediction), plan.prediction)
        if asked is None or asked == "":
            if answer is None and not references:
                raise RowFault("prediction", "the row has neither an input nor a prediction")
            asked = ""
        else:
            asked = content_of(asked, plan.input)
        return Turn(input=asked, references=references, answer=answer)


def _no_input(value: dict[str, Any]) -> str:
    """Returns why there is nothing to ask: with the columns there are, for a person to name the one that was meant."""
    if not value:
        return "is missing"
    there = ", ".join(key[:40] for key in list(value)[:8])
    return f"is missing: no column is called input, prompt, query or question; name the one that is with mapping input=COLUMN (there are {there})"


def _row(value: dict[str, Any], plan: Plan, turns: tuple[Turn, ...], columns: dict[str, Any]) -> Row:
    return Row(
        id=id_of(value[plan.id], plan.id) if plan.id else "",
        position=0,
        turns=turns,
        system=label_of(value[plan.system], plan.system) if plan.system else None,
        category=label_of(value[plan.category], plan.category) if plan.category else None,
        group_id=label_of(value[plan.group_id], plan.group_id) if plan.group_id else None,
        session_id=label_of(value[plan.session_id], plan.session_id) if plan.session_id else None,
        params=parameters_of(value[plan.parameters], plan.parameters) if plan.parameters else {},
        columns=columns,
    )


def _with_predictions(found: Dialogue, value: object, column: str) -> Dialogue:
    """Takes the assistant's messages as references, and the list beside them as the answers, one a turn."""
    if isinstance(value, str):
        value = json_cell(value, column)
    if not found.closed:
        raise RowFault(column, "stands beside messages that end with the user: use prediction for a single answer")
    if not isinstance(value, list) or len(value) != len(found.turns):
        raise RowFault(column, f"must be a list of {len(found.turns)} answers, one for each assistant message")
    turns = tuple(
        Turn(input=turn.input, references=(turn.answer or "",), answer=answer_of(answer, f"{column}[{index}]"))
        for index, (turn, answer) in enumerate(zip(found.turns, value, strict=True))
    )
    return structs.replace(found, turns=turns)


def _with_row_level(found: Dialogue, value: dict[str, Any], plan: Plan) -> Dialogue:
    """Joins what stands beside the messages: system text, reference and prediction of the last turn."""
    system = label_of(value.get(plan.system), plan.system)
    if system is not None and found.system is not None and system != found.system:
        raise RowFault(plan.system, "differs from the system message")
    references = references_of(value.get(plan.reference))
    answer = answer_of(value.get(plan.prediction), plan.prediction)
    last = found.turns[-1]
    if references and last.references:
        raise RowFault(plan.reference, "the last assistant message is the reference already: leave one of them out")
    if answer is not None and last.answer is not None:
        raise RowFault(plan.prediction, "the last assistant message is the prediction already: leave one of them out")
    last = Turn(
        input=last.input, references=references or last.references, answer=last.answer if answer is None else answer
    )
    return structs.replace(found, system=found.system or system, turns=(*found.turns[:-1], last))
