"""Where an endpoint's chat completions are, from whatever form of its address the user has at hand."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit, urlunsplit

from steelyard.domain.errors import InputError

_PATH = "/chat/completions"
_SECRET_NAMES = frozenset({"auth", "authorization", "credential", "credentials", "passwd", "pwd", "sig", "signature"})
_SECRET_ENDS = ("key", "token", "secret", "password")


def completions_url(base_url: str) -> str:
    """Returns the full URL of chat completions.

    Accepts `https://host/v1`, the same with a slash at the end, and the full `.../chat/completions`; a query string
    (`?api-version=...`) is kept.

    Raises:
        InputError: no http or https address, no host, a bad port, or a credential inside the address: a user name, a password, or a
            parameter whose name says key, token, secret or the like.
    """
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError as error:
        raise _refused(base_url, str(error)) from None
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "an endpoint's address must not hold a user name or password",
            where="endpoint base_url",
            hint="name the key's variable in api_key_env, or put an Authorization header in headers",
            code="bad_endpoint",
        )
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _says_secret(name):
            raise InputError(
                f"an endpoint's address must not hold a credential, as its parameter '{name[:40]}' does",
                where="endpoint base_url",
                hint="take it out of the address and name the variable that holds the key in api_key_env",
                code="bad_endpoint",
            )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise _refused(base_url, "it is no http or https address")
    path = parts.path.rstrip("/")
    if not path.endswith(_PATH):
        path += _PATH
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def models_url(url: str) -> str:
    """Returns where the endpoint with these chat completions lists its models."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.removesuffix(_PATH) + "/models"))


def shown_url(url: str) -> str:
    """Returns the address as messages show it: without the query, which may hold a credential."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _says_secret(name: str) -> bool:
    words = name.lower().replace("-", "_").replace(".", "_").split("_")
    return any(word in _SECRET_NAMES or word.endswith(_SECRET_ENDS) for word in words)


def _refused(base_url: str, why: str) -> InputError:
    shown = base_url.split("?", 1)[0].split("#", 1)[0].rpartition("@")[2][:200]
    return InputError(
        f"cannot use '{shown}' as an endpoint's address: {why}",
        where="endpoint base_url",
        hint="give it as http://host:port/v1 or https://host/v1, or name a built-in such as builtin:echo",
        code="bad_endpoint",
    )
