"""Endpoint spec -> provider: the one place that knows which adapter serves which address, and where keys come from."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from steelyard.domain.errors import InputError
from steelyard.ports.provider import FittedProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from steelyard.domain.request import EndpointSpec
    from steelyard.domain.row import Row
    from steelyard.ports.provider import Provider

BUILTINS = ("echo", "majority", "retrieval", "scripted")


class Factory:
    """Opens providers (`ports.provider.ProviderFactory`).

    Args:
        read_env: returns an environment variable's value, or None where it is not set.
        read_secret: returns a stored credential by its id; raises NotFoundError.
    """

    def __init__(self, read_env: Callable[[str], str | None], read_secret: Callable[[str], str]) -> None:
        self._read_env = read_env
        self._read_secret = read_secret

    def open(self, endpoint: EndpointSpec) -> Provider:
        """Returns a provider for the endpoint; nothing is sent yet.

        Raises:
            InputError: the key's variable is not set, a built-in or one of its options is unknown, or address, header,
                proxy or certificates cannot be used.
        """
        if endpoint.base_url.startswith("builtin:"):
            return _open_builtin(endpoint)
        from steelyard.adapters.providers.openai import OpenAIProvider

        return OpenAIProvider(endpoint, self._key(endpoint))

    def _key(self, endpoint: EndpointSpec) -> str:
        if endpoint.secret_id:
            return self._read_secret(endpoint.secret_id).strip()
        if not endpoint.api_key_env:
            return ""
        key = (self._read_env(endpoint.api_key_env) or "").strip()
        if not key:
            raise InputError(
                f"the environment variable {endpoint.api_key_env} is not set",
                where="endpoint api_key_env",
                hint=f"set {endpoint.api_key_env} to the key of {endpoint.model}, or leave api_key_env out",
                code="missing_key",
            )
        return key


def needs_fit(provider: Provider) -> bool:
    """Returns whether the provider must see the rows (`fit`) before its first attempt: it uses references."""
    return isinstance(provider, FittedProvider)


def fit(provider: Provider, rows: Iterable[Row], seed: int) -> None:
    """Fits a provider that needs it on a data set's rows, read once; does nothing for others."""
    if isinstance(provider, FittedProvider):
        provider.fit(rows, seed)


def _open_builtin(endpoint: EndpointSpec) -> Provider:
    from steelyard.adapters.providers.builtins import EchoProvider, MajorityProvider, RetrievalProvider

    name, _, query = endpoint.builtin.partition("?")
    if query and name != "scripted":
        raise InputError(
            f"builtin:{name} takes no options",
            where="endpoint base_url",
            hint=f"write builtin:{name}",
            code="bad_endpoint",
        )
    if name == "echo":
        return EchoProvider()
    if name == "majority":
        return MajorityProvider()
    if name == "retrieval":
        return RetrievalProvider()
    if name == "scripted":
        from steelyard.adapters.providers.faults import script_options
        from steelyard.adapters.providers.scripted import ScriptedProvider

        return ScriptedProvider(script_options(dict(parse_qsl(query, keep_blank_values=True))), endpoint.timeout_s)
    raise InputError(
        f"unknown built-in '{name}'",
        where="endpoint base_url",
        hint="use one of " + ", ".join(f"builtin:{known}" for known in BUILTINS),
        code="unknown_builtin",
    )
