"""Errors as RFC 9457 problem JSON: the native face's bodies, and those of paths that no face serves."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope

from steelyard.api.errors import status_of
from steelyard.domain.errors import RowsRefusedError, SteelyardError

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("steelyard.api")
_CODES = {401: "access_denied", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_UNION_MEMBERS = frozenset({"EndpointIn", "str", "dict[str,any]"})


class FieldError(BaseModel):
    """One field of a body, query or path that is wrong."""

    loc: list[str | int]
    msg: str


class RowRefusal(BaseModel):
    """One line of an uploaded file that cannot be used."""

    line: int
    column: str
    reason: str


class Problem(BaseModel):
    """What went wrong, for people (`detail`, `hint`) and for programs (`code`)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    where: str
    request_id: str
    errors: list[FieldError] | None = None
    """Of a body or query that does not have the right shape."""
    problems: list[RowRefusal] | None = None
    """Of a file with unusable rows: the first 100."""
    problem_count: int | None = None
    """All of them."""


class _ProblemResponse(JSONResponse):
    def render(self, content: Any) -> bytes:
        # What a problem is about may be a text that is no Unicode: half a surrogate pair becomes a question mark.
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def install_problems(app: FastAPI) -> None:
    """Makes the app answer every error with a problem."""
    app.add_exception_handler(SteelyardError, _on_own)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def request_id_of(scope: Scope) -> str:
    """Returns the request's id; empty before the first layer gave it one."""
    return cast("str", scope.get("state", {}).get("request_id", ""))


def problem_response(
    scope: Scope,
    status: int,
    code: str,
    detail: str,
    *,
    where: str = "",
    hint: str = "",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """Returns a problem as a response; `more` are further members that are set."""
    body: dict[str, Any] = {
        "type": f"urn:steelyard:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        "where": where,
        "request_id": request_id_of(scope),
        **more,
    }
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    return _ProblemResponse(body, status, headers, MEDIA_TYPE)


def problem_of(scope: Scope, error: SteelyardError) -> JSONResponse:
    """Returns one of our own errors as a problem."""
    more: dict[str, Any] = {}
    if isinstance(error, RowsRefusedError):
        rows = [RowRefusal(line=p.line, column=p.column, reason=p.reason) for p in error.problems]
        more = {"problems": [row.model_dump() for row in rows], "problem_count": error.count}
    return problem_response(
        scope, status_of(error), error.error_code, error.message, where=error.where, hint=error.hint, **more
    )


async def _on_own(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SteelyardError)
    response = problem_of(request.scope, error)
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request %s: %s", request_id_of(request.scope), error.line(), exc_info=error)
    return response


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = field_errors(cast("Sequence[dict[str, Any]]", error.errors()))
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem_response(
        request.scope, 422, "invalid_input", first["msg"], where=where, hint="mend what `errors` lists", errors=errors
    )


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = _CODES.get(status, "invalid_input" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal")
    hint = "the API's paths are listed in /api/v1/openapi.json" if status in {404, 405} else ""
    return problem_response(
        request.scope, status, code, error.detail, where=request.url.path, hint=hint, headers=dict(error.headers or {})
    )


def field_errors(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns what is wrong field by field, the likeliest first; never the value itself, which may be a credential."""
    # A field that may be of several kinds is reported once for each; the deepest report is of the kind that was meant.
    ordered = sorted(found, key=lambda one: (one["type"] == "extra_forbidden", len(one["loc"])), reverse=True)
    return [
        {"loc": [part for part in one["loc"] if part not in _UNION_MEMBERS], "msg": _message(one)} for one in ordered
    ]


def _message(one: dict[str, Any]) -> str:
    if one["type"] == "extra_forbidden":
        return f"unknown field '{one['loc'][-1]}'"
    if one["type"] == "missing":
        return f"'{one['loc'][-1]}' is missing"
    if one["type"] == "json_invalid":
        return f"the body is not JSON: {one.get('ctx', {}).get('error', 'it cannot be read')}"
    message = str(one["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
