"""Values of Chinese numerals, and which characters that look like one are part of a word."""

from __future__ import annotations

import re
from fractions import Fraction

_DIGITS = {
    char: value
    for value, chars in enumerate(("零〇", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for char in chars
}
_SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}

_D = "".join(_DIGITS)
_ALL = _D + "".join(_SMALL) + "".join(_LARGE)
_PLAIN = rf"[{_D}十拾][{_ALL}]{{0,40}}(?:点[{_D}]{{1,40}})?"
CHINESE_NUMERAL = rf"负?(?:百分之(?:百|{_PLAIN})|{_PLAIN}分之{_PLAIN}|{_PLAIN})"
"""Regular expression of anything that may be a numeral; `read_chinese` decides."""

_MEASURES = "个只元块本人岁天年月日次米件台条张辆斤克吨页名位头棵朵双套层间度秒角枚支把颗粒杯瓶箱袋题倍毛升里寸尺"
_HAN = re.compile(r"[\u3400-\u9fff]")


def read_chinese(numeral: str, *, before: str = "", after: str = "") -> tuple[Fraction, bool] | None:
    """Returns (value, was it a percentage), or None where this is no number.

    A single character (一, 十) among other Chinese characters counts only before a measure word or after an
    equals-like one: 一起, 十分 and 统一 are words.
    """
    body = numeral.removeprefix("负")
    if len(body) == 1 and not _stands_alone(body, before, after):
        return None
    value, percent = _value(body)
    if value is None:
        return None
    return (-value if len(body) < len(numeral) else value), percent


def _stands_alone(body: str, before: str, after: str) -> bool:
    if after[:1] and after[0] in _MEASURES:
        return not (body in "一十" and before[-1:] in {"统", "唯", "万"})
    previous_is_word = bool(_HAN.match(before[-1:])) and before[-1] not in "是为得于有共第选剩约到"
    return not previous_is_word and not _HAN.match(after[:1])


def _value(body: str) -> tuple[Fraction | None, bool]:
    if body.startswith("百分之"):
        value = _mixed(body.removeprefix("百分之"))
        return (None if value is None else value / 100), True
    bottom, parted, top = body.partition("分之")
    if not parted:
        return _mixed(body), False
    below, above = _mixed(bottom), _mixed(top)
    return (above / below if above is not None and below else None), False


def _mixed(text: str) -> Fraction | None:
    whole, pointed, decimals = text.partition("点")
    value = _whole(whole)
    if value is None or not pointed:
        return None if value is None else Fraction(value)
    shown = "".join(str(_DIGITS[char]) for char in decimals)
    return value + Fraction(int(shown), 10 ** len(shown))


def _whole(text: str) -> int | None:
    if all(char in _DIGITS for char in text):
        return int("".join(str(_DIGITS[char]) for char in text) or "0")
    for unit in ("亿億", "万萬"):
        at = max(text.rfind(char) for char in unit)
        if at >= 0:
            high, low, size = _whole(text[:at]), _whole(text[at + 1 :]), _LARGE[text[at]]
            # 两万五 is 25,000 in speech: a last digit right after a large unit counts a tenth of it.
            spoken = size // 10 if len(text) == at + 2 and text[-1] in _DIGITS else 1
            return None if high is None or low is None else high * size + low * spoken
    return _thousands(text)


def _thousands(text: str) -> int | None:
    total = digit = 0
    smallest = 1
    for char in text:
        if char in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[char]
        else:
            total += (digit or 1) * _SMALL[char]
            smallest, digit = _SMALL[char], 0
    spoken = smallest // 10 if smallest >= 100 and text[-2:-1] not in {"零", "〇"} else 1
    return total + digit * spoken
