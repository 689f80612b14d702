"""Parquet, in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.adapters.formats.table import header_of, plain
from steelyard.domain.errors import InputError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BATCH_ROWS = 1000


def read_parquet(path: Path, file: str) -> Iterator[RawRecord | RowProblem]:
    """Yields one record a row, numbered from 1; nulls are None, nulls within structs are left out.

    Raises:
        InputError: the file is damaged, or two columns have one name.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    line = 0
    try:
        with ParquetFile(path) as table:
            names = header_of(table.schema_arrow.names, file)
            for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                columns: list[Any] = [batch.column(index) for index in range(len(names))]
                for index in range(batch.num_rows):
                    line += 1
                    yield _record(columns, names, index, line, file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"the Parquet file cannot be read: {str(error).splitlines()[0]}",
            where=file,
            hint="write it again",
            code="bad_file",
        ) from None


def _record(columns: list[Any], names: list[str], index: int, line: int, file: str) -> RawRecord | RowProblem:
    value: dict[str, Any] = {}
    for name, column in zip(names, columns, strict=True):
        try:
            value[name] = plain(column[index].as_py())
        except (ValueError, OverflowError):
            return RowProblem(file, line, name, "is no text in UTF-8, or out of range")
    return RawRecord(line, value)
