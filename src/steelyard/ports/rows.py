"""The door to the rows of data set versions, as they are kept after import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from steelyard.domain.row import Row, RowProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class VersionManifest(Struct, frozen=True, omit_defaults=True):
    """What is known of an imported data set version; immutable."""

    id: str
    """`ds-`"""
    kind: str
    """general or result_set."""
    name: str
    content_hash: str
    """Over the canonical rows: equal content, equal hash, whatever the file format was."""
    row_count: int
    turn_count: int
    """Requests one pass over it takes: the sum of turns."""
    columns: tuple[str, ...] = ()
    """Names of the kept columns."""
    has_references: bool = True
    multi_turn: bool = False
    rejected_count: int = 0
    rejected: tuple[RowProblem, ...] = ()
    """The first 100."""
    size_bytes: int = 0
    source: str = ""
    """File name(s) it came from."""
    created_at: str = ""


class RowStore(Protocol):
    """Keeps the canonical rows of versions and streams them; never holds a data set in memory."""

    def write(
        self, version_id: str, kind: str, name: str, rows: Iterable[Row | RowProblem], *, source: str, drop_bad: bool
    ) -> VersionManifest:
        """Imports rows as a new immutable version, or returns the manifest of a version with the same kind and content.

        Raises:
            RowsRefusedError: there are problems and `drop_bad` is false; nothing is left behind.
            InputError: there is no usable row at all; nothing is left behind.
        """
        ...

    def manifest(self, version_id: str) -> VersionManifest:
        """Returns the manifest.

        Raises:
            NotFoundError: no such version.
        """
        ...

    def read(self, version_id: str, start: int = 0, stop: int | None = None) -> Iterator[Row]:
        """Yields rows by position in [start, stop), without reading what lies before (to within 1,000 rows)."""
        ...

    def delete(self, version_id: str) -> None:
        """Removes the version's rows; a version that is not there is no error."""
        ...
