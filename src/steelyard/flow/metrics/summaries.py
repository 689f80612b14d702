"""From one score a row to the metric with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steelyard.domain.metric import Metric
from steelyard.flow.metrics.bootstrap import RESAMPLES, Pool, bca_interval, pooled_interval, pooled_values
from steelyard.flow.metrics.intervals import (
    Floats,
    Ints,
    clustered_estimate,
    group_codes,
    mean_estimate,
    no_variation_bound,
    shares_groups,
    t_interval,
    varies,
    wilson,
)
from steelyard.flow.metrics.seeds import seed_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from steelyard.flow.metrics.results import ScoreColumn
    from steelyard.flow.metrics.rowmeans import RowMeans

LARGE_ROWS = 300
"""From here on the t interval of a mean is used in place of the bootstrap."""


def summarise(
    column: ScoreColumn,
    means: RowMeans,
    group: Ints,
    chosen: NDArray[np.bool_] | None,
    seed: str,
    resamples: int = RESAMPLES,
) -> Metric:
    """Returns the metric over the chosen rows.

    Args:
        column: names, signature and flags.
        means: one score a row.
        group: group codes by row.
        chosen: the rows of a slice; None: all, and flags are counted.
        seed: what the bootstrap is seeded from, besides the signature.
        resamples: of the bootstrap.
    """
    rows = means.scored if chosen is None else means.scored & chosen
    total = len(means.scored) if chosen is None else int(chosen.sum())
    values, codes = means.value[rows], group[rows]
    n = len(values)
    interval, reason = mean_interval(
        values, codes, binary=means.binary, seed=seed_of(seed, column.signature), resamples=resamples
    )
    return Metric(
        name=column.metric,
        value=float(values.mean()) if n else None,
        n=n,
        n_unscored=total - n,
        coverage=n / total if total else 0.0,
        interval=interval,
        interval_reason=reason,
        signature=column.signature,
        n_flagged=dict(sorted(column.flags.items())) if chosen is None else {},
        std=float(values.std(ddof=1)) if n > 1 else None,
    )


def mean_interval(
    values: Floats, groups: Ints, *, binary: bool, seed: int, resamples: int = RESAMPLES
) -> tuple[tuple[float, float] | None, str]:
    """Returns the 95 % interval of a mean of scores in 0..1, and the method that gave it.

    wilson: one 0/1 score a row; clustered_t: some rows share a group; t: 300 rows or more, or repeated rates;
    bootstrap_bca: fewer; wilson_bound: the scores do not differ, or are all of one group; no_scores: there are none.
    """
    n = len(values)
    if n == 0:
        return None, "no_scores"
    clustered = shares_groups(groups)
    if binary and not clustered:
        return wilson(float(values.sum()), n), "wilson"
    independent = int(group_codes(groups).max()) + 1
    if independent < 2 or not varies(values):
        return no_variation_bound(float(values.mean()), independent, 0.0, 1.0), "wilson_bound"
    if not clustered and n < LARGE_ROWS:
        return _clipped(bca_interval(values, seed, resamples=resamples)), "bootstrap_bca"
    estimate = clustered_estimate(values, groups) if clustered else mean_estimate(values)
    if estimate.se <= 1e-12:
        return no_variation_bound(estimate.mean, independent, 0.0, 1.0), "wilson_bound"
    return _clipped(t_interval(estimate)), "clustered_t" if clustered else "t"


def summarise_pooled(column: ScoreColumn, means: RowMeans, group: Ints, seed: str) -> Metric | None:
    """Returns the metric that pools all rows before dividing, `<metric>_corpus`; None when the scorer has none."""
    pool = column.pool
    if means.parts is None or pool is None:
        return None
    name, total = pooled_name(column), len(means.scored)
    parts, n = means.parts[means.scored], int(means.scored.sum())
    value = float(pooled_values(parts.sum(axis=0)[None, :], pool)[0]) if n else float("nan")
    known = bool(np.isfinite(value))
    interval, reason = (
        _pooled_interval(parts, group[means.scored], pool, value, seed_of(seed, column.signature))
        if known
        else (None, "no_scores")
    )
    return Metric(
        name=name,
        value=value if known else None,
        n=n,
        n_unscored=total - n,
        coverage=n / total if total else 0.0,
        interval=interval,
        interval_reason=reason,
        signature=pooled_signature(column),
    )


def pooled_name(column: ScoreColumn) -> str:
    """Returns the name of a column's pooled metric."""
    return column.metric + "_corpus"


def pooled_signature(column: ScoreColumn) -> str:
    """Returns the signature of a column's pooled metric: the column's, under the pooled name."""
    return pooled_name(column) + column.signature.removeprefix(column.metric)


def _pooled_interval(
    parts: Floats, groups: Ints, pool: Pool, value: float, seed: int
) -> tuple[tuple[float, float] | None, str]:
    codes = group_codes(groups)
    if int(codes.max()) < 1:
        return None, "one_row"
    interval = pooled_interval(parts, codes, pool, seed)
    if interval is None:
        return None, "undefined_resamples"
    return (min(interval[0], value), max(interval[1], value)), "bootstrap_percentile"


def _clipped(interval: tuple[float, float]) -> tuple[float, float]:
    return max(0.0, interval[0]), min(1.0, interval[1])
