"""Rows -> records as other platforms and our own reader take them. Pure: what becomes a line of which file is told elsewhere.

A question, its references and (in result sets) its answers are never changed or left behind: a row that a shape cannot
hold is refused. Vendors' shapes carry the vendors' fields alone; `plain` carries all of a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.domain.errors import InputError
from steelyard.flow.rows.export_plain import Plain
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.domain.row import Row, Turn
    from steelyard.flow.rows.names import Kind

Record = dict[str, Any] | list[Any]

SHAPES = (
    "plain",
    "qianfan-prompt-response",
    "qianfan-role",
    "qianfan-prompt",
    "qianfan-dpo",
    "qianfan-sorted",
    "ark",
    "openai-evals",
    "openai-item",
)
_WITH_ANSWERS = frozenset({"plain", "ark", "openai-item"})


def exporter(shape: str, kind: Kind) -> Callable[[Row], list[Record]]:
    """Returns what turns one row after another, in order, into records: one, or one a turn (plain and ark dialogues).

    It raises RowFault for a row that the shape cannot hold. Reading its records again gives rows with equal inputs,
    histories, system texts, references and answers.

    Args:
        shape: one of SHAPES.
        kind: general or result_set.

    Raises:
        InputError: there is no such shape, or it has no place for the answers of a result set.
    """
    if shape not in SHAPES:
        raise InputError(f"there is no shape '{shape}'", where="shape", hint="use " + ", ".join(SHAPES))
    if kind == "result_set" and shape not in _WITH_ANSWERS:
        raise InputError(
            f"'{shape}' has one place for a response, and a result set has answers and references",
            where="shape",
            hint="use " + ", ".join(name for name in SHAPES if name in _WITH_ANSWERS),
        )
    if shape == "ark":
        return lambda row: _ark(row, kind)
    if shape in ("plain", "openai-item"):
        plain = Plain(kind)
        return plain.records if shape == "plain" else lambda row: [{"item": _only(plain.records(row))}]
    return _GENERAL[shape]


def _prompt_response(row: Row) -> list[Record]:
    return [[{**turn, **_response(of)} for turn, of in zip(_turns(row, "prompt"), row.turns, strict=True)]]


def _response(turn: Turn) -> dict[str, Any]:
    if not turn.references:
        return {}
    return {"response": turn.references[0] if len(turn.references) == 1 else [list(turn.references)]}


def _role(row: Row) -> list[Record]:
    messages: list[dict[str, Any]] = []
    beside: dict[str, Any] = {}
    if row.system is not None:
        if row.system.isspace():
            beside["system"] = row.system
        else:
            messages.append({"role": "system", "content": row.system})
    messages += [{"role": message.role, "content": message.content} for message in row.history]
    if len(row.turns) == 1 and (row.history or len(row.turns[0].references) != 1):
        (turn,) = row.turns
        messages.append({"role": "user", "content": turn.input})
        if turn.references:
            beside["reference"] = turn.references[0] if len(turn.references) == 1 else list(turn.references)
    else:
        for number, turn in enumerate(row.turns, 1):
            messages.append({"role": "user", "content": turn.input})
            messages.append({"role": "assistant", "content": _one_reference(turn, number)})
    return [{"messages": messages, **beside}]


def _prompt(row: Row) -> list[Record]:
    turn = _single(row)
    _none(row.history, "history")
    _none(row.system, "system text")
    _none(turn.references, "reference")
    return [{"prompt": _text(turn)}]


def _dpo(row: Row) -> list[Record]:
    rejected = _of_turns(row, "rejected")
    return [
        [
            {**turn, "chosen": _one_reference(of, number), "rejected": rejected[number - 1]}
            for number, (turn, of) in enumerate(zip(_turns(row, "user"), row.turns, strict=True), 1)
        ]
    ]


def _sorted(row: Row) -> list[Record]:
    ranked, scores = _of_turns(row, "sorted_responses"), _of_turns(row, "score")
    turns = _turns(row, "prompt")
    for index, turn in enumerate(row.turns):
        best = ranked[index][0] if isinstance(ranked[index], list) and ranked[index] else None
        if best != list(turn.references):
            raise RowFault("sorted_responses", "does not begin with the row's references")
    return [[{**turn, "response": ranked[i], "score": scores[i]} for i, turn in enumerate(turns)]]


def _evals(row: Row) -> list[Record]:
    turn = _single(row)
    messages: list[dict[str, Any]] = [{"role": message.role, "content": message.content} for message in row.history]
    beside: dict[str, Any] = {}
    if row.system is not None:
        if row.system.isspace():
            beside["system"] = row.system
        else:
            messages.insert(0, {"role": "system", "content": row.system})
    messages.append({"role": "user", "content": turn.input})
    references = turn.references[0] if len(turn.references) == 1 else list(turn.references)
    return [{"input": messages, "ideal": references, **beside}]


def _ark(row: Row, kind: Kind) -> list[Record]:
    _none(row.history, "history")
    records: list[Record] = []
    for turn in row.turns:
        if len(turn.references) > 1:
            raise RowFault("reference", "holds several references, this shape has room for one")
        record: dict[str, Any] = {"session_id": row.position + 1, "system_prompt": row.system, "query": _text(turn)}
        record["reference_response"] = turn.references[0] if turn.references else None
        if kind == "result_set":
            record["response"] = turn.answer
        record["parameters"] = row.params or None
        records.append(record)
    return records


def _turns(row: Row, name: str) -> list[dict[str, Any]]:
    _none(row.history, "history")
    said = {} if row.system is None else {"system": row.system}
    return [{**(said if index == 0 else {}), name: _text(turn)} for index, turn in enumerate(row.turns)]


def _of_turns(row: Row, column: str) -> list[Any]:
    """Returns a column's value for each turn: its own list where it has one value a turn, else the same for all."""
    value = row.columns.get(column)
    if value is None:
        raise RowFault(column, "is missing: only rows that hold this column can be written in this shape")
    many = len(row.turns) > 1 and isinstance(value, list) and len(value) == len(row.turns)
    return list(value) if many else [value] * len(row.turns)


def _single(row: Row) -> Turn:
    if len(row.turns) != 1:
        raise RowFault("", f"has {len(row.turns)} turns, this shape has room for one")
    return row.turns[0]


def _text(turn: Turn) -> str:
    if not isinstance(turn.input, str):
        raise RowFault("input", "holds content parts (an image, say), this shape has room for text")
    return turn.input


def _one_reference(turn: Turn, number: int) -> str:
    if len(turn.references) != 1:
        what = "no reference" if not turn.references else "several references"
        raise RowFault("reference", f"turn {number} has {what}, this shape needs one")
    return turn.references[0]


def _none(value: object, what: str) -> None:
    if value:
        raise RowFault("", f"has a {what}, which this shape has no place for")


def _only(records: list[Record]) -> Record:
    if len(records) > 1:
        raise RowFault("", f"has {len(records)} turns, this shape has room for one")
    return records[0]


_GENERAL: dict[str, Callable[[Row], list[Record]]] = {
    "qianfan-prompt-response": _prompt_response,
    "qianfan-role": _role,
    "qianfan-prompt": _prompt,
    "qianfan-dpo": _dpo,
    "qianfan-sorted": _sorted,
    "openai-evals": _evals,
}
