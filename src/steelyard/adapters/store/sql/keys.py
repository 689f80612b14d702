"""API keys (their hashes) and access keys (their secrets lie behind the secrets door)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from sqlalchemy import insert, select, update

from steelyard.adapters.store.sql.records import decode, encode, newest_first
from steelyard.adapters.store.sql.tables import keys as table
from steelyard.domain.errors import NotFoundError
from steelyard.ports.repositories import KeyRecord

if TYPE_CHECKING:
    from sqlalchemy import Row

    from steelyard.adapters.store.sql.database import Database


class SqlKeys:
    """`ports.repositories.Keys` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: KeyRecord) -> None:
        """Stores a new key.

        Raises:
            ConflictError: its id, or its kind and lookup (in any workspace), exist already.
        """
        with self._database.write(f"key {record.id}") as connection:
            connection.execute(
                insert(table).values(
                    id=record.id,
                    workspace_id=record.workspace_id,
                    created_at=record.created_at,
                    created_by=record.created_by,
                    kind=record.kind,
                    lookup=record.lookup,
                    revoked_at=record.revoked_at,
                    body=encode(record),
                )
            )

    def find(self, kind: str, lookup: str) -> KeyRecord | None:
        """Returns the key of any workspace, revoked or not, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.kind == kind, table.c.lookup == lookup)).first()
        return None if row is None else _record(row)

    def list(self, workspace_id: str) -> list[KeyRecord]:
        """Returns the workspace's keys, revoked ones too, newest first."""
        statement = select(table).where(table.c.workspace_id == workspace_id).order_by(*newest_first(table))
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(statement)]

    def revoke(self, workspace_id: str, key_id: str, at: str) -> None:
        """Marks the key as revoked; one that is revoked already keeps its time.

        Raises:
            NotFoundError: this workspace has no key of this id.
        """
        mine = (table.c.id == key_id) & (table.c.workspace_id == workspace_id)
        with self._database.write() as connection:
            changed = connection.execute(
                update(table).where(mine, table.c.revoked_at == "").values(revoked_at=at)
            ).rowcount
            known = changed or connection.execute(select(table.c.id).where(mine)).first()
        if not known:
            raise NotFoundError("there is no such key", where=key_id, code="key_not_found")


def _record(row: Row[Any]) -> KeyRecord:
    return replace(decode(row.body, KeyRecord, f"key {row.id}"), revoked_at=row.revoked_at)
