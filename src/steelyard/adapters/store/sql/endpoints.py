"""Endpoints, found by their own id or by the model version's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select

from steelyard.adapters.store.sql.records import decode, encode, newest_first, read_page
from steelyard.adapters.store.sql.tables import endpoints as table
from steelyard.domain.errors import NotFoundError
from steelyard.ports.repositories import EndpointRecord

if TYPE_CHECKING:
    from sqlalchemy import Row

    from steelyard.adapters.store.sql.database import Database
    from steelyard.ports.repositories import Page


class SqlEndpoints:
    """`ports.repositories.Endpoints` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: EndpointRecord) -> None:
        """Stores a new endpoint.

        Raises:
            ConflictError: its id exists already.
        """
        with self._database.write(f"endpoint {record.id}") as connection:
            connection.execute(
                insert(table).values(
                    id=record.id,
                    workspace_id=record.workspace_id,
                    created_at=record.created_at,
                    created_by=record.created_by,
                    name=record.name,
                    model_version_id=record.model_version_id,
                    body=encode(record),
                )
            )

    def get(self, workspace_id: str, id_or_model_version: str) -> EndpointRecord:
        """Returns the endpoint of this `ep-` id, or the newest one of this `amv-` id.

        Raises:
            NotFoundError: this workspace has no such endpoint.
        """
        matches = or_(table.c.id == id_or_model_version, table.c.model_version_id == id_or_model_version)
        statement = select(table).where(table.c.workspace_id == workspace_id, matches)
        with self._database.read() as connection:
            row = connection.execute(statement.order_by(*newest_first(table)).limit(1)).first()
        if row is None:
            raise _not_found(id_or_model_version)
        return _record(row)

    def delete(self, workspace_id: str, endpoint_id: str) -> None:
        """Removes the endpoint, not its secret.

        Raises:
            NotFoundError: this workspace has no endpoint of this id.
        """
        mine = (table.c.id == endpoint_id) & (table.c.workspace_id == workspace_id)
        with self._database.write() as connection:
            removed = connection.execute(delete(table).where(mine))
        if removed.rowcount == 0:
            raise _not_found(endpoint_id)

    def list(self, workspace_id: str, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Returns one page, newest first.

        Raises:
            InputError: bad limit or cursor.
        """
        statement = select(table).where(table.c.workspace_id == workspace_id)
        with self._database.read() as connection:
            return read_page(connection, statement, table, _record, limit=limit, cursor=cursor)


def _record(row: Row[Any]) -> EndpointRecord:
    return decode(row.body, EndpointRecord, f"endpoint {row.id}")


def _not_found(endpoint_id: str) -> NotFoundError:
    return NotFoundError("there is no such endpoint", where=endpoint_id, code="endpoint_not_found")
