"""Callers recognised by the keys that the repositories hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from steelyard.adapters.identity.bce import CREDENTIAL_NOT_FOUND, parse_authorization, verify
from steelyard.adapters.identity.tokens import recognise_bearer
from steelyard.domain.errors import AccessError
from steelyard.ports.identity import ACCESS_KEY, Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steelyard.ports.repositories import Keys, Secrets


def _utc_now() -> datetime:
    return datetime.now(UTC)


class StoredIdentity:
    """`ports.identity.Identity` over stored keys. A revoked key is refused from the next request on.

    Args:
        keys: where keys are found.
        secrets: where the secrets of access keys lie.
        now: the time with a zone.
    """

    def __init__(self, keys: Keys, secrets: Secrets, now: Callable[[], datetime] = _utc_now) -> None:
        self._keys = keys
        self._secrets = secrets
        self._now = now

    def bearer(self, header: str) -> Principal:
        """Recognises `Bearer sk-...`; see `ports.identity.Identity`."""
        return recognise_bearer(self._keys, header)

    def bce(self, method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]) -> Principal:
        """Recognises a bce-auth-v1 signature; see `ports.identity.Identity`."""
        header = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        authorization = parse_authorization(header)
        record = self._keys.find(ACCESS_KEY, authorization.access_key)
        if record is None or record.revoked_at:
            raise AccessError(CREDENTIAL_NOT_FOUND, hint="check the access key", code="NotFound")
        secret = self._secrets.get(record.secret_id)
        verify(authorization, secret, method, path, query, headers, self._now())
        return Principal(record.workspace_id, record.created_by, record.id)
