"""BLEU-4 of each answer, and of the whole corpus from the answers' counts."""

from __future__ import annotations

from collections import Counter
from math import exp, log
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.scores.ngrams import ngrams, shared_ngrams
from steelyard.flow.scores.normalise import Steps
from steelyard.flow.scores.text import NO_REFERENCE, TokenOptions, TokenScorer
from steelyard.flow.scores.tokenise import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

_ORDERS = 4


class BleuOptions(TokenOptions):
    """Options of `bleu`."""

    normaliser: Steps = Field(
        ("strip_think", "nfkc"), description="Steps applied to answer and reference, in order, before tokenising."
    )
    smoothing: Literal["exp", "none"] = Field(
        "exp", description="exp: orders without a match count 1/2, 1/4 ... of a match; none: they make BLEU 0."
    )


class Bleu(TokenScorer[BleuOptions]):
    """BLEU-4 (Papineni 2002) of one answer; the metric is corpus BLEU, which is not the mean of the answers' scores.

    Several references count together: n-grams are clipped by the reference that has most of them, and the brevity
    penalty takes the closest length. A text shorter than four tokens is scored by the orders it has. Smoothing is
    that of sacrebleu ("exp", NIST's method); it matters only when an order has no match.

    `parts` of a score: matches and totals for orders 1 to 4, the answer's length, the reference's length.
    """

    name = "bleu"
    options_type = BleuOptions

    @property
    def metric(self) -> str:
        """bleu4."""
        return "bleu4"

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Returns sentence BLEU with its parts; an empty answer has parts too, since it makes the corpus shorter."""
        if not case.references:
            return NO_REFERENCE
        whole = self.tokens(case.answer)
        answer = self.without_stop_words(whole)
        wholes = [tokens for reference in case.references if (tokens := self.tokens(reference))]
        references = [tokens for reference in wholes if (tokens := self.without_stop_words(reference))]
        parts = _parts(answer, references)
        if not whole:
            return Scored(0.0, "nothing to compare in the answer", "empty_answer", parts)
        if not answer or (wholes and not references):
            side = "reference" if answer else "answer"
            return Scored(0.0, f"only stop words in the {side}", "only_stop_words", parts)
        return Scored(self._value(parts), "" if references else "nothing to compare in the reference", parts=parts)

    def pool(self, parts: Sequence[Sequence[float]]) -> float | None:
        """Returns corpus BLEU of the answers' parts, 0..1; None when there are none."""
        return self._value([sum(column) for column in zip(*parts, strict=True)]) if parts else None

    def _value(self, parts: Sequence[float]) -> float:
        matches, totals, (length, wanted) = parts[:_ORDERS], parts[_ORDERS : 2 * _ORDERS], parts[2 * _ORDERS :]
        if not matches[0]:
            return 0.0
        logs: list[float] = []
        smoothed = 1.0
        for matched, total in zip(matches, totals, strict=True):
            if not total:
                break
            if not matched and self.options.smoothing == "none":
                return 0.0
            if not matched:
                smoothed *= 2
            logs.append(log((matched or 1 / smoothed) / total))
        brevity = min(0.0, 1 - wanted / length)
        return exp(brevity + sum(logs) / len(logs))


def _parts(answer: Tokens, references: list[Tokens]) -> tuple[float, ...]:
    matches = [float(_clipped(answer, references, order)) for order in range(1, _ORDERS + 1)]
    totals = [float(max(0, len(answer) - order)) for order in range(_ORDERS)]
    lengths = [len(reference) for reference in references]
    closest = min(lengths, key=lambda length: (abs(length - len(answer)), length), default=0)
    return (*matches, *totals, float(len(answer)), float(closest))


def _clipped(answer: Tokens, references: list[Tokens], order: int) -> int:
    if len(references) == 1:
        return shared_ngrams(answer, references[0], order)
    counts = [Counter(ngrams(reference, order)) for reference in references]
    return sum(
        min(n, max((count[gram] for count in counts), default=0)) for gram, n in Counter(ngrams(answer, order)).items()
    )
