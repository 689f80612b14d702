"""Reads the number that an answer gives: Arabic digits, fractions, percentages, and Chinese numerals."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, NamedTuple

from steelyard.flow.answers.chinese_number import CHINESE_NUMERAL, read_chinese
from steelyard.flow.answers.folding import fold
from steelyard.flow.answers.reasoning import split_reasoning

Pick = Literal["explicit", "last", "first", "only"]

_LONGEST_READ = 20_000
_LONGEST_DIGITS = 400
_LARGEST_EXPONENT = 400

_UNITS = {
    "百": 100,
    "千": 1000,
    "万": 10**4,
    "萬": 10**4,
    "百万": 10**6,
    "千万": 10**7,
    "亿": 10**8,
    "億": 10**8,
    "万亿": 10**12,
}
_DECIMAL = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_ARABIC = (
    rf"(?P<sign>(?<![\w.)\]])[+-]\s?)?(?P<currency>[$¥€£]\s?)?(?<![\d.])(?P<digits>{_DECIMAL})(?!\.?\d)(?:[eE](?P<exponent>[+-]?\d+)(?![\w.]))?"
    rf"(?:\s?(?:[x×*]|\\times)\s?10\s?(?:\^|\*\*)\s?\{{?(?P<power>[+-]?\d+)\}}?)?"
    r"(?:\s?[/⁄]\s?(?P<denominator>\d+(?:\.\d+)?)(?![\d/]))?"
    r"\s?(?P<unit>万亿|百万|千万|千(?![米克瓦卡])|百(?!分)|[万萬亿億])?\s?(?P<percent>\\?%|‰|个百分点)?"
)
_FRACTION = r"(?P<minus>-\s?)?\\[dt]?frac\s*\{\s*(?P<top>-?\d+(?:\.\d+)?)\s*\}\s*\{\s*(?P<bottom>-?\d+(?:\.\d+)?)\s*\}"
_NUMBER = re.compile(rf"{_FRACTION}|{_ARABIC}|(?P<chinese>{CHINESE_NUMERAL})")
_MARKER = re.compile(
    r"####|\\boxed\s*\{|\b(?:answer|result|total)\s*(?:\bis\b|\bequals\b|[:=])|答案(?:应该|应)?(?:是|为|[:=])|(?:结果|总共|一共|共计|合计|等于)(?:是|为|有|[:=])?",
    re.IGNORECASE,
)
_REACH = re.compile(r"[^\n。]{0,80}")
_SUM = re.compile(r"\s*[+\-*/×÷=]\s*[\d(]")
_MINUS = str.maketrans({"−": "-", "﹣": "-", "\u2010": "-", "\u2011": "-", "\u2012": "-"})


class Number(NamedTuple):
    """A number as it was read: exact, with percentages already divided (50% is 1/2)."""

    value: Fraction
    percent: bool
    text: str
    """As it stands in the answer, after NFKC."""


def extract_number(text: str, pick: Pick = "explicit") -> Number | None:
    r"""Returns the number that the answer gives, or None when none can be read.

    Reads signs, thousands separators, decimals, 1e5, 2×10^3, 3/4, \frac{3}{4}, 50%, 3.5万, and Chinese numerals
    (三百二十一, 两万, 百分之五, 三分之一). A Chinese numeral counts where it cannot be part of a word.

    Args:
        text: the answer; <think> blocks are left out, NFKC is applied, the last 20,000 characters are read.
        pick: `explicit` the first number after the last "answer is", 答案, \boxed or ####, else the last number;
            `last`, `first`; `only` the number when all numbers in the text are equal.
    """
    answer = fold(split_reasoning(text)[0][-_LONGEST_READ:]).translate(_MINUS).strip()
    if pick == "explicit":
        for marker in reversed(list(_MARKER.finditer(answer))):
            reach = _REACH.match(answer, marker.end())
            found = _numbers(answer, marker.end(), reach.end() if reach else len(answer))
            if found:
                return _of_sum(answer, found)
    found = _numbers(answer)
    if not found or (pick == "only" and len({number.value for number, _ in found}) > 1):
        return None
    return found[0 if pick == "first" else -1][0]


def _numbers(text: str, start: int = 0, end: int = _LONGEST_READ) -> list[tuple[Number, int]]:
    """Returns each number with the place where it ends."""
    found = ((_number(match, text), match.end()) for match in _NUMBER.finditer(text, start, end))
    return [(number, place) for number, place in found if number is not None]


def _of_sum(text: str, found: list[tuple[Number, int]]) -> Number:
    """Returns the first number, or the result when it only begins a sum: 3 + 4 = 7."""
    first, end = found[0]
    if len(found) > 1 and _SUM.match(text, end):
        last = found[-1]
        return last[0] if "=" in text[end : last[1]] else first
    return first


def _number(match: re.Match[str], text: str) -> Number | None:
    if match["chinese"]:
        read = read_chinese(match["chinese"], before=text[: match.start()], after=text[match.end() :][:2])
        return None if read is None else Number(read[0], read[1], match[0])
    if match["top"]:
        bottom = _fraction(match["bottom"])
        value = _fraction(match["top"]) / bottom if bottom else None
        return None if value is None else Number(-value if match["minus"] else value, False, match[0])
    value = _arabic(match)
    if value is None:
        return None
    percent = match["percent"]
    if percent:
        value /= 1000 if percent == "‰" else 100
    return Number(value, bool(percent), match[0].strip())


def _arabic(match: re.Match[str]) -> Fraction | None:
    digits = match["digits"].replace(",", "")
    exponent = match["exponent"] or match["power"] or "0"
    if len(digits) > _LONGEST_DIGITS or len(exponent) > 4 or abs(int(exponent)) > _LARGEST_EXPONENT:
        return None
    value = _fraction(digits) * Fraction(10) ** int(exponent)
    if match["denominator"]:
        if len(match["denominator"]) > _LONGEST_DIGITS or not (bottom := _fraction(match["denominator"])):
            return None
        value /= bottom
    value *= _UNITS.get(match["unit"] or "", 1)
    return -value if (match["sign"] or "").startswith("-") else value


def _fraction(digits: str) -> Fraction:
    return Fraction(digits if not digits.startswith(".") else "0" + digits)
