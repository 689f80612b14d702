"""Scores by characters: chrF and edit similarity."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.scores.normalise import Steps
from steelyard.flow.scores.scorer import best
from steelyard.flow.scores.text import NO_REFERENCE, TextOptions, TextScorer
from steelyard.flow.scores.tokenise import MAX_CHARACTERS


class ChrfOptions(TextOptions):
    """Options of `chrf`."""

    normaliser: Steps = Field(
        ("strip_think", "nfkc"),
        description="Steps applied to answer and reference, in order; white space never counts.",
    )
    char_order: int = Field(6, ge=1, le=10, description="Longest run of characters.")
    word_order: int = Field(0, ge=0, le=4, description="Longest run of words; 2 is chrF++.")
    beta: int = Field(2, ge=1, le=10, description="Weight of recall over precision.")


class Chrf(TextScorer[ChrfOptions]):
    """chrF of one answer, computed by sacrebleu and divided by 100; the metric is the mean over rows."""

    name = "chrf"
    options_type = ChrfOptions

    def __init__(self, options: ChrfOptions | None = None) -> None:
        super().__init__(options)
        self._chrf: Any = None

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Returns the best score over the references; an empty side scores 0."""
        if not case.references:
            return NO_REFERENCE
        answer = self.clean(case.answer)[:MAX_CHARACTERS]
        if not answer.strip():
            return Scored(0.0, "the answer is empty", "empty_answer")
        if self._chrf is None:
            from sacrebleu.metrics.chrf import CHRF

            options = self.options
            self._chrf = CHRF(char_order=options.char_order, word_order=options.word_order, beta=options.beta)
        references = [self.clean(reference)[:MAX_CHARACTERS] for reference in case.references]
        return best(Scored(self._against(answer, reference)) for reference in references)

    def _against(self, answer: str, reference: str) -> float:
        return min(1.0, self._chrf.sentence_score(answer, [reference]).score / 100)


class EditSimilarity(TextScorer):
    """1 - Levenshtein distance / length of the longer text, in characters; two empty texts are equal."""

    name = "edit_similarity"

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Returns the best similarity over the references."""
        if not case.references:
            return NO_REFERENCE
        from rapidfuzz.distance import Levenshtein

        answer = self.clean(case.answer)[:MAX_CHARACTERS]
        references = [self.clean(reference)[:MAX_CHARACTERS] for reference in case.references]
        value = max(Levenshtein.normalized_similarity(answer, reference) for reference in references)
        return Scored(value) if answer else Scored(value, "the answer is empty", "empty_answer")
