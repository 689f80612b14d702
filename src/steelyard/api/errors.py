"""The one table that says which HTTP status an error has; every face uses it, each with a body of its own shape."""

from __future__ import annotations

from steelyard.domain.errors import (
    AccessError,
    ConflictError,
    InputError,
    NotFoundError,
    RowsRefusedError,
    SteelyardError,
    StorageError,
)

STATUS_OF_CODE: dict[str, int] = {
    "missing_credentials": 401,
    "bad_credentials": 401,
    "revoked": 401,
    "expired": 401,
    "not_yet_valid": 401,
    "NotFound": 401,
    "SignatureDoesNotMatch": 401,
    "too_large": 413,
    "not_ready": 503,
}
"""Codes whose status is not that of their class."""

STATUS_OF_CLASS: dict[type[SteelyardError], int] = {
    RowsRefusedError: 422,
    InputError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    AccessError: 403,
    StorageError: 500,
    SteelyardError: 500,
}


def status_of(error: SteelyardError) -> int:
    """Returns the HTTP status: of the error's code where that has one, else of its nearest class."""
    if error.error_code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.error_code]
    return next(STATUS_OF_CLASS[kind] for kind in type(error).__mro__ if kind in STATUS_OF_CLASS)
