"""XLSX and XLS: the first visible sheet that holds anything, its first such row as the header."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from steelyard.adapters.formats.table import header_of, plain, ragged
from steelyard.domain.errors import InputError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from python_calamine import CalamineSheet, CalamineWorkbook


UNPACKED_LIMIT = 2 * 1024 * 1024 * 1024
"""Bytes that a workbook may unpack to: a small file can claim any amount of memory."""


def read_spreadsheet(path: Path, file: str) -> Iterator[RawRecord | RowProblem]:
    """Yields one record a row with the sheet's row number; an empty cell is None, empty rows are skipped.

    The sheet is held in memory, as the format demands.

    Raises:
        InputError: the file is damaged, too large, protected by a password or empty, or its header is unusable.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    _check_unpacked(path, file)
    try:
        with CalamineWorkbook.from_path(path) as book:
            sheet = _first_sheet(book)
            rows = [] if sheet is None else list(sheet.iter_rows())
    except PasswordError:
        raise InputError(
            "the workbook is protected by a password", where=file, hint="save it without one", code="bad_file"
        ) from None
    except CalamineError as error:
        raise InputError(
            f"the workbook cannot be read: {error}",
            where=file,
            hint="save it again as .xlsx, or as .csv",
            code="bad_file",
        ) from None
    yield from _records(rows, file)


def _check_unpacked(path: Path, file: str) -> None:
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(part.file_size for part in packed.infolist())
    except zipfile.BadZipFile:
        return
    if size > UNPACKED_LIMIT:
        raise InputError("the workbook unpacks to over 2 GB", where=file, hint="save it as .csv", code="too_large")


def _first_sheet(book: CalamineWorkbook) -> CalamineSheet | None:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    for data in book.sheets_metadata:
        if data.typ is SheetTypeEnum.WorkSheet and data.visible is SheetVisibleEnum.Visible:
            sheet = book.get_sheet_by_name(data.name)
            if sheet.start is not None:
                return sheet
    return None


def _records(rows: list[list[Any]], file: str) -> Iterator[RawRecord | RowProblem]:
    header: list[str] = []
    for line, row in enumerate(rows, 1):
        cells = [_cell(value) for value in row]
        if not any(cell is not None for cell in cells):
            continue
        if not header:
            while cells[-1] is None:
                cells.pop()
            header = header_of(cells, f"{file}:{line}")
        elif any(cell is not None for cell in cells[len(header) :]):
            yield RowProblem(
                file, line, "", ragged(max(i for i, cell in enumerate(cells, 1) if cell is not None), len(header))
            )
        else:
            yield RawRecord(line, dict(zip(header, cells, strict=False)))


def _cell(value: object) -> Any:
    if isinstance(value, float) and value.is_integer():
        # A spreadsheet knows no integers: 3 is kept as 3.0.
        return int(value)
    return None if value == "" else plain(value)
