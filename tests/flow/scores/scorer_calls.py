"""Shorthand of the scorer tests."""

from steelyard.domain.score import ScoreCase, Scored, ScorerSpec, Unscored
from steelyard.flow.scores.registry import build_scorer


def score(name: str, answer: str, *references: str, columns=None, **options) -> Scored | Unscored:
    return build_scorer(ScorerSpec(name, options)).score(ScoreCase(answer, references, columns=columns or {}))


def value(name: str, answer: str, *references: str, **options) -> float:
    scored = score(name, answer, *references, **options)
    assert isinstance(scored, Scored), scored
    return scored.value
