"""What can be seen in a single row, without its neighbours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from steelyard.flow.rows.doctor.leak import is_leaked
from steelyard.flow.rows.doctor.question import is_text_only, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steelyard.domain.row import Row

_AS_1252 = "\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_MOJIBAKE = re.compile(
    # UTF-8 that was read as Latin-1 or Windows-1252: accents, quotation marks, and at least two Chinese characters.
    "[ÃÂ][\u0080-\u00bf]|â€[™œ“”¦¢\u009d]|(?:[ä-é][" + _AS_1252 + "]{2}){2}"
    # Replacement characters, uninitialised memory and UTF-8 Chinese (its commonest marks and 的) that were read as GBK.
    "|锟斤拷|烫烫烫|屯屯屯|锛[屼屾屽岃氫氭氬涗涙涘熶熸熷佷佹佸]|銆[備傛傚傝佷佹佸]|鐨[勪勬勫勮]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WIDE_LETTER = re.compile("[０-９Ａ-Ｚａ-ｚ]")
_NARROW_LETTER = re.compile("[0-9A-Za-z]")


def symptoms(row: Row, text: str) -> Iterator[str]:
    """Yields the codes that a row deserves by itself, each at most once.

    Args:
        row: the row.
        text: what it asks, as `question_text` gives it.
    """
    if any(is_text_only(turn.input) and not plain_text(turn.input).strip() for turn in row.turns):
        yield "empty_input"
    if not all(any(reference.strip() for reference in turn.references) for turn in row.turns):
        yield "empty_reference"
    if is_leaked(row):
        yield "leaked_reference"
    yield from _of_encoding("\n".join([text, *(r for turn in row.turns for r in turn.references)]))


def _of_encoding(text: str) -> Iterator[str]:
    if _CONTROL.search(text):
        yield "control_character"
    if text.isascii():
        return
    if _MOJIBAKE.search(text):
        yield "mojibake"
    if "\ufffd" in text:
        yield "replacement_character"
    if _WIDE_LETTER.search(text) and _NARROW_LETTER.search(text):
        yield "mixed_width"
