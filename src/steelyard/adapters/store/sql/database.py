"""One connection pool, two doors: `read` and `write`. What the driver raises leaves here as our own errors."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from steelyard.adapters.store.sql.sqlite import prepare_file, prepare_sqlite
from steelyard.domain.errors import ConflictError, InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL


class Database:
    """A SQLite file or a PostgreSQL database; safe for threads, and for several processes on one machine."""

    def __init__(self, engine: Engine) -> None:
        sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._writer = engine.execution_options(steelyard_write=True)
        # SQLite has one writer: threads queue here in turn instead of polling the file's lock.
        self._turn = threading.Lock() if sqlite else nullcontext()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Yields a connection that sees one consistent state.

        Raises:
            StorageError: the database failed.
        """
        with _translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, what: str = "") -> Generator[Connection]:
        """Yields a connection in a transaction that commits at the end, or leaves no trace when the block raises.

        Args:
            what: what is written, such as "endpoint ep-…"; named when it is there already.

        Raises:
            ConflictError: an id or a unique value exists already.
            StorageError: the database failed, or another process held the lock for more than five seconds.
        """
        with _translated(what), self._turn, self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes every connection; a database used again opens new ones."""
        self._engine.dispose()


def open_database(database_url: str) -> Database:
    """Connects nothing yet; makes the folder of a SQLite file.

    Raises:
        InputError: the URL is malformed, names an unknown or missing driver, or an in-memory SQLite.
        StorageError: the folder cannot be made.
    """
    url = _parse(database_url)
    if url.get_backend_name() == "sqlite":
        prepare_file(url)
    try:
        # Statements are quoted in errors and logs; their values (ciphertexts, hashes, prompts) must not be.
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=url.get_backend_name() != "sqlite")
    except NoSuchModuleError as error:
        raise _bad_url(url, f"unknown database '{url.drivername}'") from error
    except ModuleNotFoundError as error:
        raise InputError(
            f"the driver '{error.name}' is not installed",
            where=url.render_as_string(hide_password=True),
            hint="install it beside Steelyard, such as `pip install 'psycopg[binary]'` for postgresql+psycopg://",
            code="missing_driver",
        ) from error
    if engine.dialect.name == "sqlite":
        prepare_sqlite(engine)
    return Database(engine)


def _parse(database_url: str) -> URL:
    try:
        return make_url(database_url)
    except (ArgumentError, ValueError) as error:
        # The text may hold a password, so it is not repeated.
        raise _bad_url(None, "the database URL cannot be read") from error


def _bad_url(url: URL | None, message: str) -> InputError:
    return InputError(
        message,
        where=url.render_as_string(hide_password=True) if url else "database URL",
        hint="use sqlite:////absolute/path/steelyard.db or postgresql+psycopg://user:password@host/name",
        code="bad_database_url",
    )


@contextmanager
def _translated(what: str = "") -> Generator[None]:
    try:
        yield
    except IntegrityError as error:
        raise ConflictError("it exists already", where=what, code="exists") from error
    except SQLAlchemyError as error:
        cause: Any = getattr(error, "orig", None) or error
        text = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise StorageError(f"the database failed: {text}", hint=_hint(text)) from error


def _hint(text: str) -> str:
    if "locked" in text:
        return "another process keeps the database busy; try again"
    if "full" in text:
        return "free some disk space; what was recorded before is safe"
    if "unable to open" in text or "readonly" in text:
        return "check that the data directory exists and may be written"
    return ""
