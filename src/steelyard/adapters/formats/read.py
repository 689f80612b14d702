"""The door of this package: a file's path in, raw records out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.adapters.formats.archives import ARCHIVES, archive_of, members_of
from steelyard.adapters.formats.vendor_records import from_vendors
from steelyard.domain.errors import InputError
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steelyard.domain.row import RowProblem

FORMATS = ("jsonl", "json", "csv", "tsv", "xlsx", "xls", "parquet")
_SUFFIXES = {**{f".{name}": name for name in FORMATS}, ".ndjson": "jsonl", ".pq": "parquet"}


def read_records(path: Path, format: str = "auto", *, file: str = "") -> Iterator[RawRecord | RowProblem]:  # noqa: A002 - the word people use
    """Streams a file's records in order, each with its line, and a problem for each line that cannot be decoded.

    Memory does not grow with the file, except for spreadsheets and JSON arrays. Of an archive (.zip, .tar.gz, .tgz,
    .gz) one member at a time lies unpacked in the system's temporary folder; records and problems name their member.

    Args:
        path: the file.
        format: jsonl, json, csv, tsv, xlsx, xls, parquet, or auto: by the name's ending. Of an archive, its
            members' format; zip, tar.gz and gz say that the file is one, whatever its name.
        file: the name for messages and for `auto`, where it is not the path's (uploads).

    Raises:
        InputError: at once when the file or the format is not there; while reading, when the file is empty, its
            header is unusable, or it breaks in a way that makes the rest unreadable.
    """
    name = file or str(path)
    archive = format if format in ARCHIVES else archive_of(name)
    if not archive:
        return from_vendors(_never_empty(_open(path, _format(format, name), name), name))
    if format not in (*FORMATS, *ARCHIVES, "auto"):
        _format(format, name)
    _check_there(path, name)
    return from_vendors(_members(path, archive, name, "auto" if format in ARCHIVES else format))


def _members(path: Path, archive: str, name: str, format: str) -> Iterator[RawRecord | RowProblem]:  # noqa: A002
    for member in members_of(path, archive, name):
        told = member.name[: -len(".gz")] if archive == "gz" and member.name.lower().endswith(".gz") else member.name
        found = _never_empty(_open(member.path, _format(format, told), member.name), member.name)
        try:
            for record in found:
                yield RawRecord(record.line, record.value, member.name) if isinstance(record, RawRecord) else record
        except InputError as error:
            error.where = error.where.replace(str(member.path), member.name)
            raise


def _format(wanted: str, name: str) -> str:
    if wanted in FORMATS:
        return wanted
    known = ", ".join(FORMATS)
    if wanted != "auto":
        raise InputError(f"unknown format '{wanted}'", where=name, hint=f"use auto, {known}", code="unknown_format")
    found = next((known_as for suffix, known_as in _SUFFIXES.items() if name.lower().endswith(suffix)), "")
    if not found:
        raise InputError(
            "the file's name does not tell its format",
            where=name,
            hint=f"name the format: {known}",
            code="unknown_format",
        )
    return found


def _open(path: Path, format: str, name: str) -> Iterator[RawRecord | RowProblem]:  # noqa: A002
    _check_there(path, name)
    if format in ("jsonl", "json"):
        from steelyard.adapters.formats.json_array import read_json
        from steelyard.adapters.formats.jsonl import read_jsonl

        return read_json(path, name) if format == "json" else read_jsonl(path, name)
    if format in ("csv", "tsv"):
        from steelyard.adapters.formats.delimited import read_delimited

        return read_delimited(path, name, "," if format == "csv" else "\t")
    if format == "parquet":
        from steelyard.adapters.formats.parquet import read_parquet

        return read_parquet(path, name)
    from steelyard.adapters.formats.spreadsheet import read_spreadsheet

    return read_spreadsheet(path, name)


def _check_there(path: Path, name: str) -> None:
    if path.is_dir():
        raise InputError("this is a folder", where=name, hint="name one file in it", code="not_a_file")
    try:
        with path.open("rb") as found:
            if not found.read(1):
                raise _empty(name)
    except FileNotFoundError:
        raise InputError("there is no such file", where=name, hint="check the path", code="no_such_file") from None
    except OSError as error:
        raise InputError(
            f"the file cannot be opened: {error.strerror}", where=name, hint="check its permissions", code="not_a_file"
        ) from None


def _never_empty(records: Iterator[RawRecord | RowProblem], name: str) -> Iterator[RawRecord | RowProblem]:
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise _empty(name)


def _empty(name: str) -> InputError:
    return InputError("the file holds no rows", where=name, hint="add rows, and a header for tables", code="empty_file")
