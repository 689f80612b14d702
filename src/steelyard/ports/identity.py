"""The door that says who is calling."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

API_KEY = "api"
"""`KeyRecord.kind` of a bearer key."""
ACCESS_KEY = "access"
"""`KeyRecord.kind` of a key that signs requests."""


class Principal(Struct, frozen=True):
    """Who is calling, and on whose data."""

    workspace_id: str
    user: str
    key_id: str
    """The stored key that proved it."""


class Identity(Protocol):
    """Recognises callers.

    Both methods raise AccessError with one of these codes: missing_credentials, bad_credentials (unreadable, or no such
    API key), revoked, expired, not_yet_valid, NotFound (no such access key), SignatureDoesNotMatch.
    """

    def bearer(self, header: str) -> Principal:
        """Recognises an API key.

        Args:
            header: the value of Authorization, `Bearer sk-...`; empty when the request has none.
        """
        ...

    def bce(self, method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]) -> Principal:
        """Recognises a request signed with bce-auth-v1.

        Args:
            method: in capitals.
            path: percent-decoded, as `/v2/eval`.
            query: decoded pairs, blank values kept.
            headers: as received, names in any case.
        """
        ...


def api_key_lookup(key: str) -> str:
    """Returns what an API key is stored and found by: the SHA-256 of its text, 64 hex digits.

    A plain hash suffices because minted keys are random; nobody can try all of 192 bits.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
