"""The composition root: settings in, an opened platform out. Nothing else knows which adapter stands behind which door."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steelyard.adapters.providers.factory import Factory
from steelyard.adapters.store.results import FileResults
from steelyard.adapters.store.rows import FileRowStore
from steelyard.adapters.store.sql.repositories import open_repositories
from steelyard.domain.errors import InputError
from steelyard.services.evaluations.platform import Platform
from steelyard.services.governor import EndpointGovernors
from steelyard.settings import Settings, load_secret_key, read_env

if TYPE_CHECKING:
    from collections.abc import Generator


def utc_now() -> str:
    """Returns the present moment as RFC 3339 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def open_platform(settings: Settings, *, create: bool = True) -> Generator[Platform]:
    """Opens every door and closes them again.

    Args:
        settings: where everything is.
        create: make the data directory when there is none; reading commands do not.

    Raises:
        InputError: there is no data directory, and none is to be made.
        StorageError: the data directory or the database cannot be used.
    """
    if not create and not settings.data_dir.exists():
        raise InputError(
            "there is no data directory", where=str(settings.data_dir), hint="check --data-dir", code="no_data_dir"
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    repositories = open_repositories(settings.database_url, load_secret_key(settings))
    results = FileResults(settings.data_dir / "evaluations")
    try:
        yield Platform(
            FileRowStore(settings.data_dir / "datasets"), results, repositories,
            Factory(read_env, repositories.secrets.get), EndpointGovernors(), utc_now,
        )  # fmt: skip
    finally:
        results.close()
        repositories.close()
