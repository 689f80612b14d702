"""API keys: `Authorization: Bearer sk-...`, stored and found by hash only."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from steelyard.domain.errors import AccessError
from steelyard.ports.identity import API_KEY, Principal, api_key_lookup

if TYPE_CHECKING:
    from steelyard.ports.repositories import Keys

_HINT = "send Authorization: Bearer KEY; `steelyard key create` makes one"


def recognise_bearer(keys: Keys, header: str) -> Principal:
    """Returns whose API key this is.

    Raises:
        AccessError: missing_credentials, bad_credentials, revoked. The message never holds the key.
    """
    if not header.strip():
        raise AccessError("the request carries no API key", hint=_HINT, code="missing_credentials")
    scheme, _, key = header.strip().partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise AccessError("Authorization holds no bearer key", hint=_HINT, code="bad_credentials")
    lookup = api_key_lookup(key)
    record = keys.find(API_KEY, lookup)
    if record is None or not hmac.compare_digest(record.lookup, lookup):
        raise AccessError("this API key is not known", hint=_HINT, code="bad_credentials")
    if record.revoked_at:
        raise AccessError("this API key was revoked", where=record.id, hint=_HINT, code="revoked")
    return Principal(record.workspace_id, record.created_by, record.id)
