"""Looking through data set versions, comparing them, and making new versions from rows of old ones; never in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from steelyard.domain.errors import InputError
from steelyard.domain.ids import DATASET, DATASET_VERSION, new_id
from steelyard.flow.rows.doctor.check import check_rows
from steelyard.flow.rows.doctor.difference import difference
from steelyard.flow.rows.doctor.findings import OF_ROWS, SEVERITIES, SHOWN, Checkup, Finding, ordered
from steelyard.flow.rows.doctor.profile import profile_rows
from steelyard.flow.rows.doctor.selection import sample_rows, split_rows
from steelyard.ports.repositories import DatasetRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from steelyard.domain.row import Row
    from steelyard.flow.rows.doctor.check import CheckOptions
    from steelyard.flow.rows.doctor.difference import Difference
    from steelyard.flow.rows.doctor.profile import Profile
    from steelyard.ports.repositories import Datasets
    from steelyard.ports.rows import RowStore, VersionManifest


class Source(Struct, frozen=True):
    """A version and the store that holds it: the platform's, or one that lives for a moment only."""

    rows: RowStore
    manifest: VersionManifest

    def read(self) -> Iterator[Row]:
        """Begins to stream the rows."""
        return self.rows.read(self.manifest.id)

    def at(self, position: int) -> Row:
        """Returns the row at a position that exists."""
        return next(self.rows.read(self.manifest.id, position, position + 1))


class Shelf(Struct, frozen=True):
    """Where new versions go, and in whose name."""

    rows: RowStore
    datasets: Datasets
    workspace_id: str
    created_by: str
    now: str

    def put(self, name: str, kind: str, rows: Iterator[Row], source: str) -> VersionManifest:
        """Stores rows as a version with a data set of this name; equal content gives the version that is there already.

        Raises:
            InputError: there is no row.
        """
        manifest = self.rows.write(new_id(DATASET_VERSION), kind, name, rows, source=source, drop_bad=False)
        existing = self.datasets.find_by_content(self.workspace_id, kind, manifest.content_hash)
        if existing is None or existing.version_id != manifest.id:
            self.datasets.add(
                DatasetRecord(
                    new_id(DATASET), self.workspace_id, self.now, self.created_by, name, manifest.id, kind,
                    manifest.content_hash, manifest.row_count,
                )
            )  # fmt: skip
        return manifest


class Cleaned(Struct, frozen=True):
    """A cleaned version and what it leaves out."""

    version: VersionManifest
    dropped: dict[str, int]
    """Code -> rows left out for it; a row blamed by several codes counts for each. Lines that the file lost on import count too."""
    rows_dropped: int
    """Of the rows that could be read."""


def check_version(source: Source, options: CheckOptions) -> Checkup:
    """Returns what is wrong with a version; lines that its file lost on import are part of it. Stores nothing.

    Raises:
        InputError: a column of the options is no column of the version, or the similarity is out of range.
    """
    _check_options(source, options)
    found = check_rows(source.read, options).checkup
    manifest = source.manifest
    if not manifest.rejected_count:
        return found
    lost = Finding(
        "unreadable_row",
        SEVERITIES["unreadable_row"],
        manifest.rejected_count,
        examples=tuple(problem.text() for problem in manifest.rejected[:SHOWN]),
    )
    return Checkup(found.rows, ordered([*found.findings, lost]))


def profile_version(source: Source) -> Profile:
    """Returns the figures of a version. Stores nothing."""
    profile = profile_rows(source.read())
    # The store keeps no version without rows.
    assert profile is not None
    return profile


def diff_versions(before: Source, after: Source) -> Difference:
    """Returns what changed from one version to the other. Stores nothing."""
    return difference(before.read(), after.read(), before.at, after.at)


def clean_version(source: Source, shelf: Shelf, options: CheckOptions, drop: Sequence[str]) -> Cleaned:
    """Stores the version without its duplicates and without the rows that the named codes blame.

    Of duplicates the first stays; of near duplicates (when named) the earlier; of contradicting rows none.

    Raises:
        InputError: a code is unknown or blames no single rows, an option is wrong, or no row would be left.
    """
    for code in drop:
        if code not in OF_ROWS:
            raise InputError(
                f"rows cannot be dropped for '{code}'",
                where="drop",
                hint="use one of " + ", ".join(code for code in SEVERITIES if code in OF_ROWS),
                code="unknown_code",
            )
    _check_options(source, options)
    options = structs.replace(options, near="near_duplicate" in drop)
    positions = check_rows(source.read, options).positions
    codes = [code for code in SEVERITIES if code in {"duplicate", *drop} and code in positions]
    out = bytearray(source.manifest.row_count)
    for code in codes:
        for position in positions[code]:
            out[int(position)] = 1
    if all(out):
        raise InputError(
            "no row would be left",
            where=source.manifest.id,
            hint=f"leave a code out of --drop: {', '.join(codes)}",
            code="nothing_left",
        )
    manifest = source.manifest
    dropped = {code: len(positions[code]) for code in codes}
    if manifest.rejected_count:
        dropped["unreadable_row"] = manifest.rejected_count
    said = ", ".join(f"{code}={count}" for code, count in dropped.items()) or "nothing"
    kept = (row for position, row in enumerate(source.read()) if not out[position])
    version = shelf.put(f"{manifest.name}-clean", manifest.kind, kept, f"clean of {_origin(source)}: dropped {said}")
    return Cleaned(version, dropped, sum(out))


def split_version(source: Source, shelf: Shelf, shares: Sequence[float], seed: int) -> list[VersionManifest]:
    """Stores the parts of a version, each a version; every row is in exactly one, rows of a group in the same.

    Raises:
        InputError: the shares are no split, or a part would be empty; nothing is stored.
    """
    part_of = split_rows(source.read(), shares, seed)
    manifest = source.manifest
    for number, share in enumerate(shares):
        if not (part_of == number).any():
            raise InputError(
                f"part {number + 1} ({share:g}) would be empty",
                where="parts",
                hint=f"the version has {manifest.row_count} rows; give larger shares",
                code="empty_part",
            )
    written = ",".join(f"{share:g}" for share in shares)
    return [
        shelf.put(
            f"{manifest.name}-part-{number + 1}-of-{len(shares)}",
            manifest.kind,
            _chosen(source, part_of == number),
            f"part {number + 1} of {_origin(source)}: parts={written} seed={seed}",
        )
        for number in range(len(shares))
    ]


def sample_version(
    source: Source, shelf: Shelf, size: int, seed: int, wanted: Sequence[tuple[str, str]] = ()
) -> VersionManifest:
    """Stores rows drawn from a version, in their order.

    Raises:
        InputError: a field is unknown, or fewer rows are wanted than drawn.
    """
    manifest = source.manifest
    fields = ["category", "group_id", "session_id", "id", *manifest.columns]
    for field, _ in wanted:
        if field not in fields:
            raise InputError(
                f"rows have no field '{field}'", where="where", hint="use one of " + ", ".join(fields), code="no_field"
            )
    positions = sample_rows(source.read(), size, seed, wanted)
    mask = bytearray(manifest.row_count)
    for position in positions:
        mask[int(position)] = 1
    said = "".join(f" {field}={value}" for field, value in wanted)
    return shelf.put(
        f"{manifest.name}-sample-{size}",
        manifest.kind,
        _chosen(source, mask),
        f"sample of {_origin(source)}: n={size} seed={seed}{said}",
    )


def _check_options(source: Source, options: CheckOptions) -> None:
    if not 0 < options.similarity <= 1:
        raise InputError(
            f"a similarity of {options.similarity:g} does not exist",
            where="similarity",
            hint="give more than 0 and at most 1",
            code="bad_similarity",
        )
    for name in options.columns:
        if name not in source.manifest.columns:
            raise InputError(
                f"the data set has no column '{name}'",
                where="column",
                hint="its columns are " + (", ".join(source.manifest.columns) or "none"),
                code="no_field",
            )


def _origin(source: Source) -> str:
    # A version that lives for a moment only is nothing to point to; its file is.
    manifest = source.manifest
    return manifest.id if manifest.id != FLEETING else manifest.source


FLEETING = "ds-fleeting"
"""Id of a version in a store that lives for a moment only."""


def _chosen(source: Source, mask: Any) -> Iterator[Row]:
    return (row for position, row in enumerate(source.read()) if mask[position])
