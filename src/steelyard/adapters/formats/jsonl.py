"""JSON Lines: one value a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from steelyard.adapters.formats.text import encoding_of, lines_of
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_decode = msgspec.json.Decoder().decode


def read_jsonl(path: Path, file: str) -> Iterator[RawRecord | RowProblem]:
    """Yields one record a line; empty lines are skipped but counted."""
    for line in lines_of(path, encoding_of(path)):
        if line.fault:
            yield RowProblem(file, line.number, "", line.fault)
            continue
        try:
            value = _decode(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if not line.data.isspace():
                yield RowProblem(file, line.number, "", fault_of(line.data.rstrip(b"\r\n")))
            continue
        if isinstance(value, (dict, list)):
            yield RawRecord(line.number, value)
        else:
            yield RowProblem(file, line.number, "", not_a_row(value))


def not_a_row(value: object) -> str:
    """Returns why a JSON value that is neither object nor array is no row."""
    kind = (
        "null"
        if value is None
        else "text"
        if isinstance(value, str)
        else "true or false"
        if isinstance(value, bool)
        else "a number"
    )
    return f"must be a JSON object or an array of turns, not {kind}"


def fault_of(data: bytes) -> str:
    """Returns where and why JSON text that cannot be decoded is broken, in terms of its characters."""
    nul = data.find(b"\0")
    if nul >= 0:
        return (
            f"holds a NUL byte (column {_column(data, nul)}): the file is damaged, or UTF-16 without a byte order mark"
        )
    what = ""
    try:
        _decode(data)
    except RecursionError:
        return "the JSON is nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = str(error).removeprefix("JSON is malformed: ")
    what, _, byte = what.partition(" (byte ")
    if byte:
        # Of text after the value, the decoder names the byte after its first.
        place = int(byte.rstrip(")")) - (what == "trailing characters")
        return f"broken JSON at column {_column(data, place)}: {what}"
    if what.startswith("Number out of range"):
        return "broken JSON: a number is too large"
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return f"broken JSON: the line is cut off after column {_column(data, len(data)) - 1}"
    return "broken JSON: a \\u escape is half of a surrogate pair"


def _column(data: bytes, byte: int) -> int:
    return len(data[:byte].decode("utf-8", "replace")) + 1
