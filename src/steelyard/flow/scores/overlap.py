"""Scores of shared tokens: accuracy, token F1 and ROUGE."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from steelyard.domain.score import Scored
from steelyard.flow.scores.ngrams import shared_ngrams
from steelyard.flow.scores.normalise import Steps
from steelyard.flow.scores.text import TokenOptions, TokenScorer
from steelyard.flow.scores.tokenise import Tokens


class AccuracyOptions(TokenOptions):
    """Options of `accuracy`."""

    normaliser: Steps = Field(
        ("strip_think", "nfkc", "lower", "end_punctuation"),
        description="Steps applied to answer and reference, in order, before tokenising.",
    )


class Accuracy(TokenScorer[AccuracyOptions]):
    """1 when answer and reference are the same tokens in the same order, else 0.

    Exact match that white space, case, width, a final full stop and stop words do not break.
    """

    name = "accuracy"
    kind = "rate"
    options_type = AccuracyOptions
    both_empty = 1

    def compare(self, answer: Tokens, reference: Tokens) -> Scored:
        """Compares whole sequences."""
        equal = answer == reference
        return Scored(float(equal), "equal" if equal else "differs from the reference")


class TokenF1Options(TokenOptions):
    """Options of `token_f1`."""

    normaliser: Steps = Field(
        ("strip_think", "nfkc", "lower", "punctuation", "articles"),
        description="Steps applied to answer and reference, in order, before tokenising.",
    )


class TokenF1(TokenScorer[TokenF1Options]):
    """Harmonic mean of the shares of tokens that both sides have in common, repeated ones as often as in both.

    Source: the official SQuAD evaluation scripts (v1.1 and v2.0; an empty answer to an empty reference is right).
    """

    name = "token_f1"
    options_type = TokenF1Options
    both_empty = 1

    def compare(self, answer: Tokens, reference: Tokens) -> Scored:
        """Counts shared tokens, whatever their order."""
        shared = shared_ngrams(answer, reference, 1)
        value = 2 * shared / (len(answer) + len(reference))
        return Scored(value, f"{shared} shared of {len(answer)} and {len(reference)} tokens")


def _upper(value: Any) -> Any:
    return str(value).upper() if isinstance(value, str) or type(value) is int else value


class RougeOptions(TokenOptions):
    """Options of `rouge`."""

    variant: Annotated[Literal["1", "2", "L"], BeforeValidator(_upper)] = Field(
        "L", description="1: single tokens; 2: pairs; L: longest common subsequence."
    )
    measure: Literal["f", "precision", "recall"] = Field("f", description="What of precision and recall is the score.")
    beta: float = Field(1.0, gt=0, le=100, description="Weight of recall over precision in f.")


class Rouge(TokenScorer[RougeOptions]):
    """ROUGE-1, ROUGE-2 or ROUGE-L of the tokens; punctuation does not count by default.

    Source: Lin 2004, with clipped counts: a repeated n-gram counts as often as both sides have it.
    """

    name = "rouge"
    options_type = RougeOptions

    @property
    def metric(self) -> str:
        """rouge_1, rouge_2 or rouge_l."""
        return "rouge_" + self.options.variant.lower()

    def compare(self, answer: Tokens, reference: Tokens) -> Scored:
        """Counts what both share; a text of one token has no pair, so its ROUGE-2 is 0."""
        if self.options.variant == "L":
            shared, total_answer, total_reference = _common_length(answer, reference), len(answer), len(reference)
        else:
            order = int(self.options.variant)
            shared = shared_ngrams(answer, reference, order)
            total_answer, total_reference = len(answer) - order + 1, len(reference) - order + 1
        return Scored(self._measured(shared, total_answer, total_reference))

    def _measured(self, shared: int, total_answer: int, total_reference: int) -> float:
        if not shared:
            return 0.0
        precision, recall = shared / total_answer, shared / total_reference
        if self.options.measure != "f":
            return precision if self.options.measure == "precision" else recall
        weight = self.options.beta**2
        return (1 + weight) * precision * recall / (weight * precision + recall)


def _common_length(a: Tokens, b: Tokens) -> int:
    from rapidfuzz.distance import LCSseq

    return LCSseq.similarity(a, b)
