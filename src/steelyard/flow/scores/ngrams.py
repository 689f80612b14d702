"""Runs of tokens, and how many of them two texts share."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from steelyard.flow.scores.tokenise import CACHED_LENGTH, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable


def ngrams(tokens: Tokens, order: int) -> Iterable[Any]:
    """Yields each run of `order` tokens; for order 1 the bare tokens."""
    if order == 1:
        return tokens
    if order == 2:
        return pairwise(tokens)
    return zip(*(tokens[start:] for start in range(order)), strict=False)


def shared_ngrams(a: Tokens, b: Tokens, order: int) -> int:
    """Returns how many runs of `order` tokens both have, a repeated one as often as in the side with fewer of it.

    Scorers that ask for the same texts and order share the work.
    """
    if len(a) > CACHED_LENGTH or len(b) > CACHED_LENGTH:
        return _shared(a, b, order)
    return _shared_cached(a, b, order)


def _shared(a: Tokens, b: Tokens, order: int) -> int:
    # Taking from one side's counts what the other has costs half of counting both sides and comparing.
    left = Counter(ngrams(b, order))
    find, shared = left.get, 0
    for gram in ngrams(a, order):
        if count := find(gram):
            left[gram] = count - 1
            shared += 1
    return shared


_shared_cached = lru_cache(maxsize=16)(_shared)
