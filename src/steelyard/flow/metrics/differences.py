"""The difference of two units on the rows they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from steelyard.domain.metric import PairedDifference
from steelyard.flow.metrics.bootstrap import pooled_difference, pooled_values
from steelyard.flow.metrics.intervals import Ints, group_codes, no_variation_bound, shares_groups
from steelyard.flow.metrics.paired import holm, mcnemar_mid_p, paired_estimate, permutation_p
from steelyard.flow.metrics.seeds import seed_of
from steelyard.flow.metrics.summaries import pooled_name, pooled_signature

if TYPE_CHECKING:
    from steelyard.flow.metrics.results import ScoreColumn, UnitResults
    from steelyard.flow.metrics.rowmeans import RowMeans

_EQUAL = 1e-12


@dataclass(slots=True)
class ScoredUnit:
    """A unit whose columns have been averaged by row, once for all its comparisons."""

    unit: UnitResults
    label: str
    means: list[RowMeans]
    """One a score column."""


def shared_rows(a: UnitResults, b: UnitResults) -> tuple[Ints, Ints]:
    """Returns the positions in a and in b of the rows that both have, in the order of their keys."""
    _, left, right = np.intersect1d(a.row_key, b.row_key, return_indices=True)
    return left.astype(np.int64), right.astype(np.int64)


def paired_differences(a: ScoredUnit, b: ScoredUnit, seed: str, dataset: str) -> list[PairedDifference]:
    """Returns a minus b for every metric whose signature both units have; p values are not adjusted yet."""
    rows_a, rows_b = shared_rows(a.unit, b.unit)
    of_b = {column.signature: (column, means) for column, means in zip(b.unit.score_columns, b.means, strict=True)}
    found: list[PairedDifference] = []
    for column, means_a in zip(a.unit.score_columns, a.means, strict=True):
        if column.signature not in of_b:
            continue
        means_b = of_b[column.signature][1]
        both = means_a.scored[rows_a] & means_b.scored[rows_b]
        left, right, groups = rows_a[both], rows_b[both], a.unit.group[rows_a[both]]
        stream = seed_of(seed, column.signature)
        blank = PairedDifference(
            column.metric,
            column.signature,
            a.label,
            b.label,
            None,
            len(left),
            None,
            None,
            None,
            "no_common_rows",
            dataset=dataset,
        )
        found.append(_mean_difference(blank, means_a, means_b, left, right, groups, stream))
        if means_a.parts is not None and means_b.parts is not None:
            blank = replace(blank, metric=pooled_name(column), signature=pooled_signature(column))
            found.append(_pooled_difference(blank, column, means_a, means_b, left, right, groups, stream))
    return found


def _mean_difference(
    blank: PairedDifference, a: RowMeans, b: RowMeans, left: Ints, right: Ints, groups: Ints, seed: int
) -> PairedDifference:
    n = len(left)
    if n == 0:
        return blank
    differences = a.value[left] - b.value[right]
    differences[np.abs(differences) < _EQUAL] = 0.0
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    mean = float(differences.mean())
    clustered = shares_groups(groups)
    binary = a.binary and b.binary
    independent = int(group_codes(groups).max()) + 1
    varied = (
        independent > 1 and float(np.ptp(differences)) > _EQUAL and not (clustered and _no_spread(differences, groups))
    )
    if varied:
        interval, p, method = paired_estimate(differences, groups)
        interval = max(-1.0, interval[0]), min(1.0, interval[1])
    else:
        interval, p, method = no_variation_bound(mean, independent, -1.0, 1.0), None, "wilson_bound"
    if not clustered:
        p, method = (mcnemar_mid_p(wins, losses), "mcnemar_mid_p") if binary else permutation_p(differences, seed)
    return replace(
        blank,
        difference=mean,
        interval=interval,
        p_value=p,
        method=method,
        wins=wins,
        ties=n - wins - losses,
        losses=losses,
    )


def _no_spread(differences: np.ndarray, groups: Ints) -> bool:
    codes = group_codes(groups)
    return float(np.abs(np.bincount(codes, weights=differences - differences.mean())).max()) < 1e-9


def _pooled_difference(
    blank: PairedDifference,
    column: ScoreColumn,
    a: RowMeans,
    b: RowMeans,
    left: Ints,
    right: Ints,
    groups: Ints,
    seed: int,
) -> PairedDifference:
    if len(left) < 2 or a.parts is None or b.parts is None or column.pool is None:
        return blank
    parts_a, parts_b = a.parts[left], b.parts[right]
    both = pooled_values(np.stack([parts_a.sum(axis=0), parts_b.sum(axis=0)]), column.pool)
    difference = float(both[0] - both[1])
    if not np.isfinite(difference):
        return replace(blank, method="undefined")
    interval, p = pooled_difference(parts_a, parts_b, group_codes(groups), column.pool, seed)
    if interval is not None:
        interval = min(interval[0], difference), max(interval[1], difference)
    return replace(blank, difference=difference, interval=interval, p_value=p, method="randomisation")


def adjusted(differences: list[PairedDifference]) -> list[PairedDifference]:
    """Returns them with Holm's adjustment over all pairs of one metric (one signature) on one data set."""
    families: dict[tuple[str, str], list[int]] = {}
    for index, one in enumerate(differences):
        families.setdefault((one.dataset, one.signature), []).append(index)
    result = list(differences)
    for members in families.values():
        for index, p in zip(members, holm([differences[index].p_value for index in members]), strict=True):
            result[index] = replace(differences[index], p_adjusted=p)
    return result
