"""One original record -> question, options and answer, whichever of the usual layouts it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from steelyard.flow.rows.cells import text_of
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from steelyard.domain.preset import Fields

LETTERS = "ABCDEFGHIJ"
_OWN_LETTER = re.compile(r"\s*[(（]([A-J])[)）]\s*(?=\S)")
_MISSING = object()


class Found(Struct, frozen=True):
    """What a record holds; the answers of a choice question are one letter."""

    question: str
    choices: tuple[str, ...]
    answers: tuple[str, ...]
    passage: str = ""
    context: str = ""
    solution: str = ""


def fields_of(fields: Fields, record: dict[str, Any]) -> Found:
    """Returns what the record holds.

    Raises:
        RowFault: a field is missing, empty, or not what it should be.
    """
    choices, labels = _choices(fields, record)
    value = _needed(record, fields.answer)
    if choices:
        answers: tuple[str, ...] = (_letter(value, len(choices), fields.labels or labels, fields.answer),)
    else:
        answers = _texts(value, fields)
    return Found(
        question=_text(_needed(record, fields.question), fields.question),
        choices=choices,
        answers=answers,
        passage=_optional(record, fields.passage),
        context=_optional(record, fields.context),
        solution=_without(_optional(record, fields.solution), fields.drop_between),
    )


def _choices(fields: Fields, record: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the options' texts and what the data calls them ((): nothing)."""
    if fields.options or not fields.choices:
        return fields.options, ()
    place = fields.choices
    value = _needed(record, place)
    labels: tuple[str, ...] = ()
    if isinstance(value, dict):
        both = cast("dict[str, Any]", value)
        value, called = both.get("text"), both.get("label")
        labels = tuple(text_of(label) for label in cast("list[Any]", called)) if isinstance(called, list) else ()
    if not isinstance(value, list) or not 2 <= len(cast("list[Any]", value)) <= len(LETTERS):
        raise RowFault(place, f"must be a list of 2 to {len(LETTERS)} options")
    items = cast("list[Any]", value)
    if all(isinstance(item, dict) for item in items):
        labels = tuple(text_of(item.get("label")) for item in items)
        items = [item.get("text") for item in items]
    if labels and len(labels) != len(items):
        raise RowFault(place, f"has {len(items)} options and {len(labels)} labels")
    return _bare(tuple(_option(item, place) for item in items)), labels


def _bare(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the options without "(A)" before them, when all bear their own letter."""
    marks = [_OWN_LETTER.match(text) for text in texts]
    if all(mark and mark[1] == LETTERS[index] for index, mark in enumerate(marks)):
        return tuple(text[mark.end() :] for text, mark in zip(texts, marks, strict=True) if mark)
    return texts


def _letter(value: Any, count: int, labels: tuple[str, ...], place: str) -> str:
    """Returns the letter of the right option: by the data's label, else by letter, else by position from 0."""
    text = text_of(value).strip()
    if labels:
        at = labels.index(text) if text in labels else -1
    elif len(text) == 1 and text.upper() in LETTERS:
        at = LETTERS.index(text.upper())
    else:
        at = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else -1
    if not 0 <= at < count:
        raise RowFault(place, f"'{text[:20]}' names none of the {count} options")
    return LETTERS[at]


def _texts(value: Any, fields: Fields) -> tuple[str, ...]:
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    texts = [text_of(item).strip() for item in items if item is not None]
    if mark := fields.answer_after:
        if any(mark not in text for text in texts):
            raise RowFault(fields.answer, f"does not hold '{mark}'")
        texts = [text.rpartition(mark)[2].strip() for text in texts]
    found = tuple(dict.fromkeys(text for text in texts if text))
    if not found:
        raise RowFault(fields.answer, "is empty")
    return found


def _needed(record: dict[str, Any], places: str) -> Any:
    value = _at(record, places)
    if value is _MISSING or value is None:
        raise RowFault(places, "is missing")
    return value


def _optional(record: dict[str, Any], places: str) -> str:
    value = _at(record, places) if places else None
    return "" if value is _MISSING or value is None else text_of(value).strip()


def _at(record: dict[str, Any], places: str) -> Any:
    for place in places.split("|"):
        if "+" in place:
            if found := [record[column] for column in place.split("+") if column in record]:
                return found
            continue
        value: Any = record
        for step in place.split("."):
            value = cast("dict[str, Any]", value).get(step, _MISSING) if isinstance(value, dict) else _MISSING
        # A question may be an object in one layout and text in another: the path that ends in text is meant.
        if value is not _MISSING and value is not None and value != []:
            return value
    return _MISSING


def _text(value: Any, place: str) -> str:
    text = text_of(value).strip() if isinstance(value, (str, int, float)) else ""
    if not text:
        raise RowFault(place, "is empty, or no text")
    return text


def _option(value: Any, place: str) -> str:
    """Returns an option's text; a few benchmarks have options that say nothing, and these stay theirs."""
    if not isinstance(value, (str, int, float)):
        raise RowFault(place, "holds an option that is no text")
    return text_of(value).strip()


def _without(text: str, marks: tuple[str, ...]) -> str:
    if not marks:
        return text
    start, end = marks
    parts = text.split(start)
    return parts[0] + "".join(part.partition(end)[2] if end in part else start + part for part in parts[1:])
