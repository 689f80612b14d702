"""Chat completions over HTTP, as OpenAI-compatible servers offer them. The hot path of every evaluation."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import BuilderError, DetailedPyreqwestError, NetworkError, PyreqwestError, RequestTimeoutError
from pyreqwest.http import Url
from pyreqwest.proxy import ProxyBuilder

from steelyard.adapters.providers.address import completions_url, models_url, shown_url
from steelyard.adapters.providers.classify import of_error_object, of_status
from steelyard.adapters.providers.completion import NoAnswerError, read_completion
from steelyard.adapters.providers.redact import Redactor, secrets_of
from steelyard.domain.answer import Answer, AttemptFailure, FailureReason
from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyreqwest.client import Client
    from pyreqwest.response import Response

    from steelyard.domain.request import EndpointSpec, Request

BODY_BYTES_MAX = 16 << 20
"""Of one response, after decompression; what comes beyond is not read, and the attempt has failed."""

_R = FailureReason
_IDLE_CONNECTIONS = 256
_PROBE_S = 10.0
_BAD_CERTIFICATE = "invalid peer certificate"


class OpenAIProvider:
    """One endpoint with its own connection pool; it follows no redirect and reads no proxy from the environment.

    The key is sent as `Authorization: Bearer` unless `headers` brings its own, and appears in no message and no repr.

    Args:
        endpoint: address, headers, time-out, proxy and TLS settings; the certificates of `ca_file` are trusted beside
            the well-known ones.
        key: the API key, or empty for an endpoint that asks for none.

    Raises:
        InputError: the address, a header, the proxy, the certificates or the key cannot be used.
    """

    def __init__(self, endpoint: EndpointSpec, key: str = "") -> None:
        url = completions_url(endpoint.base_url)
        try:
            self._url = Url(url)
            self._models_url = Url(models_url(url))
        except ValueError as error:
            raise _unusable(
                f"'{shown_url(url)}' is no address: {error}", "base_url", "give it as https://host/v1"
            ) from None
        self._where = f"{endpoint.model} at {shown_url(url)}"
        self._timeout_s = endpoint.timeout_s
        self._probe_timeout = timedelta(seconds=min(endpoint.timeout_s, _PROBE_S))
        self._redactor = Redactor(secrets_of(key, endpoint.headers, endpoint.proxy))
        self._shown_as_is = ("stop", endpoint.model)
        self._client = _client(endpoint, key, self._where)

    def __repr__(self) -> str:
        return f"OpenAIProvider({self._where})"

    async def attempt(self, request: Request) -> Answer | AttemptFailure:
        """Sends one request; see the port.

        A cancelled attempt returns at once; its connection is given up when the endpoint answers or the time-out ends.
        """
        try:
            async with self._client.post(self._url).body_bytes(request.body).build_streamed() as response:
                body = await response.body_reader.read(BODY_BYTES_MAX + 1)
        except PyreqwestError as error:
            return self._no_response(error, self._timeout_s)
        try:
            return self._read(response, body if body is not None else b"")
        except Exception as error:  # noqa: BLE001 - whatever an endpoint sends concerns one request, not the evaluation
            said = f"{response.status} from {self._where}, which cannot be read ({type(error).__name__})"
            return AttemptFailure(_R.MALFORMED, said, retryable=True, status=response.status)

    async def probe(self) -> AttemptFailure | None:
        """Asks for the list of models: any response but 401 means that the endpoint is there; see the port."""
        sent = self._client.get(self._models_url).timeout(self._probe_timeout).build_streamed()
        try:
            async with sent as response:
                if response.status != 401:
                    return None
                body = await response.body_reader.read(BODY_BYTES_MAX)
        except PyreqwestError as error:
            return self._no_response(error, self._probe_timeout.total_seconds())
        return of_status(401, _header_of(response), bytes(body or b""), self._redactor, self._where)

    async def close(self) -> None:
        """Closes the pool."""
        await self._client.close()

    def _read(self, response: Response, body: Any) -> Answer | AttemptFailure:
        status = response.status
        if not 200 <= status < 300:
            return of_status(status, _header_of(response), bytes(body), self._redactor, self._where)
        if len(body) > BODY_BYTES_MAX:
            said = f"{status} from {self._where}, but the body is larger than {BODY_BYTES_MAX >> 20} MiB"
            return AttemptFailure(_R.MALFORMED, said, retryable=False, status=status)
        try:
            answer = read_completion(body)
        except NoAnswerError as error:
            if error.error is not None:
                return of_error_object(error.error, self._redactor)
            return AttemptFailure(_R.MALFORMED, f"200 from {self._where}, but {error}", retryable=True, status=200)
        if answer.finish_reason == "content_filter":
            said = f"{self._where} withheld the answer (finish_reason content_filter)"
            return AttemptFailure(_R.CONTENT_FILTER, said, retryable=False, status=200)
        return self._redacted(answer)

    def _redacted(self, answer: Answer) -> Answer:
        text, reasoning = self._redactor.answer(answer.text), self._redactor.answer(answer.reasoning)
        ended, model = named = answer.finish_reason, answer.model
        if named != self._shown_as_is:
            ended, model = self._redactor.line(ended), self._redactor.line(model)
            if (ended, model) == named:
                self._shown_as_is = named
        if text is answer.text and reasoning is answer.reasoning and (ended, model) == named:
            return answer
        return Answer(text, reasoning, answer.usage, ended, model)

    def _no_response(self, error: PyreqwestError, timeout_s: float) -> AttemptFailure:
        if isinstance(error, RequestTimeoutError):
            said = f"no complete answer from {self._where} within {timeout_s:g} s"
            return AttemptFailure(_R.TIMEOUT, said, retryable=True)
        why = self._redactor.line(_last_cause(error), 200)
        if _BAD_CERTIFICATE in why:
            said = f"{self._where}: {why}; give the authority's certificate in ca_file"
            return AttemptFailure(_R.CONNECTION, said, retryable=False)
        if isinstance(error, BuilderError):
            return AttemptFailure(_R.REFUSED, f"the request to {self._where} cannot be sent: {why}", retryable=False)
        doing = "connection to" if isinstance(error, NetworkError) else "response from"
        return AttemptFailure(_R.CONNECTION, f"{doing} {self._where} broke: {why}", retryable=True)


def _header_of(response: Response) -> Callable[[str], str | None]:
    """Returns a look-up of header fields; one that is no text counts as absent."""

    def look_up(name: str) -> str | None:
        try:
            return response.get_header(name)
        except (ValueError, PyreqwestError):
            return None

    return look_up


def _client(endpoint: EndpointSpec, key: str, where: str) -> Client:
    if not endpoint.timeout_s > 0:
        raise _unusable(
            f"timeout_s of {where} must be greater than 0", "timeout_s", "give the seconds one attempt may take"
        )
    headers = {"content-type": "application/json", "accept": "application/json"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    headers.update((name.lower(), value) for name, value in endpoint.headers.items())
    builder = (
        ClientBuilder()
        .user_agent("steelyard")
        .follow_redirects(enable=False)
        .timeout(timedelta(seconds=endpoint.timeout_s))
        .pool_max_idle_per_host(endpoint.max_concurrency or _IDLE_CONNECTIONS)
        .danger_accept_invalid_certs(not endpoint.verify_tls)
    )
    # The library's own messages repeat header values and proxy passwords, so none of them is passed on.
    try:
        builder = builder.default_headers(headers)
    except ValueError:
        raise _unusable(
            f"the key or a header of {where} holds a character that HTTP refuses",
            "headers",
            "look for line breaks or blanks in the key and in the names of headers",
        ) from None
    try:
        builder = builder.proxy(ProxyBuilder.all(endpoint.proxy)) if endpoint.proxy else builder.no_proxy()
    except ValueError:
        hint = "give it as http://host:port or http://user:password@host:port"
        raise _unusable(f"the proxy of {where} is no address", "proxy", hint) from None
    try:
        return _trusting(builder, endpoint).build()
    except (ValueError, PyreqwestError):
        hint = "give a PEM file of certificates that begin with -----BEGIN CERTIFICATE-----"
        raise _unusable(f"the certificates of {where} cannot be read", f"ca_file {endpoint.ca_file}", hint) from None


def _trusting(builder: ClientBuilder, endpoint: EndpointSpec) -> ClientBuilder:
    if not endpoint.ca_file:
        return builder
    try:
        pem = Path(endpoint.ca_file).read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _unusable(
            f"cannot read the certificates: {why}", f"ca_file {endpoint.ca_file}", "give a readable PEM file"
        ) from None
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise ValueError("no certificate")
    return builder.add_root_certificate_pem(pem)


def _last_cause(error: PyreqwestError) -> str:
    causes = error.details["causes"] if isinstance(error, DetailedPyreqwestError) else None
    return causes[-1]["message"] if causes else error.message


def _unusable(message: str, where: str, hint: str) -> InputError:
    return InputError(message, where=f"endpoint {where}", hint=hint, code="bad_endpoint")
