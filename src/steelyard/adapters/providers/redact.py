"""Text from outside, made fit for a message: one line, not long, without a credential."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

_SECRET_WORDS = ("auth", "key", "token", "secret", "cookie", "password")
_SHORTEST = 4


def secrets_of(key: str, headers: dict[str, str], proxy: str = "") -> tuple[str, ...]:
    """Returns what must never be shown: the key, the values of credential headers, the proxy's password."""
    found = {key}
    for name, value in headers.items():
        if any(word in name.lower() for word in _SECRET_WORDS):
            found.add(value)
            found.add(value.rpartition(" ")[2])
    if "@" in proxy:
        password = urlsplit(proxy).password or ""
        found.update((password, unquote(password)))
    return tuple(sorted((s for s in found if len(s) >= _SHORTEST), key=len, reverse=True))


def one_line(text: str, secrets: tuple[str, ...], limit: int = 300) -> str:
    """Returns the first `limit` characters on one line, with every secret replaced by ***."""
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
