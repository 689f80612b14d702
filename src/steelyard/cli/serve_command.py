"""`serve`: all HTTP faces and the executor in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8000,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option("--database-url", help="SQLite (default) or another database.")
    ] = None,
    storage_url: Annotated[str | None, typer.Option("--storage-url", help="Where files are kept.")] = None,
    executor: Annotated[str | None, typer.Option("--executor", help="local.")] = None,
) -> int:
    """Serve the HTTP faces; unfinished evaluations go on by themselves. SIGTERM drains."""
    from steelyard.cli.serve import serve_until_stopped
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir, database_url=database_url, storage_url=storage_url, executor=executor)
    return serve_until_stopped(settings, host, port)
