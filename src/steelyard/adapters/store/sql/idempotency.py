"""Answers of creates that carried an Idempotency-Key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from steelyard.adapters.store.sql.moment import utc_now
from steelyard.adapters.store.sql.tables import idempotency as table
from steelyard.domain.errors import ConflictError

if TYPE_CHECKING:
    from steelyard.adapters.store.sql.database import Database


class SqlIdempotency:
    """`ports.repositories.Idempotency` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, workspace_id: str, key: str) -> tuple[str, bytes] | None:
        """Returns (hash of the request's body, stored response) or None."""
        statement = select(table.c.body_hash, table.c.response).where(
            table.c.workspace_id == workspace_id, table.c.key == key
        )
        with self._database.read() as connection:
            row = connection.execute(statement).first()
        return None if row is None else (row.body_hash, bytes(row.response))

    def put(self, workspace_id: str, key: str, body_hash: str, response: bytes) -> None:
        """Stores the response; the first one of a key stays, whatever comes later."""
        try:
            with self._database.write() as connection:
                connection.execute(
                    insert(table).values(
                        workspace_id=workspace_id,
                        key=key,
                        created_at=utc_now(),
                        created_by="",
                        body_hash=body_hash,
                        response=response,
                    )
                )
        except ConflictError:
            return
