"""The metrics of each category of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steelyard.domain.report import Slice
from steelyard.flow.metrics.summaries import summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from steelyard.flow.metrics.results import UnitResults
    from steelyard.flow.metrics.rowmeans import RowMeans

COLUMN = "category"
MAX_CATEGORIES = 50
OTHER = "other"
_RESAMPLES = 1_999


def category_slices(unit: UnitResults, means: Sequence[RowMeans], seed: str) -> tuple[list[Slice], bool]:
    """Returns one slice a category, and whether some were folded.

    Every row is in exactly one slice: rows without a category are in the slice "", and when there are more than 50
    categories, all but the 50 largest are in the slice "other". Largest first; equal sizes by name. No slices when
    no row has a category.
    """
    codes, names = unit.categories()
    if not names:
        return [], False
    chosen = _chosen(codes, names)
    slices = [
        Slice(
            column=COLUMN,
            value=name,
            metrics=[
                summarise(column, mean, unit.group, rows, seed, _RESAMPLES)
                for column, mean in zip(unit.score_columns, means, strict=True)
            ],
        )
        for name, rows in chosen
    ]
    return slices, len(names) > MAX_CATEGORIES


def _chosen(codes: NDArray[np.int32], names: list[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(
        (index for index in range(len(names)) if counts[index]), key=lambda index: (-counts[index], names[index])
    )
    folded: list[int] = []
    if len(order) > MAX_CATEGORIES:
        kept = [index for index in order if names[index] != OTHER][:MAX_CATEGORIES]
        folded = sorted(set(order) - set(kept))
        order = kept
    chosen = [(names[index], codes == index) for index in order]
    if folded:
        chosen.append((OTHER, np.isin(codes, folded)))
    if bool((codes < 0).any()):
        chosen.append(("", codes < 0))
    return chosen
