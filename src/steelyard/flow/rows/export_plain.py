"""All of a row, under the names that the rows' reader takes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steelyard.flow.rows.names import NAMES
from steelyard.flow.rows.records import RowFault

if TYPE_CHECKING:
    from steelyard.domain.row import Row, Turn
    from steelyard.flow.rows.names import Kind

FIELDS = (
    "id",
    "session_id",
    "group_id",
    "category",
    "system",
    "input",
    "messages",
    "reference",
    "prediction",
    "parameters",
)
"""The names that a record may hold beside the row's own columns, in a table's order."""


class Plain:
    """Writes rows one after another; a dialogue becomes one record a turn, which share a session of their own."""

    def __init__(self, kind: Kind) -> None:
        self._kind: Kind = kind
        self._sessions: set[str] = set()

    def records(self, row: Row) -> list[dict[str, Any] | list[Any]]:
        """Returns the row's records.

        Raises:
            RowFault: a column has a name that the record needs for itself.
        """
        session = self._session(row)
        count = len(row.turns)
        return [self._record(row, turn, session, _columns(row, index, count)) for index, turn in enumerate(row.turns)]

    def _session(self, row: Row) -> str | None:
        own = row.session_id
        if own is None and len(row.turns) == 1:
            return None
        if own is None or own in self._sessions:
            # Two dialogues that share a name (from two files of an archive) would be read as one that is torn.
            own = f"dialogue {row.id}"
        self._sessions.add(own)
        return own

    def _record(self, row: Row, turn: Turn, session: str | None, columns: dict[str, Any]) -> dict[str, Any]:
        held = {
            "id": row.id,
            "session_id": session,
            "group_id": row.group_id,
            "category": row.category,
            "system": row.system,
            "parameters": row.params or None,
        }
        record: dict[str, Any] = {name: value for name, value in held.items() if value is not None}
        if row.history or not isinstance(turn.input, str):
            history = [{"role": message.role, "content": message.content} for message in row.history]
            record["messages"] = [*history, {"role": "user", "content": turn.input}]
        else:
            record["input"] = turn.input
        references = list(turn.references)
        record["reference"] = None if not references else references[0] if len(references) == 1 else references
        if self._kind == "result_set":
            record["prediction"] = turn.answer
        return self._beside(record, columns)

    def _beside(self, record: dict[str, Any], columns: dict[str, Any]) -> dict[str, Any]:
        for name in columns:
            folded = name.strip().casefold()
            if folded in record:
                raise RowFault(name, "is the name of a column, and of a field of this shape")
            # A column named `answer` or `params` must not be taken for what the row does not have.
            for role, names in NAMES[self._kind].items():
                if folded in names and role not in record and role not in columns:
                    record[role] = None
        for name in columns:
            if record.get(name, name) is None:
                raise RowFault(name, "is the name of a column, and of a field of this shape")
        return {**record, **columns}


def _columns(row: Row, index: int, count: int) -> dict[str, Any]:
    """Returns the columns of one turn: of a list with one value a turn, its own."""
    found: dict[str, Any] = {}
    for name, value in row.columns.items():
        many = count > 1 and isinstance(value, list) and len(value) == count and any(item != value[0] for item in value)
        own = value[index] if many else value
        if own is not None:
            found[name] = own
    return found
