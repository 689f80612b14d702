"""The envelope of every answer: {requestId, result}, or {requestId, code, message} with an HTTP status of 400 or more.

The vendor's clients take any body with status 200 for a success, whatever it says.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Response

from steelyard.api.errors import status_of
from steelyard.domain.errors import AccessError, ConflictError, InputError, NotFoundError, SteelyardError

INTERNAL = "InternalError"

_BY_KIND: dict[type[SteelyardError], str] = {
    AccessError: "AccessDenied",
    NotFoundError: "EvalTaskNotFound",
    ConflictError: "EvalTaskConflict",
    InputError: "InvalidRequestArgumentError",
}
_BY_CODE = {
    "SignatureDoesNotMatch": "SignatureDoesNotMatch",
    "expired": "RequestExpired",
    "not_yet_valid": "RequestExpired",
    "evaluation_running": "EvalTaskRunning",
    "evaluation_locked": "EvalTaskRunning",
    "not_ended": "EvalTaskNotFinished",
    "bad_json": "InappropriateJSON",
}


def success(request_id: str, result: Any) -> Response:
    """Returns 200 with the result."""
    return _response(200, {"requestId": request_id, "result": result}, {})


def failure(request_id: str, error: SteelyardError) -> Response:
    """Returns the error in the vendor's words; a refused caller also finds it in the headers that the clients explain."""
    status, code = status_and_code(error)
    message = error.message if code == INTERNAL else message_of(error)
    headers = {}
    if isinstance(error, AccessError):
        headers = {"X-Bce-Error-Code": code, "X-Bce-Error-Message": error.message.encode("ascii", "replace").decode()}
    return _response(status, {"requestId": request_id, "code": code, "message": message}, headers)


def unexpected(request_id: str) -> Response:
    """Returns the failure that tells nothing but its id: what happened stands in the log."""
    message = "the server failed; its log says why under this requestId"
    return _response(500, {"requestId": request_id, "code": INTERNAL, "message": message}, {})


def status_and_code(error: SteelyardError) -> tuple[int, str]:
    """Returns HTTP status and code of an error. Every refused caller gets 403, as with the vendor."""
    status = HTTPStatus.FORBIDDEN if isinstance(error, AccessError) else status_of(error)
    kind = next((_BY_KIND[one] for one in type(error).__mro__ if one in _BY_KIND), INTERNAL)
    return int(status), _BY_CODE.get(error.error_code, kind)


def message_of(error: SteelyardError) -> str:
    """Returns `field: what is wrong - what to do`."""
    where = f"{error.where}: " if error.where else ""
    hint = f" - {error.hint}" if error.hint else ""
    return f"{where}{error.message}{hint}"


def _response(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    headers = {"X-Bce-Request-Id": body["requestId"], **headers}
    return Response(msgspec.json.encode(body), status, headers, "application/json")
