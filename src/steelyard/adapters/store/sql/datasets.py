"""Data sets, found by their own id or by their version's. The rows lie behind another door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select

from steelyard.adapters.store.sql.records import decode, encode, newest_first, read_page
from steelyard.adapters.store.sql.tables import datasets as table
from steelyard.domain.errors import NotFoundError
from steelyard.ports.repositories import DatasetRecord

if TYPE_CHECKING:
    from sqlalchemy import Row
    from sqlalchemy.sql import ColumnElement

    from steelyard.adapters.store.sql.database import Database
    from steelyard.ports.repositories import Page


class SqlDatasets:
    """`ports.repositories.Datasets` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: DatasetRecord) -> None:
        """Stores a new data set; several may share one version, as equal rows under two names do.

        Raises:
            ConflictError: its `dg-` id exists already.
        """
        with self._database.write(f"data set {record.id}") as connection:
            connection.execute(
                insert(table).values(
                    id=record.id,
                    workspace_id=record.workspace_id,
                    created_at=record.created_at,
                    created_by=record.created_by,
                    name=record.name,
                    version_id=record.version_id,
                    kind=record.kind,
                    content_hash=record.content_hash,
                    body=encode(record),
                )
            )

    def get(self, workspace_id: str, id_or_version: str) -> DatasetRecord:
        """Returns the data set of this `dg-` id, or the newest one with this `ds-` version.

        Raises:
            NotFoundError: this workspace has no such data set.
        """
        found = self._newest(workspace_id, or_(table.c.id == id_or_version, table.c.version_id == id_or_version))
        if found is None:
            raise _not_found(id_or_version)
        return found

    def find_by_content(
        self, workspace_id: str, kind: str, content_hash: str, name: str | None = None
    ) -> DatasetRecord | None:
        """Returns the newest data set of this kind with this content; with a name, the newest that is called so."""
        wanted = (table.c.kind == kind) & (table.c.content_hash == content_hash)
        return self._newest(workspace_id, wanted if name is None else wanted & (table.c.name == name))

    def version_is_used(self, version_id: str) -> bool:
        """Returns whether a data set of any workspace has this version."""
        with self._database.read() as connection:
            return (
                connection.execute(select(table.c.id).where(table.c.version_id == version_id).limit(1)).first()
                is not None
            )

    def delete(self, workspace_id: str, dataset_id: str) -> None:
        """Removes the record, not the rows.

        Raises:
            NotFoundError: this workspace has no data set of this `dg-` id.
        """
        mine = (table.c.id == dataset_id) & (table.c.workspace_id == workspace_id)
        with self._database.write() as connection:
            removed = connection.execute(delete(table).where(mine))
        if removed.rowcount == 0:
            raise _not_found(dataset_id)

    def list(self, workspace_id: str, *, limit: int = 50, cursor: str | None = None, kind: str = "") -> Page:
        """Returns one page, newest first; an empty kind means all.

        Raises:
            InputError: bad limit or cursor.
        """
        statement = select(table).where(table.c.workspace_id == workspace_id)
        if kind:
            statement = statement.where(table.c.kind == kind)
        with self._database.read() as connection:
            return read_page(connection, statement, table, _record, limit=limit, cursor=cursor)

    def _newest(self, workspace_id: str, condition: ColumnElement[bool]) -> DatasetRecord | None:
        statement = select(table).where(table.c.workspace_id == workspace_id, condition)
        with self._database.read() as connection:
            row = connection.execute(statement.order_by(*newest_first(table)).limit(1)).first()
        return None if row is None else _record(row)


def _record(row: Row[Any]) -> DatasetRecord:
    return decode(row.body, DatasetRecord, f"data set {row.id}")


def _not_found(dataset_id: str) -> NotFoundError:
    return NotFoundError("there is no such data set", where=dataset_id, code="dataset_not_found")
