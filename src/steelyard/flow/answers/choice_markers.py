"""The phrases, Chinese and English, after which an answer names the option it chooses."""

from __future__ import annotations

import re

_IS = r"(?:is|are|was|would\s+be|should\s+be|must\s+be|might\s+be|may\s+be|has\s+to\s+be|will\s+be|seems\s+to\s+be)"
_ADVERB = r"(?:\s+(?:most\s+likely|likely|probably|clearly|therefore|definitely|thus|indeed|actually|really))?"
_NOUN = r"(?:\s+(?:the\s+)?(?:option|choice|letter|answer))?"

_ENGLISH = (
    # "option" and "choice" by themselves only name an option: "option A is wrong" states nothing.
    (
        r"\b(?:answers?(?:[ -](?:choice|option|letter))?"
        r"|(?:correct|right|best|final|chosen|my)\s+(?:choice|option|letter|guess))"
        rf"(?:\s+(?:to|for)\s+[^.:\n]{{1,40}}?(?=\s+{_IS}\b|\s*:))?[*_`]{{0,3}}(?:,\s*\w+,)?"
        rf"(?:\s*(?:[:=–—-]|=>|->)|\s+{_IS})?(?:\s*:)?{_ADVERB}{_NOUN}"
    ),
    r"\b(?:choose|chose|pick|picked|select|selected|go\s+with|going\s+with|opt\s+for|settle\s+on)" + _NOUN,
    rf"\b(?:it|that|which)(?:\s+{_IS}|'s){_ADVERB}\s+(?:option|choice|letter)",
    rf"\b(?:it|that)(?:\s+{_IS}|'s){_ADVERB}(?=\s+[(\[*]{{0,3}}[A-J][)\]*]{{0,3}}\s*(?:[.,;!]|$))",
    r"\bI(?:'d|\s+would)?\s+(?:think|believe|say|guess)(?:\s+that)?(?:\s+(?:it\s+is|it's))?(?:\s+option)?",
    r"\b(?:so|thus|hence|therefore),?(?=\s+[(\[*]{0,3}[A-J][)\]*]{0,3}\s*(?:[.!]|$))",
    r"\bnot\s+[(\[*]{0,3}[A-J][)\]*]{0,3}\s*,?\s*(?:but|rather)\b",
)
_CHINESE = (
    r"答案(?:选项)?(?:应该|应当|应|就|只能|必然|显然|最终|自然)?(?:是|为|选择|选)?(?:\s*[:=])?(?:选项)?",
    r"答\s*:",
    r"(?:最佳|合适|恰当|最终)的?(?:选项|选择|一项)(?:应该|应当|应|就|只能)?(?:是|为|\s*[:=])(?:选项)?",
    r"(?:不?正确|错误|不对|不?符合题意|不?符合要求|不?恰当)的?(?:一项|选项|选择|说法|叙述)?(?:应该|应)?(?:是|为|有|\s*[:=])(?:选项)?",
    r"(?:选择|选)(?:的是|的|了|定|答案|选项|是|为)?(?:\s*[:=])?(?:选项)?",
    r"(?:应该|应当|应|因此|所以|故|就|而|那么|显然)(?:是|为)(?:选项)?",
    r"(?<=[,。;])\s*是(?:选项)?",
    r"(?:我认为|我觉得|我想)(?:应该|应|就)?(?:是|选)?(?:选项)?",
)

STATEMENT = re.compile("|".join((*_ENGLISH, *_CHINESE)), re.IGNORECASE)
"""An option that follows one of these is an explicit choice."""

BOXED = re.compile(r"\\boxed\s*\{\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?")

NEGATED = re.compile(
    r"(?:(?:\b(?:not|never|cannot|neither|nor|without|rather\s+than|instead\s+of|avoid|except|eliminate|exclude)|n't)"
    r"(?:\s+(?:say|think|believe|mean|to|be|that|the|have|it))*|(?:不|别|非|勿|没有?|排除|除了)(?:能|会|应该?|要|可能?|是|再|宜|该)*)\s*$",
    re.IGNORECASE,
)
"""What, right before a statement, makes it say the opposite."""

REFUTED = re.compile(
    r"[)\]*]{0,3}\s*(?:选项|项)?\s*(?:是|is|was)?\s*(?:错|不正确|不对|不成立|不符|不行|incorrect|wrong|false|not\b|isn't)",
    re.IGNORECASE,
)
"""What, right after an option, says that it is wrong."""

CALLED_RIGHT = re.compile(
    r"[)\]*]{0,3}\s*(?:is\s+(?:the\s+)?(?:only\s+)?(?:correct|right|best|true)\b"
    r"|is\s+(?:the|my)\s+(?:final\s+)?(?:answer|choice)\b"
    r"|(?:选项|项|答案)?才?(?:是|为)?(?:唯一|完全)*(?:正确|对的|最佳|符合题意|符合要求|最合适|最恰当)(?!吗|与否)|对(?=[。,;!\s]|$))",
    re.IGNORECASE,
)
"""What, right after an option, says that it is right."""
