"""All repositories over one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.adapters.store.sql.database import open_database
from steelyard.adapters.store.sql.datasets import SqlDatasets
from steelyard.adapters.store.sql.endpoints import SqlEndpoints
from steelyard.adapters.store.sql.evaluations import SqlEvaluations
from steelyard.adapters.store.sql.idempotency import SqlIdempotency
from steelyard.adapters.store.sql.keys import SqlKeys
from steelyard.adapters.store.sql.migrations import prepare_schema
from steelyard.adapters.store.sql.secrets import SqlSecrets

if TYPE_CHECKING:
    from steelyard.adapters.store.sql.database import Database
    from steelyard.ports.repositories import (
        Datasets,
        Endpoints,
        Evaluations,
        Idempotency,
        Keys,
        Secrets,
    )


class SqlRepositories:
    """`ports.repositories.Repositories` over SQL; safe for threads, each call is one transaction."""

    def __init__(self, database: Database, secret_key: bytes) -> None:
        self._database = database
        self.evaluations: Evaluations = SqlEvaluations(database)
        self.endpoints: Endpoints = SqlEndpoints(database)
        self.datasets: Datasets = SqlDatasets(database)
        self.keys: Keys = SqlKeys(database)
        self.secrets: Secrets = SqlSecrets(database, secret_key)
        self.idempotency: Idempotency = SqlIdempotency(database)

    def close(self) -> None:
        """Closes every connection."""
        self._database.close()


def open_repositories(database_url: str, secret_key: bytes) -> SqlRepositories:
    """Opens the database; makes it when it is not there, brings an older one up to date.

    Args:
        database_url: `sqlite:////path/steelyard.db` or `postgresql+psycopg://user:password@host/name`.
        secret_key: what stored credentials are encrypted with; not checked before one is read.

    Raises:
        InputError: the URL cannot be used.
        StorageError: the database cannot be reached, is newer than this version, or is not ours.
    """
    database = open_database(database_url)
    try:
        prepare_schema(database)
    except BaseException:
        database.close()
        raise
    return SqlRepositories(database, secret_key)
