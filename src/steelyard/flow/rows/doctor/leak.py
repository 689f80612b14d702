"""Whether the expected answer stands in the question already.

The rule, for each reference of a turn, after NFKC, case folding and joining white space:

1.  It must weigh at least `WEIGHT`; a character counts 1, a wide one (Chinese, Japanese, Korean) 2. Choice letters,
    yes and no, and most class labels are lighter.
2.  It must hold a letter: numbers, dates and amounts are not looked for.
3.  It must stand literally in the system text, the history, or the input of its turn or an earlier one.
4.  Behind an option marker (`A.`, `(B)`, `C、`) it is one of the choices offered, and that is no leak.

Whether a reference is a class label, given to several questions, is known at the end only: see `check`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from steelyard.flow.rows.doctor.question import plain_text

if TYPE_CHECKING:
    from steelyard.domain.row import Row

WEIGHT = 8
_OPTION = re.compile(r"(?:^|[^0-9a-z])\(?[a-z]\s?[.):、,\]]\s?$")


def folded(text: str) -> str:
    """Returns the text after NFKC, case folding and joining white space."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def is_leaked(row: Row) -> bool:
    """Returns whether a reference of the row stands in what is asked, by the rule above."""
    if not any(turn.references for turn in row.turns):
        return False
    asked = folded("\n".join([row.system or "", *(plain_text(m.content) for m in row.history)]))
    for turn in row.turns:
        asked = f"{asked} {folded(plain_text(turn.input))}"
        if any(_stands_in(folded(reference), asked) for reference in turn.references):
            return True
    return False


def _stands_in(reference: str, asked: str) -> bool:
    if len(reference) < WEIGHT // 2 or (at := asked.find(reference)) < 0:
        return False
    if sum(2 if c >= "\u2e80" else 1 for c in reference) < WEIGHT or not any(c.isalpha() for c in reference):
        return False
    while at >= 0:
        if _OPTION.search(asked[max(0, at - 5) : at]):
            return False
        at = asked.find(reference, at + 1)
    return True
