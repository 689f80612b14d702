"""One JSON document that is an array of rows. Read whole, so it must be small; larger files belong in JSON Lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from steelyard.adapters.formats.jsonl import fault_of, not_a_row, read_jsonl
from steelyard.adapters.formats.text import encoding_of, lines_of
from steelyard.domain.errors import InputError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE_LIMIT = 64 * 1024 * 1024
_HINT = "write one row a line and name the file .jsonl"


def read_json(path: Path, file: str) -> Iterator[RawRecord | RowProblem]:
    """Yields the elements of an array with the lines they begin on; JSON Lines under this name are read as such.

    Raises:
        InputError: the document is no array, is over 64 MB, or breaks (what follows the break cannot be told apart).
    """
    if _is_jsonl(path):
        yield from read_jsonl(path, file)
        return
    if path.stat().st_size > SIZE_LIMIT:
        raise InputError("a JSON array over 64 MB is not read", where=file, hint=_HINT, code="too_large")
    yield from _elements(_text(path, file), file)


def _is_jsonl(path: Path) -> bool:
    """The first line with text is a value of its own, and is an object or not the only such line."""
    first: object = None
    for line in lines_of(path, encoding_of(path)):
        if line.data.isspace():
            continue
        if first is not None:
            return True
        try:
            first = msgspec.json.decode(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if not isinstance(first, list):
            return True
    return False


def _text(path: Path, file: str) -> str:
    parts: list[str] = []
    for line in lines_of(path, encoding_of(path)):
        if line.fault:
            raise InputError(
                line.fault, where=f"{file}:{line.number}", hint="save the file as UTF-8", code="unknown_encoding"
            )
        parts.append(line.data.decode())
    return "".join(parts)


def _elements(text: str, file: str) -> Iterator[RawRecord | RowProblem]:
    position = _skip(text, 0)
    if not text.startswith("[", position):
        raise InputError("the JSON document is not an array of rows", where=file, hint=_HINT, code="bad_file")
    scan = json.JSONDecoder().raw_decode
    position = _skip(text, position + 1)
    line, counted = 1, 0
    while not text.startswith("]", position):
        line += text.count("\n", counted, position)
        counted = position
        try:
            _, end = scan(text, position)
        except json.JSONDecodeError as error:
            raise _broken(file, error.lineno, error.colno, error.msg) from None
        except RecursionError:
            raise _broken(file, line, 1, "nested too deeply") from None
        yield _record(text[position:end].encode("utf-8"), line, file)
        position = _skip(text, end)
        if text.startswith(",", position):
            position = _skip(text, position + 1)
        elif not text.startswith("]", position):
            raise _broken(file, *_place(text, position), "expected ',' or ']'")
    after = _skip(text, position + 1)
    if after < len(text):
        raise _broken(file, *_place(text, after), "text follows the array")


def _record(data: bytes, line: int, file: str) -> RawRecord | RowProblem:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return RowProblem(file, line, "", fault_of(data))
    if isinstance(value, (dict, list)):
        return RawRecord(line, value)
    return RowProblem(file, line, "", not_a_row(value))


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _place(text: str, position: int) -> tuple[int, int]:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _broken(file: str, line: int, column: int, what: str) -> InputError:
    return InputError(
        f"broken JSON at column {column}: {what}",
        where=f"{file}:{line}",
        hint="mend the file, or " + _HINT,
        code="bad_file",
    )
