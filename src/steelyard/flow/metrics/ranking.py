"""Strengths of many objects from wins between pairs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from steelyard.flow.metrics.intervals import Floats


class Strengths(NamedTuple):
    """Log strengths with mean 0 and their standard errors, in the order of the wins table."""

    values: Floats
    errors: Floats


def bradley_terry(wins: Floats) -> Strengths:
    """Fits P(i beats j) = 1 / (1 + exp(s_j - s_i)) by maximum likelihood.

    Args:
        wins: k x k, how often row beat column; a tie is half a win for each. The diagonal is ignored.

    Raises:
        InputError: some objects never lost to, or never met, the others: no finite strength exists.

    Source: Bradley and Terry (1952); existence by Ford (1957); Newton steps on the concave likelihood.
    """
    wins = wins.copy()
    np.fill_diagonal(wins, 0.0)
    if not _connected(wins):
        raise InputError(
            "no finite strengths exist: the objects fall into two sets of which one never lost to the other",
            where="wins",
            hint="add comparisons, or a prior of 0.5 wins a pair",
            code="not_connected",
        )
    size, games, won = len(wins), wins + wins.T, wins.sum(axis=1)
    # The information knows nothing of a common shift; adding 1/size to every cell pins the mean at 0.
    strengths = np.zeros(size)
    best = _likelihood(strengths, wins)
    for _ in range(200):
        expected = 1.0 / (1.0 + np.exp(np.clip(strengths[None, :] - strengths[:, None], -500, 500)))
        gradient = won - (games * expected).sum(axis=1)
        if float(np.abs(gradient).max()) < 1e-10 * max(1.0, float(won.max())):
            break
        step = np.linalg.solve(_information(games, expected) + 1.0 / size, gradient)
        scale = 1.0
        while scale > 1e-9 and _likelihood(strengths + scale * step, wins) < best:
            scale /= 2.0
        strengths = strengths + scale * step
        strengths -= strengths.mean()
        best = _likelihood(strengths, wins)
    expected = 1.0 / (1.0 + np.exp(strengths[None, :] - strengths[:, None]))
    covariance = np.linalg.inv(_information(games, expected) + 1.0 / size) - 1.0 / size
    return Strengths(strengths, np.sqrt(np.diag(covariance)))


def _likelihood(strengths: Floats, wins: Floats) -> float:
    return -float((wins * np.logaddexp(0.0, strengths[None, :] - strengths[:, None])).sum())


def _information(games: Floats, expected: Floats) -> Floats:
    weights = games * expected * (1.0 - expected)
    return np.diag(weights.sum(axis=1)) - weights


def _connected(wins: Floats) -> bool:
    """Says whether every object can be reached from the first, and the first from every object, along wins."""
    return all(_reached(links) for links in (wins > 0, wins.T > 0))


def _reached(links: np.ndarray) -> bool:
    seen = np.zeros(len(links), dtype=bool)
    seen[0] = True
    for _ in range(len(links)):
        seen |= links[seen].any(axis=0)
    return bool(seen.all())
