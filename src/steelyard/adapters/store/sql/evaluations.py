"""Evaluations: the whole record in `body`, with live state and counts in columns of their own, merged when read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update

from steelyard.adapters.store.sql.records import decode, encode, newest_first, read_page, readable
from steelyard.adapters.store.sql.tables import evaluations as table
from steelyard.domain.errors import NotFoundError, StorageError
from steelyard.domain.evaluation import Evaluation, State, UnitCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from sqlalchemy.sql import ColumnElement

    from steelyard.adapters.store.sql.database import Database
    from steelyard.ports.repositories import Page


class SqlEvaluations:
    """`ports.repositories.Evaluations` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, evaluation: Evaluation) -> None:
        """Stores a new evaluation.

        Raises:
            ConflictError: its id exists already.
        """
        with self._database.write(f"evaluation {evaluation.id}") as connection:
            connection.execute(insert(table).values(id=evaluation.id, **_columns(evaluation)))

    def get(self, workspace_id: str, evaluation_id: str) -> Evaluation:
        """Returns the evaluation.

        Raises:
            NotFoundError: this workspace has no evaluation of this id.
        """
        found = self._newest(workspace_id, table.c.id == evaluation_id)
        if found is None:
            raise _not_found(evaluation_id)
        return found

    def find_by_plan(self, workspace_id: str, plan_hash: str) -> Evaluation | None:
        """Returns the newest evaluation of this plan."""
        return self._newest(workspace_id, table.c.plan_hash == plan_hash)

    def find_by_name(self, workspace_id: str, name: str) -> Evaluation | None:
        """Returns the newest evaluation of exactly this name."""
        return self._newest(workspace_id, table.c.name == name)

    def save(self, evaluation: Evaluation) -> None:
        """Stores it whole, state and counts included.

        Raises:
            NotFoundError: its workspace has no evaluation of this id.
        """
        mine = (table.c.id == evaluation.id) & (table.c.workspace_id == evaluation.workspace_id)
        with self._database.write() as connection:
            changed = connection.execute(update(table).where(mine).values(**_columns(evaluation)))
        if changed.rowcount == 0:
            raise _not_found(evaluation.id)

    def progress(
        self, evaluation_id: str, state: State, unit_states: Sequence[State], counts: Sequence[UnitCounts]
    ) -> None:
        """Stores live state and counts only; an evaluation that was deleted meanwhile is no error."""
        with self._database.write() as connection:
            connection.execute(
                update(table)
                .where(table.c.id == evaluation_id)
                .values(state=state.value, unit_states=encode(list(unit_states)), counts=encode(list(counts)))
            )

    def delete(self, workspace_id: str, evaluation_id: str) -> None:
        """Removes the record, not its results.

        Raises:
            NotFoundError: this workspace has no evaluation of this id.
        """
        mine = (table.c.id == evaluation_id) & (table.c.workspace_id == workspace_id)
        with self._database.write() as connection:
            removed = connection.execute(delete(table).where(mine))
        if removed.rowcount == 0:
            raise _not_found(evaluation_id)

    def list(
        self,
        workspace_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        search: str = "",
        states: Sequence[State] = (),
    ) -> Page:
        """Returns one page; `search` is a part of name or id, in any case of ASCII letters; no states means all.

        Raises:
            InputError: bad limit or cursor.
        """
        statement = select(table).where(table.c.workspace_id == workspace_id)
        if search:
            statement = statement.where(
                or_(table.c.name.icontains(search, autoescape=True), table.c.id.icontains(search, autoescape=True))
            )
        if states:
            statement = statement.where(table.c.state.in_([state.value for state in states]))
        with self._database.read() as connection:
            return read_page(connection, statement, table, _evaluation, limit=limit, cursor=cursor)

    def in_states(self, states: Sequence[State]) -> list[Evaluation]:
        """Returns evaluations of all workspaces in these states, oldest first; what cannot be read is left out and logged."""
        wanted = table.c.state.in_([state.value for state in states])
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(wanted).order_by(table.c.created_at, table.c.id)).all()
        return readable(rows, _evaluation)

    def _newest(self, workspace_id: str, condition: ColumnElement[bool]) -> Evaluation | None:
        statement = select(table).where(table.c.workspace_id == workspace_id, condition)
        with self._database.read() as connection:
            row = connection.execute(statement.order_by(*newest_first(table)).limit(1)).first()
        return None if row is None else _evaluation(row)


def _columns(evaluation: Evaluation) -> dict[str, str]:
    return {
        "workspace_id": evaluation.workspace_id,
        "created_at": evaluation.created_at,
        "created_by": evaluation.created_by,
        "name": evaluation.name,
        "plan_hash": evaluation.plan_hash,
        "state": evaluation.state.value,
        "unit_states": encode(evaluation.unit_states),
        "counts": encode(evaluation.counts),
        "body": encode(evaluation),
    }


def _evaluation(row: Row[Any]) -> Evaluation:
    where = f"evaluation {row.id}"
    evaluation = decode(row.body, Evaluation, where)
    evaluation.state = decode(f'"{row.state}"', State, where)
    evaluation.unit_states = decode(row.unit_states, list[State], where)
    evaluation.counts = decode(row.counts, list[UnitCounts], where)
    if not len(evaluation.units) == len(evaluation.unit_states) == len(evaluation.counts):
        raise StorageError("a stored record cannot be read: its units and their states differ in number", where=where)
    return evaluation


def _not_found(evaluation_id: str) -> NotFoundError:
    return NotFoundError("there is no such evaluation", where=evaluation_id, code="evaluation_not_found")
