"""Text from outside, made fit for a message: one line, not long, without a credential."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

_SECRET_WORDS = ("auth", "key", "token", "secret", "cookie", "password")
_SHORTEST = 4
_TELLING = 12
"""So many first characters of a credential are as good as the whole; so many make it no everyday word."""

_LOOKED_AT = 1 << 16
_CUT = 100
"""Characters given up where a long text is cut: a start too short to be told may be among them, each character escaped."""

_BETWEEN = r"(?:\s|\\+[nrt])*"


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


class Redactor:
    """Takes credentials out of what an endpoint sends.

    In messages a credential is found as it is, with blanks or line breaks inside, percent-encoded, JSON-escaped, and
    when only its first twelve or more characters are there. In answers only the exact credential is replaced, and only
    one of twelve characters or more: a stand-in such as `EMPTY` is also a word that a model may say.

    Args:
        secrets: from `secrets_of`.
    """

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._exact = tuple(secret for secret in secrets if len(secret) >= _TELLING)
        self._forms = [_forms(secret) for secret in secrets]

    def line(self, text: str, limit: int = 300) -> str:
        """Returns the first `limit` characters on one line, with every credential replaced by ***."""
        long = len(text) > _LOOKED_AT
        text = text[:_LOOKED_AT]
        for start, rest in self._forms:
            text = _without(text, start, rest)
        text = text[:-_CUT] if long else text
        line = " ".join(text.split())
        return line if len(line) <= limit else line[: limit - 1] + "…"

    def answer(self, text: str) -> str:
        """Returns a model's text with every exact credential replaced by [redacted]."""
        for secret in self._exact:
            if secret in text:
                text = text.replace(secret, "[redacted]")
        return text


def _forms(secret: str) -> tuple[re.Pattern[str], list[re.Pattern[str]]]:
    """Returns a pattern of the telling start, and one of each character that may follow."""
    characters = [_character(character) for character in secret if not character.isspace()]
    start = re.compile(_BETWEEN.join(characters[:_TELLING]))
    return start, [re.compile(_BETWEEN + character) for character in characters[_TELLING:]]


def _character(character: str) -> str:
    units = character.encode("utf-16-be")
    escaped = "".join(rf"\\+u(?i:{units[i : i + 2].hex()})" for i in range(0, len(units), 2))
    percent = "".join(f"%(?i:{byte:02x})" for byte in character.encode())
    return rf"(?:\\*{re.escape(character)}|{escaped}|{percent}|{re.escape(quote(character))})"


def _without(text: str, start: re.Pattern[str], rest: list[re.Pattern[str]]) -> str:
    kept: list[str] = []
    end = 0
    while found := start.search(text, end):
        kept += [text[end : found.start()], "***"]
        end = found.end()
        for character in rest:
            following = character.match(text, end)
            if following is None:
                break
            end = following.end()
    return "".join([*kept, text[end:]]) if kept else text
