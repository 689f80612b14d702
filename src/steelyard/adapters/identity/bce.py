"""The bce-auth-v1 signature, as a server checks it.

Source: Baidu AI Cloud, "生成认证字符串" (document njwvz1yfu), and what the vendor's four clients send:

- the canonical header lines are sorted here, since clients list signed headers in any order;
- Host is tried as received and without its port, since some clients sign the bare name;
- the moment that counts is the one in Authorization; X-Bce-Date may be older;
- no client signs the body, so a signature protects it from nothing: what limits replay is the expiry alone, which is
  why a late request gets no grace and only a client whose clock runs ahead does.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from steelyard.domain.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLOCK_SKEW = timedelta(minutes=15)
"""How far a client's clock may run ahead."""

CREDENTIAL_NOT_FOUND = "NotFound, cause: Could not find credential."
SIGNATURE_MISMATCH = "SignatureDoesNotMatch, cause: Fail to authn user: Signature does not match"
"""The vendor's clients recognise these two texts in X-Bce-Error-Message and explain them."""

_HEADER = re.compile(
    r"bce-auth-v1/(?P<access_key>[^/]+)/(?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)/(?P<expires>\d{1,9})"
    r"/(?P<signed>[^/]*)/(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_DEFAULT_SIGNED = frozenset({"host", "content-length", "content-type", "content-md5"})
_PREFIX = "x-bce-"


class BceAuthorization(Struct, frozen=True):
    """The parts of an Authorization header."""

    access_key: str
    timestamp: str
    """As it was sent; part of the signing key."""
    expires_s: int
    signed_headers: frozenset[str]
    """Lower case; empty stands for the defaults."""
    signature: str
    scope: str
    """The header's first four parts, as sent."""


def parse_authorization(header: str) -> BceAuthorization:
    """Reads an Authorization header.

    Raises:
        AccessError: missing_credentials, bad_credentials.
    """
    if not header.strip():
        raise AccessError("the request is not signed", hint="sign it with bce-auth-v1", code="missing_credentials")
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        raise AccessError("Authorization is no bce-auth-v1 signature", code="bad_credentials")
    signed = frozenset(name.strip().lower() for name in match["signed"].split(";") if name.strip())
    if signed and "host" not in signed:
        raise AccessError("the signature does not cover the Host header", code="bad_credentials")
    return BceAuthorization(
        access_key=match["access_key"],
        timestamp=match["timestamp"],
        expires_s=int(match["expires"]),
        signed_headers=signed,
        signature=match["signature"],
        scope=header.strip()[: match.end("expires")],
    )


def verify(
    authorization: BceAuthorization,
    secret_key: str,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    now: datetime,
) -> None:
    """Checks time and signature; returns when both are good.

    Args:
        authorization: what the request claims.
        secret_key: of the access key that it names.
        method: in capitals.
        path: percent-decoded.
        query: decoded pairs, blank values kept.
        headers: as received, names in any case.
        now: the server's time, with a zone.

    Raises:
        AccessError: expired, not_yet_valid, bad_credentials (no such date), SignatureDoesNotMatch.
    """
    _check_time(authorization, now)
    signing_key = _hmac_hex(secret_key, authorization.scope)
    received = {name.lower(): value.strip() for name, value in headers.items()}
    host = received.get("host", "")
    good = False
    for candidate in dict.fromkeys((host, _without_port(host))):
        lines = _canonical_headers({**received, "host": candidate}, authorization.signed_headers)
        text = "\n".join((method.upper(), quote(path, safe="/"), _canonical_query(query), lines))
        good |= hmac.compare_digest(_hmac_hex(signing_key, text), authorization.signature)
    if not good:
        raise AccessError(
            SIGNATURE_MISMATCH,
            hint="check the secret key, and that the base URL has no path and no trailing slash",
            code="SignatureDoesNotMatch",
        )


def _check_time(authorization: BceAuthorization, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(authorization.timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        age = now - signed_at
    except (ValueError, OverflowError):
        raise AccessError("Authorization names no real date", code="bad_credentials") from None
    if age > timedelta(seconds=authorization.expires_s):
        raise AccessError(
            f"the signature expired {authorization.expires_s} s after {authorization.timestamp}",
            hint="sign each request anew, and check the client's clock",
            code="expired",
        )
    if age < -CLOCK_SKEW:
        raise AccessError(
            f"the signature is of {authorization.timestamp}, which is still to come",
            hint="check the client's clock",
            code="not_yet_valid",
        )


def _canonical_query(query: Sequence[tuple[str, str]]) -> str:
    pairs = (f"{_encode(name)}={_encode(value)}" for name, value in query if name.lower() != "authorization")
    return "&".join(sorted(pairs))


def _canonical_headers(headers: Mapping[str, str], signed: frozenset[str]) -> str:
    def covered(name: str) -> bool:
        return name in signed if signed else name in _DEFAULT_SIGNED or name.startswith(_PREFIX)

    return "\n".join(
        sorted(f"{_encode(name)}:{_encode(value)}" for name, value in headers.items() if value and covered(name))
    )


def _without_port(host: str) -> str:
    return re.sub(r":\d+\Z", "", host)


def _encode(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _hmac_hex(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
