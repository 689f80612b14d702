"""Which rows go where: parts of a split and samples, drawn with a seed. The same rows, seed and shares draw the same."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from steelyard.domain.errors import InputError
from steelyard.flow.rows.doctor.question import hash_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steelyard.domain.row import Row


def split_rows(rows: Iterable[Row], shares: Sequence[float], seed: int) -> Any:
    """Returns for each row the number of its part, a numpy array.

    Rows of one `group_id` go to the same part. Where there are no groups, a part's size is its share of the rows to
    within one row; with groups, to within the largest group.

    Raises:
        InputError: there are fewer than two shares, one is not positive, or they do not add up to 1.
    """
    import numpy as np

    if len(shares) < 2 or min(shares) <= 0 or not abs(sum(shares) - 1) <= 1e-6:
        raise InputError(
            f"the parts {', '.join(f'{s:g}' for s in shares)} are no split",
            where="parts",
            hint="give two or more positive shares that add up to 1, such as 0.8,0.2",
            code="bad_parts",
        )
    groups = array("Q")
    for number, row in enumerate(rows):
        groups.append(hash_of(["row", number] if row.group_id is None else ["group", row.group_id]))
    _, firsts, group_of, sizes = np.unique(
        np.array(groups, dtype=np.uint64), return_index=True, return_inverse=True, return_counts=True
    )
    # Groups in the order in which they appear, so that the draw does not depend on their hashes.
    drawn = np.argsort(firsts)[np.random.default_rng(seed).permutation(len(firsts))]
    middles = np.cumsum(sizes[drawn]) - sizes[drawn] / 2
    bounds = np.round(np.cumsum(shares)[:-1] * len(groups))
    part_of = np.empty(len(firsts), dtype=np.int64)
    part_of[drawn] = np.searchsorted(bounds, middles)
    return part_of[group_of]


def sample_rows(rows: Iterable[Row], size: int, seed: int, wanted: Sequence[tuple[str, str]] = ()) -> Any:
    """Returns the positions, ascending, of `size` rows drawn without replacement from those that are wanted.

    Args:
        rows: the data set.
        size: rows to draw, at least 1.
        seed: of the draw.
        wanted: (field, value) that must all hold; a field is category, group_id, session_id, id or a column.

    Raises:
        InputError: the size is not positive, or fewer rows than that are wanted.
    """
    import numpy as np

    if size < 1:
        raise InputError(f"a sample of {size} rows is none", where="n", hint="draw at least 1", code="bad_sample")
    positions = np.array(
        array("I", (number for number, row in enumerate(rows) if _matches(row, wanted))), dtype=np.int64
    )
    if len(positions) < size:
        conditions = " and ".join(f"{field}={value}" for field, value in wanted)
        raise InputError(
            f"{size} rows cannot be drawn from {len(positions)}" + (f" with {conditions}" if conditions else ""),
            where="n",
            hint=f"draw at most {len(positions)}" if len(positions) else "check --where",
            code="bad_sample",
        )
    return np.sort(np.random.default_rng(seed).choice(positions, size, replace=False))


def _matches(row: Row, wanted: Sequence[tuple[str, str]]) -> bool:
    return all(_value(row, field) == value for field, value in wanted)


def _value(row: Row, field: str) -> str:
    if field in {"category", "group_id", "session_id", "id"}:
        return getattr(row, field) or ""
    value = row.columns.get(field, "")
    return value if isinstance(value, str) else as_written(value)


def as_written(value: Any) -> str:
    """Returns how a column's value is written in a condition: true, false, null and numbers as in JSON."""
    from msgspec.json import encode

    return encode(value).decode()
