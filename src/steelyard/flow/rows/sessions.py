"""Rows of one session are the turns of one dialogue: they stand together, and a dialogue with a lost turn is none.

Going on without the lost turn would give the model another conversation than the one in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from steelyard.domain.row import Row, RowProblem
from steelyard.flow.rows.messages import MAX_TURNS
from steelyard.flow.rows.records import RowFault
from steelyard.flow.rows.turns import merge_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")


class Sessions:
    """Collects the rows of the session that is open, and gives them back as one row when it ends.

    Holds at most 150 rows, and one number for each session of the file.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._id: str | None = None
        self._rows: list[Row] = []
        self._lines: list[int] = []
        self._fault = ""
        self._unreadable = 0
        self._seen: set[int] = set()

    @property
    def idle(self) -> bool:
        """No session is open, and none is in doubt."""
        return self._id is None and not self._unreadable

    def add(self, line: int, row: Row) -> Iterator[Row | RowProblem]:
        """Takes the next row; yields the dialogue that ended before it, and the row itself when it has no session."""
        if row.session_id is None:
            yield from self.close()
            yield row
            return
        yield from self._enter(row.session_id)
        self._lines.append(line)
        if len(self._lines) > MAX_TURNS:
            self._fault = self._fault or f"has more than {MAX_TURNS} turns"
            self._rows.clear()
        else:
            self._rows.append(row)

    def refuse(self, line: int, session_id: str | None) -> Iterator[Row | RowProblem]:
        """A row could not be used (its problem is told already): its session falls with it."""
        if session_id is None:
            yield from self.close()
            return
        yield from self._enter(session_id)
        self._fault = self._fault or f"line {line} of it cannot be used"

    def unreadable(self, line: int) -> None:
        """A line could not be read at all: it may have been a turn of the open session, or of the next one."""
        self._unreadable = line
        if self._id is not None:
            self._doubt(line)

    def close(self) -> Iterator[Row | RowProblem]:
        """Yields the open dialogue, or one problem for each of its rows."""
        rows, lines, fault, session = self._rows, self._lines, self._fault, self._id
        self._id, self._rows, self._lines, self._fault, self._unreadable = None, [], [], "", 0
        if session is None or not lines:
            return
        if not fault:
            try:
                yield rows[0] if len(rows) == 1 else _join(rows, lines)
                return
            except RowFault as found:
                fault = f"{found.column} {found.reason}".strip()
        for line in lines:
            yield RowProblem(
                self._file, line, "session_id", f"the dialogue of session '{session}' is left out: {fault}"
            )

    def _enter(self, session_id: str) -> Iterator[Row | RowProblem]:
        if session_id != self._id:
            doubt = self._unreadable
            yield from self.close()
            self._id = session_id
            if hash(session_id) in self._seen:
                self._fault = "its rows do not stand together"
            self._seen.add(hash(session_id))
            if doubt:
                self._doubt(doubt)
        self._unreadable = 0

    def _doubt(self, line: int) -> None:
        self._fault = self._fault or f"line {line} beside it cannot be read and may be one of its turns"


def _join(rows: Sequence[Row], lines: Sequence[int]) -> Row:
    for row, line in zip(rows, lines, strict=True):
        if len(row.turns) > 1 or row.history:
            raise RowFault("messages", f"line {line} of it holds a dialogue of its own")
    columns = [row.columns for row in rows]
    ids = {row.id for row in rows}
    if len(ids) > 1:
        columns = [{"id": row.id or None, **row.columns} for row in rows]
    first = rows[0]
    return structs.replace(
        first,
        id=ids.pop() if len(ids) == 1 else "",
        turns=tuple(row.turns[0] for row in rows),
        system=_agree("system", [row.system for row in rows], lines),
        category=_agree("category", [row.category for row in rows], lines),
        group_id=_agree("group_id", [row.group_id for row in rows], lines),
        params=_agree("parameters", [row.params or None for row in rows], lines) or {},
        columns=merge_columns(columns),
    )


def _agree(name: str, values: Sequence[T | None], lines: Sequence[int]) -> T | None:
    agreed: T | None = None
    for value, line in zip(values, lines, strict=True):
        if value is None:
            continue
        if agreed is not None and value != agreed:
            raise RowFault(name, f"differs in line {line}")
        agreed = value
    return agreed
