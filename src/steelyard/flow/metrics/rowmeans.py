"""From scores of answers to one score a row: repeats and turns are averaged first, for they are not independent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from steelyard.flow.metrics.intervals import Floats, Ints
    from steelyard.flow.metrics.results import ScoreColumn


@dataclass(slots=True)
class RowMeans:
    """One score a row."""

    value: Floats
    """rows; 0 where there is none."""
    scored: NDArray[np.bool_]
    """rows; a row counts as scored when any of its answers is."""
    binary: bool
    """Every scored row has exactly one score, and it is 0 or 1."""
    parts: Floats | None
    """rows x k: the summed sufficient statistics of the row's scored answers."""


def row_means(column: ScoreColumn, rows: int) -> RowMeans:
    """Averages a column's scores by row. The order of the entries does not matter, not even in the last bit.

    Raises:
        ValueError: a position is outside 0..rows-1, or a score is not a finite number.
    """
    order = _in_order(column)
    position, value = column.position[order], column.value[order]
    if len(position) and (int(position[0]) < 0 or int(position[-1]) >= rows):
        raise ValueError(f"{column.metric}: a score's position is outside the unit's {rows} rows")
    if not np.isfinite(value).all():
        raise ValueError(f"{column.metric}: a score is not a finite number")
    if len(position) == rows and (position[1:] > position[:-1]).all():
        # One score for every row: nothing to average, and nothing to copy.
        binary = column.kind == "rate" and bool(((value == 0.0) | (value == 1.0)).all())
        return RowMeans(value, np.ones(rows, np.bool_), binary, _summed(column, order, position, rows))
    counts = np.bincount(position, minlength=rows)
    sums = np.bincount(position, weights=value, minlength=rows)
    single = int(counts.max(initial=0)) <= 1
    binary = single and column.kind == "rate" and bool(np.isin(value, (0.0, 1.0)).all())
    return RowMeans(sums / np.maximum(counts, 1), counts > 0, binary, _summed(column, order, position, rows))


def _in_order(column: ScoreColumn) -> Ints:
    """Returns the indices of the scores by row, repeat and turn; the usual case, one a row in order, is not sorted again."""
    kept = np.flatnonzero(column.scored)
    position = column.position[kept]
    if (position[1:] > position[:-1]).all():
        return kept
    return kept[np.lexsort((column.turn[kept], column.repeat[kept], position))]


def _summed(column: ScoreColumn, order: Ints, position: Ints, rows: int) -> Floats | None:
    if column.parts is None or column.pool is None:
        return None
    parts = column.parts[order]
    sums = np.empty((rows, parts.shape[1]))
    for index in range(parts.shape[1]):
        sums[:, index] = np.bincount(position, weights=parts[:, index], minlength=rows)
    return sums
