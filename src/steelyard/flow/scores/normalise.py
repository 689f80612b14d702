"""Named, versioned steps that make two spellings of the same text equal before they are compared."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from steelyard.flow.answers.folding import fold
from steelyard.flow.answers.reasoning import split_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

StepName = Literal[
    "strip_think",
    "nfkc",
    "lower",
    "punctuation",
    "split_punctuation",
    "ascii_punctuation",
    "end_punctuation",
    "articles",
    "whitespace",
]
Steps = tuple[StepName, ...]

_MARK = re.compile(r"[^\w\s]|_")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_ASCII_PUNCTUATION = {ord(char): None for char in string.punctuation}
_END_PUNCTUATION = " \t\r\n.,;:!?。．，、；：！？…"


@lru_cache(maxsize=4096)
def _is_punctuation(char: str) -> bool:
    """Tells Unicode category P and the ASCII symbols that keyboards treat as punctuation ($ + < = > ^ ` | ~)."""
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def _punctuation(text: str) -> str:
    return _MARK.sub(lambda match: "" if _is_punctuation(match[0]) else match[0], text)


def _split_punctuation(text: str) -> str:
    return _MARK.sub(lambda match: " " if _is_punctuation(match[0]) else match[0], text)


def _strip_think(text: str) -> str:
    return split_reasoning(text)[0]


def _whitespace(text: str) -> str:
    return " ".join(text.split())


_STEPS: dict[str, tuple[int, Callable[[str], str]]] = {
    "strip_think": (1, _strip_think),
    "nfkc": (1, fold),
    "lower": (1, str.lower),
    "punctuation": (1, _punctuation),
    "split_punctuation": (1, _split_punctuation),
    "ascii_punctuation": (1, lambda text: text.translate(_ASCII_PUNCTUATION)),
    "end_punctuation": (1, lambda text: text.rstrip(_END_PUNCTUATION)),
    "articles": (1, lambda text: _ARTICLES.sub(" ", text)),
    "whitespace": (1, _whitespace),
}


def normalise(text: str, steps: Sequence[StepName]) -> str:
    """Returns the text after the steps, in their order; linear in the text's length, never raises.

    Steps: `strip_think` drops <think> blocks; `nfkc` folds full-width, half-width and composed forms (Unicode NFKC);
    `lower` lower-cases; `punctuation` removes punctuation (it's -> its), `split_punctuation` makes a space of it
    (it's -> it s), `ascii_punctuation` removes ASCII punctuation only, `end_punctuation` removes it at the end only;
    `articles` removes a, an, the; `whitespace` trims and joins runs of white space into one space.
    """
    for step in steps:
        text = _STEPS[step][1](text)
    return text


def describe_steps(steps: Sequence[StepName]) -> str:
    """Returns the pipeline with the version of each step, as signatures hold it: `nfkc.1+lower.1`, or `none`."""
    return "+".join(f"{step}.{_STEPS[step][0]}" for step in steps) or "none"
