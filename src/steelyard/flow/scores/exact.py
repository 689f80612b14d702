"""Equality of normalised texts, and their beginnings and ends."""

from __future__ import annotations

from steelyard.domain.score import ScoreCase, Scored, Unscored
from steelyard.flow.scores.text import BAD_REFERENCE, NO_REFERENCE, TextScorer

_EMPTY = "the answer is empty"


class Exact(TextScorer):
    """1 when the normalised answer equals a normalised reference, else 0; case counts unless `lower` is a step."""

    name = "exact"
    kind = "rate"

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Compares with each reference; two empty texts are equal."""
        if not case.references:
            return NO_REFERENCE
        answer = self.clean(case.answer)
        equal = any(answer == self.clean(reference) for reference in case.references)
        if not answer:
            return Scored(float(equal), _EMPTY, "empty_answer")
        return Scored(float(equal), "equal" if equal else "differs from the reference")


class _Edge(TextScorer):
    kind = "rate"

    def _holds(self, answer: str, reference: str) -> bool:
        raise NotImplementedError

    def score(self, case: ScoreCase) -> Scored | Unscored:
        """Compares with each reference; an empty reference would match everything, so it is a bad one."""
        if not case.references:
            return NO_REFERENCE
        references = [cleaned for reference in case.references if (cleaned := self.clean(reference))]
        if not references:
            return BAD_REFERENCE
        answer = self.clean(case.answer)
        if not answer:
            return Scored(0.0, _EMPTY, "empty_answer")
        found = any(self._holds(answer, reference) for reference in references)
        return Scored(float(found), f"{self.name} found" if found else f"{self.name} not found")


class Prefix(_Edge):
    """1 when the normalised answer starts with a normalised reference, else 0."""

    name = "prefix"

    def _holds(self, answer: str, reference: str) -> bool:
        return answer.startswith(reference)


class Suffix(_Edge):
    """1 when the normalised answer ends with a normalised reference, else 0."""

    name = "suffix"

    def _holds(self, answer: str, reference: str) -> bool:
        return answer.endswith(reference)
