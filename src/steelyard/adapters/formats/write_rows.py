"""Rows out: a shape's records as JSON Lines, CSV, XLSX or Parquet, one row in memory at a time."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from steelyard.adapters.formats.write_files import FILE_TYPES, open_writer
from steelyard.domain.errors import InputError, RowsRefusedError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.export import exporter
from steelyard.flow.rows.export_plain import FIELDS
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from steelyard.domain.row import Row
    from steelyard.flow.rows.names import Kind

ARK_ROWS = 1000
ARK_FILES = 10
_SHOWN = 100
_ARK_FIELDS = ("session_id", "system_prompt", "query", "reference_response", "response", "parameters")
_TABLES: dict[str, tuple[str, ...]] = {
    "plain": ("csv", "xlsx", "parquet"),
    "qianfan-prompt": ("csv", "xlsx"),
    "ark": ("xlsx",),
}


class _Target(Struct, frozen=True):
    """Where records go."""

    out: Path
    type: str
    header: tuple[str, ...]
    rows_max: int
    """Records of one file, 0 for any number."""


def write_rows(rows: Iterable[Row], shape: str, kind: Kind, out: Path, *, columns: Sequence[str] = ()) -> list[Path]:
    """Writes the rows as one file, or as up to 10 of at most 1,000 records each (ark: a-1.jsonl, a-2.jsonl ...).

    Files appear whole or not at all; those of these names that were there are replaced.

    Args:
        rows: in order; what a shape cannot hold is refused, never left out or changed.
        shape: one of flow.rows.export.SHAPES.
        kind: general or result_set.
        out: its ending tells the file's type: .jsonl, and for some shapes .csv, .xlsx or .parquet.
        columns: the names of the rows' own columns, for the header of `plain` tables.

    Returns:
        The files, in order.

    Raises:
        RowsRefusedError: rows that the shape or the type cannot hold, each with its 1-based position as the line.
        InputError: the shape or its combination with the type or kind is unknown, or the file cannot be written.
    """
    type_name = _type(shape, out)
    records = exporter(shape, kind)
    target = _Target(out, type_name, _header(shape, kind, columns, type_name, out), ARK_ROWS if shape == "ark" else 0)
    written: list[Path] = []
    try:
        problems, refused = _write(rows, records, target, written)
        if refused:
            raise RowsRefusedError(
                f"{refused} rows cannot be written as {shape} in .{type_name}, the first: {problems[0].text()}",
                problems,
                refused,
                where=str(out),
                hint="choose another shape or file type: plain in .jsonl holds every row",
            )
        return [part.rename(name) for part, name in zip(written, _names(out, len(written)), strict=True)]
    except OSError as error:
        raise InputError(
            f"cannot write: {error.strerror}", where=str(out), hint="give a path that can be written"
        ) from error
    finally:
        for part in written:
            part.unlink(missing_ok=True)


def _write(
    rows: Iterable[Row], records: Callable[[Row], list[Any]], target: _Target, written: list[Path]
) -> tuple[list[RowProblem], int]:
    problems: list[RowProblem] = []
    refused = lines = 0
    with ExitStack() as files:
        writer = None
        for row in rows:
            try:
                if writer is None:
                    writer = _next(target, written, files)
                found = [writer.prepare(record) for record in records(row)]
            except RowFault as fault:
                refused += 1
                if len(problems) < _SHOWN:
                    problems.append(RowProblem(row.id, row.position + 1, fault.column, fault.reason))
                continue
            lines += len(found)
            if target.rows_max and lines > target.rows_max:
                files.close()
                writer, lines = _next(target, written, files), len(found)
            for record in found:
                writer.write(record)
        if writer is None:
            raise InputError("there are no rows to write", where=str(target.out), hint="choose a version with rows")
    return problems, refused


def _next(target: _Target, written: list[Path], files: ExitStack) -> Any:
    if target.rows_max and len(written) == ARK_FILES:
        raise InputError(
            f"the rows need over {ARK_FILES} files of {ARK_ROWS} rows",
            where=str(target.out),
            hint="export fewer rows, or as plain",
            code="too_large",
        )
    part = target.out.with_name(f".{target.out.name}.{len(written) + 1}.part")
    written.append(part)
    return files.enter_context(open_writer(part, target.type, target.header))


def _names(out: Path, count: int) -> Iterator[Path]:
    if count == 1:
        yield out
    else:
        yield from (out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(1, count + 1))


def _type(shape: str, out: Path) -> str:
    name = out.suffix[1:].lower()
    allowed = ("jsonl", *_TABLES.get(shape, ()))
    if name not in allowed or name not in FILE_TYPES:
        raise InputError(
            f"'{shape}' is not written as '.{name}'",
            where=str(out),
            hint="end the name with " + " or ".join(f".{known}" for known in allowed),
            code="unknown_format",
        )
    return name


def _header(shape: str, kind: Kind, columns: Sequence[str], type_name: str, out: Path) -> tuple[str, ...]:
    if type_name == "jsonl":
        return ()
    if shape == "qianfan-prompt":
        return ("prompt",)
    if shape == "ark":
        return tuple(name for name in _ARK_FIELDS if name != "response" or kind == "result_set")
    fields = tuple(name for name in FIELDS if name != "prediction" or kind == "result_set")
    taken = set(fields)
    for name in columns:
        if name != name.strip() or not name or name in taken:
            raise InputError(
                f"the column '{name}' cannot stand in a table's header",
                where=str(out),
                hint="write .jsonl",
                code="bad_header",
            )
        taken.add(name)
    return (*fields, *columns)
