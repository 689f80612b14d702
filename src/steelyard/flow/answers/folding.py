"""Unicode folding that stays linear on any text."""

from __future__ import annotations

import unicodedata

_LONG = 2000


def fold(text: str) -> str:
    """Returns the text in Unicode NFKC: full-width, half-width, circled and composed forms become one.

    In long texts, runs of more than 30 combining marks are cut by U+034F as UAX #15 (stream-safe text) has it:
    sorting such a run takes time quadratic in its length, and no natural text holds one.
    """
    if text.isascii():
        return text
    if len(text) >= _LONG:
        import regex

        text = regex.sub(r"(\p{M}{30})(?=\p{M})", "\\1\u034f", text)
    return unicodedata.normalize("NFKC", text)
