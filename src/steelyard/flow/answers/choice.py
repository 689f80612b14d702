"""Reads which option (A to J) an answer to a multiple-choice question chooses; what is not clear is not guessed.

Three tiers, the first that says anything decides:

1. an explicit statement ("the answer is C", 答案：C, I choose B, 故选B, a boxed letter): the last one counts, since
   models correct themselves;
2. an option called right ("B is correct", B正确): counts when only one is;
3. a letter that stands for itself: the whole answer, its last line, the head of "B. Paris", the only "(B)".

Statements that are negated say nothing; one that names several options is unreadable, unless several are asked for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from steelyard.flow.answers.choice_markers import BOXED, CALLED_RIGHT, NEGATED, REFUTED, STATEMENT
from steelyard.flow.answers.folding import fold
from steelyard.flow.answers.reasoning import split_reasoning

LETTERS = "ABCDEFGHIJ"
_LONGEST_READ = 20_000

_BEFORE = re.compile(r"[\s(\[{<*_`\"'“‘「【$~]{0,10}")
_LETTER = re.compile(r"(?<![A-Za-z0-9])[A-Ja-j](?![a-z0-9])")
_ADJACENT = re.compile(r"[A-J](?![a-z0-9])")
_JOINED = re.compile(
    r"[)\]*_]{0,3}[ \t]*(?:[、/&+和与及]|还是|或者?|\b(?:and|or)\b)[ \t]*[(\[*_]{0,3}([A-Ja-j])(?![A-Za-z0-9])"
)
_LISTED = re.compile(
    r"[)\]*_]{0,3}[ \t]*[,;]?[ \t]*[(\[*_]{0,3}([A-J])(?![A-Za-z0-9])"
    r"(?!\s+(?!and\b|or\b)[a-z]|[ \t]*(?:选项|项|错|不|是|对|正|[:.)]\s*\S))"
)
_ALTERNATIVE = re.compile(r"还是|或|\bor\b")
_NO_OPTION_AFTER = re.compile(r"[+#]|-\w|['’]\w|\.\d")
_ARTICLE_AFTER = re.compile(
    r"\s+(?!(?:because|since|as|is|with|which|due|based|given|by|in|from|according|for|after|so|if)\b)[a-z]"
)
_PRONOUN_AFTER = re.compile(r"\s+[a-z]")
_ENDS = re.compile(r"[)\]}>.,;:!?*_`\"'”’」】。、]|\s*$")
_STANDALONE = re.compile(r"(?<![A-Za-z0-9])[A-J](?![A-Za-z0-9])")
_WRAPPING = " \t\r\n()[]{}<>*_`\"'“”‘’「」【】$~.,;:!?。、#>-"
_NAMED = re.compile(r"^(?:option|choice|answer|选项|答案)\s*:?\s*|\s*(?:选项|项)$", re.IGNORECASE)
_WHOLE = re.compile(r"[A-J](?:[\s,、;/&+和与及()\[\]]*(?:\band\b)?[\s,()\[\]]*[A-J])*", re.IGNORECASE)
_HEAD = re.compile(
    r"^[\s>#*_-]*[(\[【*]{0,3}([A-J])[)\]】*]{0,3}"
    r"(?:\s*(?:[.:)\]】、。]|(?<!I),(?!\s*[A-J]\b)|$)|\s+(?:[–—-]\s|because\b|since\b))",
    re.MULTILINE,
)
_DELIMITED = re.compile(r"(?<![A-Za-z0-9.])([A-J])\s?[.、:)](?=\s|[^\x00-\x7f]|[A-Z]|$)")
_BRACKETED = re.compile(r"[(\[【]\s*([A-Ja-j])\s*[)\]】]")


class _Options(NamedTuple):
    """Letters read at one place, upper case; `open`: they are alternatives, none is chosen."""

    letters: str
    end: int
    open: bool = False


def extract_choice(text: str, letters: str = LETTERS) -> str | None:
    """Returns the one option that the answer chooses, upper case, or None when none can be read.

    An option that is not among `letters` is none. Reads the last 20,000 characters.
    """
    return _extract(text, letters, many=False)


def extract_choices(text: str, letters: str = LETTERS) -> tuple[str, ...] | None:
    """Returns the options chosen for a question with several right ones, sorted, or None when none can be read."""
    chosen = _extract(text, letters, many=True)
    return tuple(sorted(chosen)) if chosen else None


def _extract(text: str, letters: str, *, many: bool) -> str | None:
    answer = split_reasoning(text)[0][-_LONGEST_READ:]
    answer = fold(answer).strip()
    chosen = _whole(answer)
    if chosen is None:
        chosen = _stated(answer)
    if chosen is None:
        chosen = _called_right(answer) or _standing(answer)
    if not chosen or (len(chosen) > 1 and not many) or len(set(chosen)) < len(chosen):
        return None
    return chosen if all(letter in letters for letter in chosen) else None


def _whole(answer: str) -> str | None:
    """Returns the letters when the answer is nothing else."""
    if len(answer) > 80:
        return None
    bare = _NAMED.sub("", answer.strip(_WRAPPING)).strip(_WRAPPING)
    if not _WHOLE.fullmatch(bare) or (len(bare) > 1 and bare.islower() and bare.isalpha()):
        return None
    return "".join(re.findall(r"[A-J]", re.sub(r"\band\b", " ", bare, flags=re.IGNORECASE).upper()))


def _stated(answer: str) -> str | None:
    """Returns the last explicit statement; "" when it leaves the choice open, None when nothing is stated."""
    last: tuple[int, str] | None = None
    for pattern in (STATEMENT, BOXED):
        for marker in pattern.finditer(answer):
            if NEGATED.search(answer, max(0, marker.start() - 40), marker.start()):
                continue
            options = _options_at(answer, marker.end())
            if options is not None and (last is None or marker.end() > last[0]):
                last = (marker.end(), "" if options.open else options.letters)
    return last[1] if last else None


def _called_right(answer: str) -> str:
    """Returns the one option that is called right; "" when there is none or several."""
    found: set[str] = set()
    for match in _STANDALONE.finditer(answer):
        if CALLED_RIGHT.match(answer, match.end()) and not NEGATED.search(
            answer, max(0, match.start() - 40), match.start()
        ):
            found.add(match[0])
    return found.pop() if len(found) == 1 else ""


def _standing(answer: str) -> str:
    """Returns the letter that stands for itself on the last line, at a head or in brackets; "" when not just one."""
    last_line = answer.rpartition("\n")[2]
    if last_line != answer and (alone := _whole(last_line)):
        return alone
    heads = set(_HEAD.findall(answer))
    if heads:
        named = heads | set(_DELIMITED.findall(answer))
        return heads.pop() if len(named) == 1 and not _refuted_head(answer) else ""
    bracketed = {letter.upper() for letter in _BRACKETED.findall(answer)}
    if len(bracketed) == 1:
        return bracketed.pop() if _bracket_is_plain(answer) else ""
    return ""


def _refuted_head(answer: str) -> bool:
    head = _HEAD.search(answer)
    return head is not None and REFUTED.match(answer, head.end(1)) is not None


def _bracket_is_plain(answer: str) -> bool:
    """Tells whether the bracketed option is neither negated before nor refuted after."""
    return not any(
        NEGATED.search(answer, max(0, match.start() - 40), match.start()) or REFUTED.match(answer, match.end())
        for match in _BRACKETED.finditer(answer)
    )


def _options_at(answer: str, start: int) -> _Options | None:
    """Returns the option or list of options right after this place; None when what follows is no option."""
    before = _BEFORE.match(answer, start)
    place = before.end() if before else start
    first = _LETTER.match(answer, place)
    if first is None:
        return None
    options = _list_at(answer, first)
    if options is None or REFUTED.match(answer, options.end):
        return None
    alone = options.letters if options.end == first.end() else ""
    return None if alone and not _is_option(first[0], answer, first.end()) else options


def _list_at(answer: str, first: re.Match[str]) -> _Options | None:
    letters, end, is_open = first[0], first.end(), False
    while (more := _ADJACENT.match(answer, end)) and letters.isupper():
        letters, end = letters + more[0], more.end()
    if answer[end : end + 1].isascii() and answer[end : end + 1].isalnum():
        return None
    while len(letters) <= len(LETTERS):
        joined = _JOINED.match(answer, end)
        more = joined or _LISTED.match(answer, end)
        if more is None:
            break
        is_open = is_open or (joined is not None and bool(_ALTERNATIVE.search(joined[0])))
        letters, end = letters + more[1], more.end()
    return _Options(letters.upper(), end, is_open)


def _is_option(letter: str, answer: str, end: int) -> bool:
    """Tells a lone letter that names an option from an article, a pronoun, or the head of C++ and C-3."""
    if _NO_OPTION_AFTER.match(answer, end):
        return False
    if letter.islower():
        return _ENDS.match(answer, end) is not None
    if letter == "A":
        return not _ARTICLE_AFTER.match(answer, end)
    return not (letter == "I" and _PRONOUN_AFTER.match(answer, end))
