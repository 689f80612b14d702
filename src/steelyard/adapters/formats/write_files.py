"""One file of records, opened, filled line by line, and closed."""

from __future__ import annotations

import csv
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

FILE_TYPES = ("jsonl", "csv", "xlsx", "parquet")
_XLSX_CHARACTERS = 32_767
_XLSX_ROWS = 1_048_575
_XLSX_RISKY = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_BATCH = 1000
_encode = msgspec.json.Encoder().encode


class Writer(Protocol):
    """Takes records in two steps, so that a dialogue goes into one file whole or not at all."""

    def prepare(self, record: dict[str, Any] | list[Any]) -> Any:
        """Returns the record as the file will hold it; writes nothing.

        Raises:
            RowFault: this type of file cannot hold it.
        """
        ...

    def write(self, prepared: Any) -> None:
        """Writes what `prepare` returned."""
        ...


@contextmanager
def open_writer(path: Path, type_name: str, header: Sequence[str]) -> Generator[Writer]:
    """Opens a new file of one of FILE_TYPES; `header` names a table's columns. Raises OSError."""
    if type_name == "jsonl":
        with path.open("wb") as file:
            yield _Lines(file.write)
    elif type_name == "csv":
        with path.open("w", encoding="utf-8", newline="") as text:
            yield _Csv(text, header)
    elif type_name == "xlsx":
        import xlsxwriter
        from xlsxwriter.exceptions import FileCreateError

        # A path that cannot be written is told before the workbook opens files of its own.
        path.write_bytes(b"")
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        try:
            with xlsxwriter.Workbook(str(path), {**options, "strings_to_numbers": False}) as book:
                yield _Xlsx(book.add_worksheet(), header)
        except FileCreateError as error:
            raise error.args[0] from None
    else:
        with _open_parquet(path, header) as writer:
            yield writer


class _Lines:
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def prepare(self, record: dict[str, Any] | list[Any]) -> bytes:
        return _encode(record) + b"\n"

    def write(self, prepared: bytes) -> None:
        self._write(prepared)


class _Csv:
    def __init__(self, text: Any, header: Sequence[str]) -> None:
        self._writer = csv.writer(text)
        self._header = header
        self._writer.writerow(header)

    def prepare(self, record: dict[str, Any] | list[Any]) -> list[str]:
        cells = [text_cell(record, name) or "" for name in self._header]
        if any("\0" in cell for cell in cells):
            raise RowFault("", "holds a NUL character, which CSV cannot hold")
        return cells

    def write(self, prepared: list[str]) -> None:
        self._writer.writerow(prepared)


class _Xlsx:
    def __init__(self, sheet: Any, header: Sequence[str]) -> None:
        self._sheet = sheet
        self._header = header
        self._line = 0
        for column, name in enumerate(header):
            sheet.write_string(0, column, name)
        sheet.freeze_panes(1, 0)

    def prepare(self, record: dict[str, Any] | list[Any]) -> list[str | None]:
        cells = [text_cell(record, name) for name in self._header]
        for name, cell in zip(self._header, cells, strict=True):
            if cell is not None and len(cell.encode("utf-16-le")) > 2 * _XLSX_CHARACTERS:
                raise RowFault(name, f"is longer than a cell's {_XLSX_CHARACTERS} characters")
            if cell is not None and _XLSX_RISKY.search(cell):
                raise RowFault(name, "holds a control character or an _xHHHH_ sequence, which workbooks change")
        return cells

    def write(self, prepared: list[str | None]) -> None:
        self._line += 1
        if self._line > _XLSX_ROWS:
            from steelyard.domain.errors import InputError

            raise InputError(f"a sheet holds at most {_XLSX_ROWS} rows", hint="write .jsonl or .csv", code="too_large")
        for column, cell in enumerate(prepared):
            if cell is not None:
                self._sheet.write_string(self._line, column, cell)


def text_cell(record: dict[str, Any] | list[Any], name: str) -> str | None:
    """Returns a value as a cell of text: None for none, JSON for what is no text.

    Raises:
        RowFault: reading the cell again would give something else.
    """
    value = cast("dict[str, Any]", record).get(name)
    if value is None:
        return None
    if name in ("reference", "reference_response") and isinstance(value, list):
        raise RowFault(name, "holds several references, which a cell cannot tell from one")
    if not isinstance(value, str):
        return _encode(value).decode()
    if not value and name in ("prediction", "response"):
        raise RowFault(name, "is an empty answer, which a cell cannot tell from a missing one")
    return value


class _Parquet:
    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer = writer
        self._schema = schema
        self._batch: list[list[Any]] = []

    def prepare(self, record: dict[str, Any] | list[Any]) -> list[Any]:
        found = cast("dict[str, Any]", record)
        return [_parquet_cell(found.get(name), name) for name in self._schema.names]

    def write(self, prepared: list[Any]) -> None:
        self._batch.append(prepared)
        if len(self._batch) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Writes what is waiting."""
        import pyarrow as pa

        if not self._batch:
            return
        columns = zip(zip(*self._batch, strict=True), self._schema, strict=True)
        arrays = [pa.array(list(column), field.type) for column, field in columns]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._batch.clear()


def _parquet_cell(value: Any, name: str) -> Any:
    if name == "reference":
        return [value] if isinstance(value, str) else value
    return value if value is None or isinstance(value, str) else _encode(value).decode()


@contextmanager
def _open_parquet(path: Path, header: Sequence[str]) -> Generator[_Parquet]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    schema = pa.schema([(name, pa.list_(text) if name == "reference" else text) for name in header])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        found = _Parquet(writer, schema)
        yield found
        found.flush()
