"""The outermost layer of the server: request ids, the access log, the size of bodies, and whatever nobody expected."""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelyard.api.problems import problem_response

BODY_BYTES_MAX = 10 << 20
"""Of every body but an upload."""

_access = logging.getLogger("steelyard.access")
_log = logging.getLogger("steelyard.api")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


class RequestLayer:
    """Gives each request an id, writes one log line for it, and answers what else would be a bare 500.

    The log line names method and path, never query, headers or body: those may hold credentials.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection as ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._serve(scope, _bounded(headers, receive), send_with_id)
        except ClientDisconnect:
            status = status or 499
        except Exception:  # noqa: BLE001 - the client gets an answer whatever happens
            _log.exception("request %s failed", request_id)
            if status == 0:
                response = problem_response(
                    scope, 500, "internal", "something unexpected went wrong", hint="the server's log says what, under request_id"
                )  # fmt: skip
                await response(scope, receive, send_with_id)
        finally:
            elapsed_ms = round((perf_counter() - started) * 1000, 1)
            line = {
                "request_id": request_id,
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "elapsed_ms": elapsed_ms,
            }
            _access.info("%s", msgspec.json.encode(line).decode())

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "")
        if not _is_upload(Headers(scope=scope)) and length.isdecimal() and int(length) > BODY_BYTES_MAX:
            await problem_response(scope, 413, "too_large", _too_large(), hint=_HINT)(scope, receive, send)
            return
        await self._app(scope, receive, send)


_HINT = "send less; files go to /api/v1/datasets as multipart/form-data"


def _too_large() -> str:
    return f"the body is larger than {BODY_BYTES_MAX >> 20} MB"


def _is_upload(headers: Headers) -> bool:
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def _bounded(headers: Headers, receive: Receive) -> Receive:
    if _is_upload(headers):
        return receive
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_BYTES_MAX:
            raise HTTPException(413, _too_large())
        return message

    return bounded
