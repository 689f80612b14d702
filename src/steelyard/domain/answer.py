"""What a model gave back (回答), or why there is none. A failure is data, never an empty answer."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class FailureReason(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"  #: nothing complete came within the endpoint's time-out
    CONNECTION = "connection"  #: the connection was refused, reset, or the name is unknown
    RATE_LIMITED = "rate_limited"  #: HTTP 429
    SERVER_ERROR = "server_error"  #: HTTP 5xx
    MALFORMED = "malformed"  #: HTTP 200 with a body that is no chat completion
    REFUSED = "refused"  #: any other HTTP 4xx: the request itself is wrong for this endpoint
    UNAUTHORIZED = "unauthorized"  #: HTTP 401 or 403
    CONTENT_FILTER = "content_filter"  #: the provider withheld the answer
    EARLIER_TURN = "earlier_turn"  #: an earlier turn of the dialogue has no answer
    MISSING = "missing"  #: the result set has no answer for this turn
    UNSUPPORTED = "unsupported"  #: a built-in cannot answer this row


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one answer, as the endpoint counted them; None where it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class Answer(Struct, frozen=True, omit_defaults=True):
    """A complete answer of one attempt."""

    text: str
    reasoning: str = ""
    """Reasoning text that the endpoint sent apart from the answer, or inside <think> tags."""
    usage: Usage = Usage()
    finish_reason: str = ""
    model: str = ""
    """The model name that the endpoint reports."""


class AttemptFailure(Struct, frozen=True):
    """One attempt gave no answer. The adapter classifies; the driver decides whether to try again."""

    reason: FailureReason
    message: str
    """One line for people; never holds a credential."""
    retryable: bool
    status: int = 0
    retry_after_s: float | None = None


class AnswerRecord(Struct, frozen=True, omit_defaults=True):
    """What the journal and the answers table hold of one (unit, row, repeat, turn): an answer or a failure."""

    unit: int
    """0-based unit within the evaluation: object x data set."""
    row_id: str
    position: int
    repeat: int = 0
    turn: int = 0
    key: str = ""
    prompt: str = ""
    text: str | None = None
    """None: there is no answer, `failure` says why."""
    reasoning: str = ""
    failure: str = ""
    """A FailureReason, or empty."""
    message: str = ""
    status: int = 0
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    latency_ms: float = 0.0
    """Of the attempt that answered (or the last one), without waiting for permission to send."""
    attempts: int = 1
    epoch: int = 0
