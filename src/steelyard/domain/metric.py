"""A number of the report (指标): never without its n, what is missing from it, and how sure it is."""

from __future__ import annotations

from msgspec import Struct


class Metric(Struct, frozen=True):
    """One metric of one unit, over the rows that have a score."""

    name: str
    value: float | None
    """0..1; None when nothing could be scored."""
    n: int
    """Rows with a score (a row's repeats and turns are averaged first)."""
    n_unscored: int
    """Rows without any: failed requests, missing references, unreadable verdicts."""
    coverage: float
    """n / (n + n_unscored), 0..1; 0 when there are no rows."""
    interval: tuple[float, float] | None
    """95 %, in the unit of `value`."""
    interval_reason: str
    """Which method gave the interval (wilson, t, bootstrap_bca, clustered_t ...), or why there is none."""
    signature: str
    """name|options|tokeniser|normaliser|version: only metrics with equal signatures are comparable."""
    n_flagged: dict[str, int] = {}
    """Scored rows by flag: unparsed, empty_answer, ..."""
    std: float | None = None
    """Sample standard deviation of the rows' scores."""


class PairedDifference(Struct, frozen=True):
    """Metric of `a` minus metric of `b` over the rows that both have a score for."""

    metric: str
    signature: str
    a: str
    b: str
    """Labels of the two objects."""
    difference: float | None
    n: int
    interval: tuple[float, float] | None
    p_value: float | None
    """Two-sided; McNemar mid-p for 0/1 scores, paired permutation (or its normal limit) else."""
    p_adjusted: float | None
    """Holm over all pairs of this metric."""
    method: str
    wins: int = 0
    ties: int = 0
    losses: int = 0
    """Rows where a is better, equal, worse."""
    dataset: str = ""
