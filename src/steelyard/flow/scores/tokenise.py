"""What counts as one token of a text; the choice moves BLEU and ROUGE by many points, so it is always named."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Literal

from steelyard.flow.scores.normalise import Steps, normalise

if TYPE_CHECKING:
    from collections.abc import Callable

TokeniserName = Literal["auto", "char", "word", "jieba", "13a", "zh"]
Tokens = tuple[str, ...]

MAX_CHARACTERS = 100_000
"""Longer texts are compared by their first so many characters, so that no answer can hold up a run."""
CACHED_LENGTH = 16_384
"""Longer texts are not kept in memory for the next scorer."""

# Written without spaces, each character about a morpheme: Han, kana, bopomofo, and Hangul with its jamo.
_BY_CHARACTER = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u312f\u3131-\u318e"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U000323af"
)
_WORD = rf"[^\W_{_BY_CHARACTER}]+"
_AUTO = re.compile(rf"([{_BY_CHARACTER}]+)|({_WORD}(?:[\u0300-\u036f]+(?:{_WORD})?)*|\S)")
_LATIN = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")
_LATIN_MIXED = re.compile(r"(?=.*[^a-zA-Z0-9])[\x21-\x7e]{2,}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def _auto(text: str) -> Tokens:
    # A string yields its characters, a tuple its one token.
    return tuple(chain.from_iterable([characters or (other,) for characters, other in _AUTO.findall(text)]))


def _char(text: str) -> Tokens:
    return tuple("".join(text.split()))


def _word(text: str) -> Tokens:
    return tuple(text.split())


def _jieba(text: str) -> Tokens:
    import rjieba

    # The segmenter takes valid Unicode only.
    words: list[str] = rjieba.cut(_SURROGATE.sub("\ufffd", text))
    parted = (
        # It leaves GPT-4 and a.com whole where jieba, the reference, parts them.
        _LATIN.split(word) if _LATIN_MIXED.fullmatch(word) and not rjieba.has_word(word) else (word,)
        for word in words
    )
    return tuple(word for pieces in parted for word in pieces if word and not word.isspace())


def _sacrebleu_13a(text: str) -> Tokens:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    return tuple(Tokenizer13a()(text).split())


def _sacrebleu_zh(text: str) -> Tokens:
    from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

    return tuple(TokenizerZh()(text).split())


_TOKENISERS: dict[str, tuple[int, Callable[[str], Tokens]]] = {
    "auto": (1, _auto),
    "char": (1, _char),
    "word": (1, _word),
    "jieba": (1, _jieba),
    "13a": (1, _sacrebleu_13a),
    "zh": (1, _sacrebleu_zh),
}


def describe_tokeniser(name: str) -> str:
    """Returns the tokeniser with its version, as signatures hold it: `auto.1`."""
    return f"{name}.{_TOKENISERS[name][0]}"


def tokenise(text: str, steps: Steps, tokeniser: str) -> Tokens:
    """Returns the tokens of the normalised text's first `MAX_CHARACTERS` characters; never white space, never raises.

    Tokenisers: `auto` one token a Han, kana or Hangul character, a run of other letters and digits, or any other
    character; `char` every character; `word` split at white space; `jieba` Chinese words by dictionary; `13a` and
    `zh` as sacrebleu has them. Scorers with one pipeline share the work on recent texts.
    """
    if len(text) > CACHED_LENGTH:
        return _tokenise(text, steps, tokeniser)
    return _tokenise_cached(text, steps, tokeniser)


def _tokenise(text: str, steps: Steps, tokeniser: str) -> Tokens:
    return _TOKENISERS[tokeniser][1](normalise(text, steps)[:MAX_CHARACTERS])


_tokenise_cached = lru_cache(maxsize=16)(_tokenise)
