"""Baselines that need no endpoint: echo the question, guess the commonest answer, or look up a neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.adapters.providers.halves import Example, half_of, split_halves
from steelyard.adapters.providers.nearest import NearestText
from steelyard.adapters.providers.scripted import count_tokens
from steelyard.domain.answer import Answer, AttemptFailure, FailureReason, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steelyard.domain.request import Request
    from steelyard.domain.row import Row


class EchoProvider:
    """Answers with the last user input."""

    async def attempt(self, request: Request) -> Answer | AttemptFailure:
        """Returns the request's prompt as the answer."""
        return _answer(request.prompt, request.prompt, "echo")

    async def probe(self) -> AttemptFailure | None:
        """Is always there."""
        return None

    async def close(self) -> None:
        """Holds nothing."""


class Baseline:
    """A baseline that looks at references: each row is answered from the half of the data it is not in."""

    name = ""

    def __init__(self) -> None:
        self._seed = 0
        self._fitted = False

    def fit(self, rows: Iterable[Row], seed: int) -> None:
        """Learns from the rows' references; reads the rows once and replaces what was learned before."""
        self._seed = seed
        self._learn(split_halves(rows, seed))
        self._fitted = True

    async def attempt(self, request: Request) -> Answer | AttemptFailure:
        """Returns the answer that the other half suggests, or a failure when that half has no reference."""
        if not self._fitted:
            return _unsupported(f"builtin:{self.name} has not been fitted on rows")
        text = self._suggest(1 - half_of(request.row_id, self._seed), request.prompt)
        if text is None:
            return _unsupported(f"builtin:{self.name} found no reference in the half of the rows it may look at")
        return _answer(request.prompt, text, self.name)

    async def probe(self) -> AttemptFailure | None:
        """Is always there."""
        return None

    async def close(self) -> None:
        """Forgets what was learned."""
        self._fitted = False
        self._learn(([], []))

    def _learn(self, halves: tuple[list[Example], list[Example]]) -> None:
        raise NotImplementedError

    def _suggest(self, half: int, prompt: str) -> str | None:
        raise NotImplementedError


class MajorityProvider(Baseline):
    """Answers with the commonest reference; of equally common ones, the one that comes first in the file."""

    name = "majority"

    def _learn(self, halves: tuple[list[Example], list[Example]]) -> None:
        self._commonest = [_commonest(half) for half in halves]

    def _suggest(self, half: int, prompt: str) -> str | None:
        del prompt
        return self._commonest[half]


class RetrievalProvider(Baseline):
    """Answers with the reference of the most similar input, or the commonest one when nothing is similar at all."""

    name = "retrieval"

    def _learn(self, halves: tuple[list[Example], list[Example]]) -> None:
        self._halves = halves
        self._commonest = [_commonest(half) for half in halves]
        self._indexes = [NearestText([example.input for example in half]) for half in halves]

    def _suggest(self, half: int, prompt: str) -> str | None:
        nearest = self._indexes[half].find(prompt)
        return self._commonest[half] if nearest is None else self._halves[half][nearest].reference


def _commonest(examples: list[Example]) -> str | None:
    counts: dict[str, int] = {}
    for example in examples:
        counts[example.reference] = counts.get(example.reference, 0) + 1
    return max(counts, key=counts.__getitem__, default=None)


def _answer(prompt: str, text: str, model: str) -> Answer:
    return Answer(text, "", Usage(count_tokens(prompt), count_tokens(text)), "stop", model)


def _unsupported(message: str) -> AttemptFailure:
    return AttemptFailure(FailureReason.UNSUPPORTED, message, retryable=False)
