"""What SQLite needs to be told so that two processes may share a file and a power cut loses no commit.

Source: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous,
https://www.sqlite.org/lang_transaction.html (a deferred transaction that turns into a writer can fail at once, whatever
the busy timeout; an immediate one waits).
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import event

from steelyard.domain.errors import InputError, StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

_BUSY_TIMEOUT_MS = 5000


def prepare_file(url: URL) -> None:
    """Makes the folder that the database file goes into.

    Raises:
        InputError: the URL names no file (in-memory databases cannot be shared by threads and processes).
        StorageError: the folder cannot be made.
    """
    if url.database in (None, "", ":memory:") or (url.database or "").startswith("file:"):
        raise InputError(
            "a SQLite database needs a plain file",
            where=url.render_as_string(hide_password=True),
            hint="use sqlite:////absolute/path/steelyard.db",
            code="bad_database_url",
        )
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the data directory cannot be made: {error.strerror}",
            where=str(folder),
            hint="choose another with --data-dir or STEELYARD_DATA_DIR",
        ) from error


def prepare_sqlite(engine: Engine) -> None:
    """Sets the pragmas of every new connection, and begins writers' transactions with the lock in hand."""

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must begin nothing by itself: `begun` does.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("steelyard_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switches to the write-ahead log; the busy timeout does not cover two processes that switch at the same moment."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StorageError(
                "this file system does not support SQLite's write-ahead log",
                hint="put the data directory on a local disk, or use PostgreSQL",
            )
        return
