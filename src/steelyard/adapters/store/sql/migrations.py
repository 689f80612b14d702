"""Brings a database to the schema of this version, in one transaction.

A plain numbered list is enough here: the schema has few tables, most changes only add fields inside `body` (which needs
no step at all), steps run forward only, and both databases can roll back DDL. A fresh or current database pays for one
look-up and imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, update

from steelyard.adapters.store.sql.tables import SCHEMA_VERSION, metadata, schema_version
from steelyard.domain.errors import ConflictError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from steelyard.adapters.store.sql.database import Database

    Step = Callable[[Connection], None]

STEPS: Mapping[int, Step] = {}
"""Version -> what turns the version before into it. A step spells out its own SQL: the tables module moves on."""


def prepare_schema(database: Database, steps: Mapping[int, Step] = STEPS, current: int = SCHEMA_VERSION) -> None:
    """Creates the tables of a fresh database, migrates an older one, leaves a current one alone.

    Several processes may do this at once. When a step fails, the database stays as it was.

    Raises:
        StorageError: the database is newer than this version, no step leads on from its version, or it holds tables
            of these names that Steelyard did not make.
    """
    if _is_current(database, current):
        return
    try:
        with database.write() as connection:
            _bring(connection, steps, current)
    except (ConflictError, StorageError):
        # Where the database lets two processes create at once, the one that comes second finds the work done.
        if not _is_current(database, current):
            raise


def _is_current(database: Database, current: int) -> bool:
    with database.read() as connection:
        return _stamp(connection) == current


def _bring(connection: Connection, steps: Mapping[int, Step], current: int) -> None:
    found = _stamp(connection)
    if found is None:
        _create(connection, current)
    elif found > current:
        raise StorageError(
            f"the database has schema version {found}, this Steelyard knows up to {current}",
            hint="use the newer Steelyard that wrote it, or another data directory",
            code="newer_database",
        )
    elif found < current:
        _migrate(connection, found, steps, current)


def _stamp(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    # The row is locked where the transaction itself does not already keep other migrations out.
    return connection.scalar(select(schema_version.c.version).with_for_update())


def _create(connection: Connection, current: int) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if taken:
        raise StorageError(
            f"the database has tables that Steelyard did not make: {', '.join(taken)}",
            hint="give Steelyard a database of its own",
            code="foreign_database",
        )
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(schema_version).values(version=current))


def _migrate(connection: Connection, found: int, steps: Mapping[int, Step], current: int) -> None:
    for version in range(found + 1, current + 1):
        step = steps.get(version)
        if step is None:
            raise StorageError(
                f"there is no way from schema version {version - 1} to {version}",
                hint="upgrade through an earlier Steelyard release",
                code="unknown_schema",
            )
        step(connection)
    connection.execute(update(schema_version).values(version=current))
