"""`POST /v2/eval?Action=...`: recognise the caller, read the body, act, wrap the result."""

from __future__ import annotations

import json
import logging
import uuid
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from steelyard.api.problems import request_id_of
from steelyard.api.qianfan.actions import find_action
from steelyard.api.qianfan.envelope import failure, success, unexpected
from steelyard.domain.errors import InputError, SteelyardError
from steelyard.services.evaluations.plan import check_plain

if TYPE_CHECKING:
    from steelyard.ports.executor import Executor
    from steelyard.ports.identity import Identity
    from steelyard.services.evaluations.platform import Platform

MAX_BODY_BYTES = 4 * 2**20

_log = logging.getLogger(__name__)


class QianfanServices(Protocol):
    """What this face works with."""

    @property
    def platform(self) -> Platform:
        """The doors, opened."""
        ...

    @property
    def executor(self) -> Executor:
        """Who carries tasks out."""
        ...

    @property
    def identity(self) -> Identity:
        """Who recognises callers."""
        ...


def build_router(services: QianfanServices) -> APIRouter:
    """Returns the routes of this face, to be mounted at the root: clients sign the path they know."""
    router = APIRouter()

    @router.post("/v2/eval", include_in_schema=False)
    async def eval_action(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the router calls it
        request_id = request_id_of(request.scope) or str(uuid.uuid4())
        try:
            body = await _read(request)
            return success(request_id, await run_in_threadpool(act, services, request, body))
        except SteelyardError as error:
            return failure(request_id, error)
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 - the vendor's clients understand nothing but the envelope
            _log.exception("requestId %s failed", request_id)
            return unexpected(request_id)

    return router


def act(services: QianfanServices, request: Request, body: bytes) -> object:
    """Returns the result of the action that the request asks for.

    Raises:
        AccessError: its signature is refused; nothing else is looked at before.
        SteelyardError: as the action says.
    """
    scope = request.scope
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    principal = services.identity.bce(scope["method"], scope["path"], query, dict(request.headers))
    action = find_action(next((value for name, value in query if name == "Action"), ""))
    return action(services.platform, services.executor, principal, _json(body))


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InputError(f"the body is larger than {MAX_BODY_BYTES} bytes", hint="send less", code="too_large")
    return bytes(body)


def _json(body: bytes) -> object:
    try:
        # Clients leave the body out when an action has no parameter.
        given = _decoded(body) if body else {}
    except (ValueError, RecursionError):
        raise InputError("the body is no JSON", hint="send one JSON object, UTF-8", code="bad_json") from None
    check_plain(given, where="")
    return given


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        # A number that no float holds: the looser reader takes it, so that its field can be named.
        return json.loads(body)
