"""Where presets' data comes from on the network: the Hugging Face hub, ModelScope, or a plain address."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, urlsplit

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pyreqwest.client import SyncClient

    from steelyard.domain.preset import Preset

    Download = Callable[[str, IO[bytes]], bool]
    """Path and open file -> whether the source has it; the file holds all of it then."""

_HUBS = {"huggingface": "https://huggingface.co", "modelscope": "https://modelscope.cn"}
KINDS = (*_HUBS, "url")
_CONNECT = timedelta(seconds=15)
_SILENCE = timedelta(seconds=60)


def base_of(preset: Preset, kind: str = "", mirror: str = "") -> str:
    """Returns the address that the preset's paths are appended to, ending in a slash.

    Args:
        preset: whose data it is.
        kind: huggingface, modelscope or url; empty: the first that the preset names.
        mirror: instead of the hub's address (or of the whole address, for `url`).

    Raises:
        InputError: the preset does not name this kind, or the mirror is no http(s) address (`bad_source`).
    """
    source = preset.source
    given = {"huggingface": source.huggingface, "modelscope": source.modelscope, "url": source.url}
    kinds = [name for name in KINDS if given[name]]
    chosen = kind or (kinds[0] if kinds else "")
    if chosen not in kinds:
        raise InputError(
            f"the preset {preset.name} names no source '{chosen}'",
            where="--source",
            hint=f"use {' or '.join(kinds)}" if kinds else "bring the files with --from FOLDER",
            code="bad_source",
        )
    if mirror and not _is_address(mirror):
        raise InputError(
            f"'{mirror}' is no address", where="--mirror", hint="write https://hub.example", code="bad_source"
        )
    hub = given[chosen]
    if isinstance(hub, str) or hub is None:
        return (mirror or source.url).rstrip("/") + "/"
    return f"{(mirror or _HUBS[chosen]).rstrip('/')}/datasets/{hub.repo}/resolve/{quote(hub.revision, safe='')}/"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(text) & set(" ?#")
    except ValueError:
        return False


@contextmanager
def downloading(base: str, proxy: str = "", told: Callable[[str], None] = lambda _: None) -> Generator[Download]:
    """Opens the way to a source; the yielded function downloads one path below the base.

    Redirects are followed, no proxy is read from the environment. The function raises InputError
    `source_unreachable` when the connection fails or breaks, or the server has trouble, and `source_refused` when
    it asks for permission; a path that is not there (404) is no error.

    Args:
        base: the address, ending in a slash.
        proxy: the proxy's address; empty: none.
        told: is told each address before it is asked.
    """
    from pyreqwest.client import SyncClientBuilder
    from pyreqwest.exceptions import BuilderError, PyreqwestError
    from pyreqwest.proxy import ProxyBuilder

    builder = SyncClientBuilder().follow_redirects(enable=True).connect_timeout(_CONNECT).read_timeout(_SILENCE)
    try:
        client = (builder.proxy(ProxyBuilder.all(proxy)) if proxy else builder.no_proxy()).build()
    except (BuilderError, ValueError):
        hint = "write http://host:port"
        raise InputError("the proxy is no address", where="--proxy", hint=hint, code="bad_source") from None

    def download(path: str, stream: IO[bytes]) -> bool:
        address = base + quote(path)
        told(address)
        try:
            return _received(client, address, stream)
        except PyreqwestError as error:
            raise _unreachable(address, str(error.args[0] if error.args else error)) from None

    with client:
        yield download


def _received(client: SyncClient, address: str, stream: IO[bytes]) -> bool:
    with client.get(address).build_streamed() as response:
        if response.status == 404:
            return False
        if response.status in (401, 403):
            raise InputError(
                f"the source asks for permission (HTTP {response.status})",
                where=address,
                hint="accept its terms there, download the files yourself, and bring them with --from FOLDER",
                code="source_refused",
            )
        if response.status != 200:
            raise _unreachable(address, f"HTTP {response.status}")
        while chunk := response.body_reader.read_chunk():
            stream.write(chunk)
    return True


def _unreachable(address: str, what: str) -> InputError:
    return InputError(
        f"the source cannot be reached: {what}",
        where=address,
        hint="run it again (files that came are kept), name a --mirror or --proxy, or bring the files with --from FOLDER",
        code="source_unreachable",
    )
