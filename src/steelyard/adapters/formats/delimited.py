"""CSV and TSV, cells over several lines included."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from steelyard.adapters.formats.table import header_of, ragged
from steelyard.adapters.formats.text import LINE_LIMIT, encoding_of, lines_of
from steelyard.domain.errors import InputError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_delimited(path: Path, file: str, delimiter: str) -> Iterator[RawRecord | RowProblem]:
    """Yields one record a row with the line it begins on; an empty cell is None, empty lines are skipped.

    Raises:
        InputError: the header is unusable, or a quote is never closed (all that follows would be one cell).
    """
    # The limit is the interpreter's own; nothing else here reads CSV with a smaller one.
    csv.field_size_limit(LINE_LIMIT)
    header: list[str] | None = None
    for line, cells, fault in _rows(path, file, delimiter):
        if header is None:
            if fault:
                raise InputError(fault, where=f"{file}:{line}", hint="mend the header", code="bad_header")
            header = _header(cells, f"{file}:{line}", delimiter)
        elif fault:
            yield RowProblem(file, line, "", fault)
        elif len(cells) != len(header):
            yield RowProblem(file, line, "", ragged(len(cells), len(header)))
        elif any(cells):
            yield RawRecord(line, {name: cell or None for name, cell in zip(header, cells, strict=True)})


def _rows(path: Path, file: str, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Yields each row's first line, its cells, and why they cannot be used."""
    faults: dict[int, str] = {}
    reader = csv.reader(_texts(path, faults), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        cells: list[str] = []
        fault = ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = _fault(str(error), f"{file}:{line}")
        if faults:
            fault = next(iter(faults.values()))
            faults.clear()
        if cells or fault:
            yield line, cells, fault


def _fault(what: str, where: str) -> str:
    if "unexpected end of data" in what or "field larger than" in what:
        hint = 'close the quote; a quote within a cell is written ""'
        raise InputError("a quoted cell is never closed", where=where, hint=hint, code="bad_file")
    if "new-line character" in what:
        return "holds a carriage return outside quotes: save the file with line feeds"
    return f"broken quoting: {what}"


def _texts(path: Path, faults: dict[int, str]) -> Iterator[str]:
    for line in lines_of(path, encoding_of(path)):
        if line.fault:
            faults[line.number] = line.fault
            # Quotes and commas are the same byte in every encoding here: the row's shape survives.
            yield line.data.decode("ascii", "replace") if line.data else "\n"
        else:
            if b"\0" in line.data:
                faults[line.number] = "holds a NUL byte: the file is damaged, or UTF-16 without a byte order mark"
            yield line.data.decode()


def _header(cells: list[str], where: str, delimiter: str) -> list[str]:
    header = header_of(cells, where)
    if len(header) == 1:
        for other in ("\t", ";", ","):
            if other != delimiter and other in header[0]:
                name = "tab" if other == "\t" else other
                raise InputError(
                    f"the header is one column, '{header[0]}'",
                    where=where,
                    hint=f"the cells seem to be separated by '{name}': use commas in .csv, tabs in .tsv",
                    code="bad_header",
                )
    return header
