"""What changed from one version to another: rows matched by id, compared by content, with 16 bytes a row in memory."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.json import Encoder

from steelyard.flow.rows.doctor.findings import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from steelyard.domain.row import Row

_FIELDS = ("turns", "system", "history", "category", "group_id", "session_id", "params", "columns")
_encode = Encoder(order="deterministic").encode


class Change(Struct, frozen=True):
    """A row that both versions have, with other content."""

    row_id: str
    fields: tuple[str, ...]
    """Which parts differ: input, reference, answer, system, history, category, group_id, session_id, params, columns."""


class Difference(Struct, frozen=True):
    """Counts, and the first 20 of each kind in their version's order."""

    rows_before: int
    rows_after: int
    same: int
    added: int
    removed: int
    changed: int
    reordered: bool
    """Whether rows that both versions have stand in another order."""
    added_ids: tuple[str, ...]
    removed_ids: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both versions hold the same rows, in whatever order."""
        return not (self.added or self.removed or self.changed)


def difference(
    before: Iterable[Row],
    after: Iterable[Row],
    before_at: Callable[[int], Row],
    after_at: Callable[[int], Row],
) -> Difference:
    """Compares two versions; each is streamed once, and at most 80 rows are looked at again.

    A row is the same row when its id is. Ids that were derived from content change with it: such a row is removed and
    added, not changed.

    Args:
        before: rows of the one version, in order.
        after: rows of the other.
        before_at: returns the row of the one at a position.
        after_at: returns the row of the other at a position.
    """
    import numpy as np

    old_ids, old_contents = _hashes(before)
    new_ids, new_contents = _hashes(after)
    shared, at_old, at_new = np.intersect1d(old_ids, new_ids, assume_unique=True, return_indices=True)
    other = old_contents[at_old] != new_contents[at_new]
    removed = _missing(old_ids, shared)
    added = _missing(new_ids, shared)
    by_old_order = np.argsort(at_old)
    changed = [i for i in by_old_order if other[i]][:SHOWN] if other.any() else []
    return Difference(
        len(old_ids),
        len(new_ids),
        int(len(shared) - other.sum()),
        len(added),
        len(removed),
        int(other.sum()),
        bool((np.diff(at_new[by_old_order]) < 0).any()),
        tuple(after_at(int(p)).id for p in added[:SHOWN]),
        tuple(before_at(int(p)).id for p in removed[:SHOWN]),
        tuple(_change(before_at(int(at_old[i])), after_at(int(at_new[i]))) for i in changed),
    )


def _hashes(rows: Iterable[Row]) -> tuple[Any, Any]:
    import numpy as np

    ids, contents = array("Q"), array("Q")
    for row in rows:
        ids.append(int.from_bytes(blake2b(row.id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"))
        content = _encode([getattr(row, name) for name in _FIELDS])
        contents.append(int.from_bytes(blake2b(content, digest_size=8).digest(), "little"))
    return np.array(ids, dtype=np.uint64), np.array(contents, dtype=np.uint64)


def _missing(ids: Any, shared: Any) -> Any:
    """Returns the positions, ascending, of ids that are not shared; `shared` is sorted."""
    import numpy as np

    if not len(shared):
        return np.arange(len(ids))
    places = np.minimum(np.searchsorted(shared, ids), len(shared) - 1)
    return np.flatnonzero(shared[places] != ids)


def _change(before: Row, after: Row) -> Change:
    fields: list[str] = []
    for ours, theirs in (("input", "input"), ("references", "reference"), ("answer", "answer")):
        if [getattr(t, ours) for t in before.turns] != [getattr(t, ours) for t in after.turns]:
            fields.append(theirs)
    fields += [name for name in _FIELDS[1:] if getattr(before, name) != getattr(after, name)]
    return Change(before.id, tuple(fields))
