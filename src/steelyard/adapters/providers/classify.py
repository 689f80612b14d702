"""Why there is no answer: HTTP statuses, error objects and broken connections become an AttemptFailure.

Sources: RFC 9110 for statuses and Retry-After; the error objects that OpenAI-compatible servers, Qianfan and Ark send.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

from steelyard.domain.answer import AttemptFailure, FailureReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from steelyard.adapters.providers.redact import Redactor

    Header = Callable[[str], str | None]

_R = FailureReason
_RETRYABLE_4XX = frozenset({408, 409, 425})
_QUOTA_GONE = re.compile(r"insufficient_quota|insufficient_balance|billing_hard_limit|arrearage|overdue", re.IGNORECASE)
_FILTERED = re.compile(
    r"content_?(?:filter|policy)|sensitive_?content|data_?inspection_?failed|contentrisk", re.IGNORECASE
)
_LIMITED = re.compile(r"rate_?limit|too_?many_?requests|throttl|quota_?exceeded|serveroverloaded", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset")
_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_QUOTED_BYTES = 1 << 20
"""Of a body that is no JSON, at most so much is looked at for something to quote; more than the redactor looks at."""

_EPOCH_S = 1e9
_EPOCH_MS = 1e12


def of_status(status: int, header: Header, body: bytes, redactor: Redactor, where: str) -> AttemptFailure:
    """Returns the failure of a response whose status is not 2xx; `where` names the endpoint."""
    code, text = _error_text(body)
    said = redactor.line(text) or "no reason given"
    wait = retry_after_s(header, limited=status == 429)
    if status == 429:
        return AttemptFailure(_R.RATE_LIMITED, f"429: {said}", not _QUOTA_GONE.search(f"{code} {text}"), status, wait)
    if _FILTERED.search(code):
        return AttemptFailure(_R.CONTENT_FILTER, f"{status}: {said}", retryable=False, status=status)
    if status >= 500:
        return AttemptFailure(_R.SERVER_ERROR, f"{status}: {said}", retryable=True, status=status, retry_after_s=wait)
    if status in (401, 403):
        return AttemptFailure(_R.UNAUTHORIZED, f"{status}: {said}", retryable=False, status=status)
    if 300 <= status < 400:
        target = redactor.line((header("location") or "elsewhere").split("?", 1)[0])
        said = f"{where} redirects to {target}; use that address"
    elif status == 404:
        said = f"{said} ({where}; the address of most endpoints ends in /v1)"
    return AttemptFailure(_R.REFUSED, f"{status}: {said}", status in _RETRYABLE_4XX, status, wait)


def of_error_object(error: Any, redactor: Redactor) -> AttemptFailure:
    """Returns the failure of a 200 whose body is an error object: by its code where that says something."""
    code, text = _read_error(error)
    said = redactor.line(text or code) or "no reason given"
    if _STATUS.fullmatch(code):
        return of_status(int(code), _no_header, json.dumps({"error": error}).encode(), redactor, "the endpoint")
    if _FILTERED.search(code):
        return AttemptFailure(_R.CONTENT_FILTER, said, retryable=False, status=200)
    if _LIMITED.search(code):
        return AttemptFailure(_R.RATE_LIMITED, said, not _QUOTA_GONE.search(code), 200)
    return AttemptFailure(_R.MALFORMED, f"200 with an error: {said}", retryable=True, status=200)


def retry_after_s(header: Header, *, limited: bool) -> float | None:
    """Returns how long the endpoint asks to wait, in seconds, never negative; None when it says nothing.

    `retry-after-ms` wins over `Retry-After` (seconds or an HTTP date, against the response's own Date); the
    `x-ratelimit-reset*` fields count only where a limit was the reason, and then the one that ends first.
    """
    wait = _number(header("retry-after-ms"))
    if wait is not None:
        return max(0.0, wait / 1000.0)
    after = header("retry-after")
    if after:
        wait = _number(after)
        wait = _until(after, header("date")) if wait is None else wait
        if wait is not None:
            return max(0.0, wait)
    waits = [_reset_s(value) for name in _RESETS if limited and (value := header(name))]
    return min((w for w in waits if w is not None), default=None)


def _until(moment: str, now: str | None) -> float | None:
    at = _date_s(moment)
    if at is None:
        return None
    start = _date_s(now) if now else None
    return at - (time.time() if start is None else start)


def _date_s(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _reset_s(text: str) -> float | None:
    """Reads `6m0s`, `20ms`, seconds, or a Unix time in seconds or milliseconds."""
    number = _number(text)
    if number is None:
        found = _DURATION.findall(text)
        wait = sum(float(n) * _SECONDS[unit] for n, unit in found)
        return wait if found and wait < _EPOCH_S else None
    if number > _EPOCH_MS:
        number /= 1000.0
    return max(0.0, number - time.time() if number > _EPOCH_S else number)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and abs(value) < 1e15 else None


def _error_text(body: bytes) -> tuple[str, str]:
    """Returns the error's code and message; the body itself where it is no JSON."""
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return "", _quoted(body)
    if not isinstance(tree, dict):
        return "", _quoted(body)
    fields = cast("dict[str, Any]", tree)
    code, text = _read_error(fields.get("error") or fields)
    return code, text or _quoted(body)


def _quoted(body: bytes) -> str:
    return body[:_QUOTED_BYTES].decode("utf-8", "replace")


def _read_error(error: Any) -> tuple[str, str]:
    if not isinstance(error, dict):
        return "", "" if error is None else str(error)
    fields = cast("dict[str, Any]", error)
    code = next((fields[k] for k in ("code", "error_code", "type") if fields.get(k) not in (None, "")), "")
    text = next((fields[k] for k in ("message", "error_msg", "detail", "msg") if fields.get(k)), "")
    return str(code), text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)


def _no_header(_name: str) -> None:
    return None
