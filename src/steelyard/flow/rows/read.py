"""The first station of the road: records of a file -> rows, in order, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from steelyard.domain.row import Row, RowProblem
from steelyard.flow.rows.identity import content_id
from steelyard.flow.rows.names import Planner
from steelyard.flow.rows.parse import Parser
from steelyard.flow.rows.records import RawRecord, RowFault
from steelyard.flow.rows.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from steelyard.flow.rows.names import Kind


def read_rows(
    records: Iterable[RawRecord | RowProblem], *, file: str, kind: Kind, mapping: Mapping[str, str] | None = None
) -> Iterator[Row | RowProblem]:
    """Yields each record's row, or why it cannot be one; problems that come in are passed on.

    `position` counts the rows that are yielded. `id` is the user's own, else a hash of the row's content: whether it is
    unique in the file is known only at the end, so the row store settles it.

    Args:
        records: decoded records with their lines.
        file: named in problems.
        kind: general (rows to be answered) or result_set (rows that hold answers).
        mapping: our name (input, messages, reference, prediction, system, session_id, group_id, category, id,
            parameters) -> the file's column.

    Raises:
        InputError: the kind or a mapped name is unknown (at once), or no row has a mapped column (at the end).
    """
    planner = Planner(kind, mapping or {})
    return _rows(records, file, planner, Parser(planner, kind))


def _rows(
    records: Iterable[RawRecord | RowProblem], file: str, planner: Planner, parser: Parser
) -> Iterator[Row | RowProblem]:
    sessions = Sessions(file)
    position = 0
    for found in _joined(records, file, parser, sessions):
        if isinstance(found, Row):
            yield structs.replace(found, id=found.id or content_id(found), position=position)
            position += 1
        else:
            yield found
    planner.check_mapping(file)


def _joined(
    records: Iterable[RawRecord | RowProblem], file: str, parser: Parser, sessions: Sessions
) -> Iterator[Row | RowProblem]:
    member, plain = "", False
    for record in records:
        # Records of a file of its own name none; what such a file's problems are called makes no difference then.
        plain = plain or (isinstance(record, RawRecord) and not record.file)
        if record.file not in ("", member) and not plain:
            # Another member of an archive: no dialogue goes on from one into the next.
            yield from sessions.close()
            sessions, member = Sessions(record.file if "!" in record.file else file), record.file
        if isinstance(record, RowProblem):
            yield record
            sessions.unreadable(record.line)
            continue
        try:
            row = parser.parse(record.value)
        except RowFault as fault:
            yield RowProblem(record.file or file, record.line, fault.column, fault.reason)
            yield from sessions.refuse(record.line, parser.session_of(record.value))
            continue
        if row.session_id is None and sessions.idle:
            yield row
        else:
            yield from sessions.add(record.line, row)
    yield from sessions.close()
