"""When a failed attempt is tried again: finite, the same every time, and as late as the endpoint asks.

Limits (429) are told apart from faults: they say "later", not "broken", so more of them are forgiven. All figures
are ours: 0.5 s doubling to 30 s, Retry-After honoured up to 120 s, four limits for each attempt that
`EndpointSpec.max_attempts` allows, ten minutes of waiting for limits in all.
"""

from __future__ import annotations

import hashlib

from steelyard.domain.answer import AttemptFailure, FailureReason

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
LONGEST_RETRY_AFTER_S = 120.0
LIMITS_PER_ATTEMPT = 4
LONGEST_LIMITED_S = 600.0


def next_delay_s(
    failure: AttemptFailure,
    attempt: int,
    seed: int | str,
    *,
    max_attempts: int = 5,
    limited: int = 0,
    waited_s: float = 0.0,
) -> float | None:
    """Returns the seconds to wait before the next attempt, or None to give up.

    Args:
        failure: how the last attempt ended.
        attempt: attempts made so far, that one included (1 after the first).
        seed: what the jitter is drawn from, such as the request's key: equal arguments give equal delays.
        max_attempts: attempts that may fail for other reasons than a limit; 1 means no second attempt at all.
        limited: how many of the attempts ended with 429, that one included.
        waited_s: what was waited after 429s so far, in seconds.
    """
    if not failure.retryable or max_attempts <= 1:
        return None
    if failure.reason is FailureReason.RATE_LIMITED:
        tries = max(1, limited)
        if tries >= max_attempts * LIMITS_PER_ATTEMPT or waited_s >= LONGEST_LIMITED_S:
            return None
    else:
        tries = max(1, attempt - limited)
        if tries >= max_attempts:
            return None
    backoff = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(tries - 1, 10))
    share = _draw(seed, attempt)
    asked = failure.retry_after_s
    if asked is None:
        return backoff * (0.5 + 0.5 * share)
    # Only ever later than asked, and spread, so that waiting requests do not come back as one burst.
    return min(LONGEST_RETRY_AFTER_S, asked + 0.1 * backoff * share)


def is_fatal(failure: AttemptFailure) -> bool:
    """Returns whether every other request to the endpoint would fail in the same way: the key is refused."""
    return failure.reason is FailureReason.UNAUTHORIZED


def _draw(seed: int | str, attempt: int) -> float:
    digest = hashlib.blake2b(f"{seed}/{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2.0**64
