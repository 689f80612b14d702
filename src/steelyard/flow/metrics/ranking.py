"""Strengths of many objects from wins between pairs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from steelyard.flow.metrics.intervals import Floats


_STEPS = 200
_STRENGTH_MAX = 30.0
"""Odds of 1 to 10^26 between two objects: no count of wins shows such a thing, it is the way to infinity."""


class Strengths(NamedTuple):
    """Log strengths with mean 0 and their standard errors, in the order of the wins table."""

    values: Floats
    errors: Floats
    converged: bool
    """False: the steps ended before the maximum was reached, the values are near it at best."""


def bradley_terry(wins: Floats) -> Strengths:
    """Fits P(i beats j) = 1 / (1 + exp(s_j - s_i)) by maximum likelihood.

    Args:
        wins: k x k, how often row beat column; a tie is half a win for each. The diagonal is ignored.

    Raises:
        InputError: no finite strengths exist, since some objects never lost to, or never met, the others; or they are
            so lopsided that the strengths run away.

    Source: Bradley and Terry (1952); existence by Ford (1957); Newton steps on the concave likelihood.
    """
    wins = wins.copy()
    np.fill_diagonal(wins, 0.0)
    if not _connected(wins):
        raise _no_strengths("the objects fall into two sets of which one never lost to the other")
    scale = float(wins.max())
    try:
        fit = _climb(wins / scale)
    except np.linalg.LinAlgError:
        raise _no_strengths("some objects won so much more often than others that nothing bounds them") from None
    if float(np.abs(fit.values).max()) > _STRENGTH_MAX or not np.isfinite(fit.errors).all():
        raise _no_strengths("some objects won so much more often than others that nothing bounds them")
    return fit._replace(errors=fit.errors / np.sqrt(scale))


def _climb(wins: Floats) -> Strengths:
    size, games = len(wins), wins + wins.T
    strengths = np.zeros(size)
    best, converged = _likelihood(strengths, wins), False
    for _ in range(_STEPS):
        beats = _beats(strengths)
        # Each term by itself is exact where wins are lopsided; their sums would cancel.
        gradient = (wins * beats.T - wins.T * beats).sum(axis=1)
        # The information knows nothing of a common shift; adding 1/size to every cell pins the mean at 0.
        step = np.linalg.solve(_information(games, beats) + 1.0 / size, gradient)
        if converged := float(np.abs(step).max()) < 1e-9:
            break
        part = 1.0
        while part > 1e-9 and _likelihood(strengths + part * step, wins) < best - 1e-14 * abs(best):
            part /= 2.0
        strengths = strengths + part * step
        strengths -= strengths.mean()
        if float(np.abs(strengths).max()) > 2.0 * _STRENGTH_MAX:
            break
        best = _likelihood(strengths, wins)
    variances = np.diag(np.linalg.inv(_information(games, _beats(strengths)) + 1.0 / size)) - 1.0 / size
    if not (variances > 0.0).all():
        raise np.linalg.LinAlgError
    return Strengths(strengths, np.sqrt(variances), converged)


def _beats(strengths: Floats) -> Floats:
    """Returns the chance that row beats column."""
    return 1.0 / (1.0 + np.exp(np.clip(strengths[None, :] - strengths[:, None], -500, 500)))


def _no_strengths(why: str) -> InputError:
    return InputError(
        f"no finite strengths exist: {why}",
        where="wins",
        hint="add comparisons, or a prior of 0.5 wins a pair",
        code="not_connected",
    )


def _likelihood(strengths: Floats, wins: Floats) -> float:
    return -float((wins * np.logaddexp(0.0, strengths[None, :] - strengths[:, None])).sum())


def _information(games: Floats, beats: Floats) -> Floats:
    weights = games * beats * beats.T
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
