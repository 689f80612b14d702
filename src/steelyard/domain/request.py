"""What is sent to a model (请求), and the address it is sent to."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class EndpointSpec(Struct, frozen=True, omit_defaults=True):
    """How a model is reached (推理接入点). Holds no secret: `api_key_env` or `secret_id` name where it is kept."""

    base_url: str
    model: str
    id: str = ""
    api_key_env: str = ""
    secret_id: str = ""
    headers: dict[str, str] = {}
    timeout_s: float = 120.0
    """Longest time for one attempt, connection to last byte."""
    proxy: str = ""
    verify_tls: bool = True
    ca_file: str = ""
    rpm: int | None = None
    tpm: int | None = None
    max_concurrency: int | None = None
    max_attempts: int = 5
    param_map: dict[str, str] = {}
    """Our parameter name -> the endpoint's name; an empty value drops the parameter."""
    param_ranges: dict[str, tuple[float, float]] = {}
    price_input_per_1m: str = ""
    price_output_per_1m: str = ""
    """Decimal strings, in `currency`; empty when unknown."""
    currency: str = ""

    @property
    def builtin(self) -> str:
        """The name after `builtin:` (majority, retrieval, echo, scripted), or an empty string."""
        return self.base_url.removeprefix("builtin:") if self.base_url.startswith("builtin:") else ""

    @property
    def label(self) -> str:
        """How people recognise it in messages: model at address, no secret."""
        return self.base_url if self.builtin else f"{self.model} at {self.base_url}"


class Request(Struct, frozen=True):
    """One chat completion to be asked for.

    `key` hashes everything that changes the answer: endpoint, model, body and repeat.
    """

    key: str
    body: bytes
    """The JSON body, without nulls, ready to send."""
    prompt: str
    """What people are shown as the prompt: the last user message's text."""
    prompt_tokens_max: int
    """Upper bound of the prompt's tokens (its UTF-8 bytes)."""
    max_tokens: int | None
    row_id: str
    position: int
    repeat: int
    turn: int
    messages: tuple[Any, ...] = ()
    """The messages of the body (domain.row.Message), for providers that need no JSON."""
