"""The server's process: opens the installation, listens, ends in good order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from steelyard.adapters.executors.local import LocalExecutor
from steelyard.adapters.formats.read import read_records
from steelyard.adapters.identity.stored import StoredIdentity
from steelyard.api.app import create_app
from steelyard.api.dependencies import Services
from steelyard.api.native.uploads import remove_abandoned
from steelyard.cli.words import say
from steelyard.domain.errors import InputError
from steelyard.ports.identity import API_KEY
from steelyard.services.access import bootstrap
from steelyard.wiring import open_platform

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from steelyard.domain.report import Report
    from steelyard.flow.reports.words import Lang
    from steelyard.services.evaluations.platform import Platform
    from steelyard.settings import Settings

LAST_REQUESTS_S = 10
"""How long requests under way may take when the server ends."""


def serve_until_stopped(settings: Settings, host: str, port: int) -> int:
    """Serves until SIGTERM or SIGINT, then lets evaluations rest where they are; returns 0.

    Raises:
        InputError: the address cannot be listened on, or the executor is not available.
        StorageError: the data directory or the database cannot be used.
    """
    if settings.executor != "local":
        raise InputError(
            f"the executor '{settings.executor}' is not available on this installation",
            where="--executor",
            hint="use local",
            code="executor_unavailable",
        )
    _log_to_stderr()
    with _listening(host, port) as listener, open_platform(settings) as platform:
        _first_keys(platform, settings)
        import uvloop

        uvloop.run(_serve(platform, settings, listener))
    return 0


async def _serve(platform: Platform, settings: Settings, listener: socket.socket) -> None:
    executor = LocalExecutor(platform, logging.getLogger("steelyard.executor"))
    identity = StoredIdentity(platform.repositories.keys, platform.repositories.secrets)
    services = Services(
        platform, executor, identity, lambda path, name, file: read_records(path, name, file=file), _write_xlsx,
        settings.data_dir / "uploads", settings.lang,
    )  # fmt: skip
    remove_abandoned(services.upload_dir)
    config = uvicorn.Config(
        create_app(services), log_config=None, access_log=False, lifespan="off", ws="none", server_header=False,
        timeout_graceful_shutdown=LAST_REQUESTS_S,
    )  # fmt: skip
    server = _Server(config)

    def end() -> None:
        services.closing.set()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    await executor.start()
    try:
        print(say(settings.lang, "serving", url=_url(listener), dir=settings.data_dir), flush=True)
        await server.serve(sockets=[listener])
    finally:
        await executor.drain()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leaves signals to this module: streams must end before connections are waited for."""
        yield


@contextlib.contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        yield listener


def _cannot_listen(host: str, port: int, error: OSError) -> InputError:
    return InputError(
        f"cannot listen here: {error.strerror or error}",
        where=f"{host}:{port}",
        hint="free the port, or choose another with --port (0 takes any)",
        code="cannot_listen",
    )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _first_keys(platform: Platform, settings: Settings) -> None:
    made = bootstrap(
        platform.repositories, api_key=settings.root_api_key, access_key=settings.root_access_key,
        secret_key=settings.root_secret_key, generate=sys.stdin.isatty() and sys.stdout.isatty(),
    )  # fmt: skip
    given = {settings.root_api_key, settings.root_access_key}
    for key in made:
        if key.key not in given:
            kind, shown = ("API key", key.key) if key.kind == API_KEY else ("access key", f"{key.key} {key.secret}")
            print(say(settings.lang, "key_once", kind=kind, key=shown), flush=True)


def _write_xlsx(report: Report, path: Path, lang: Lang) -> None:
    from steelyard.adapters.formats.report_xlsx import write_report_xlsx

    write_report_xlsx(report, path, lang)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
