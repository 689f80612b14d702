"""One import: rows -> canonical lines, index and hash, in memory that grows by 8 bytes a row.

Whether an id is unique is known only at the end of the file. Most files need one pass; where ids stand twice, a second
pass gives those rows the hash of their content, and a number from the second occurrence on.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from typing import TYPE_CHECKING

import msgspec

from steelyard.domain.errors import InputError, RowsRefusedError
from steelyard.domain.row import Row, RowProblem
from steelyard.flow.rows.identity import content_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import Any

INDEX_STEP = 1000
_KEPT_PROBLEMS = 100
_encode = msgspec.json.Encoder(order="deterministic").encode


class Imported(msgspec.Struct, frozen=True):
    """What an import found out: the manifest's fields that depend on the rows."""

    content_hash: str
    row_count: int
    turn_count: int
    columns: tuple[str, ...]
    has_references: bool
    multi_turn: bool
    rejected_count: int
    rejected: tuple[RowProblem, ...]
    size_bytes: int


class RowImport:
    """Writes `version/rows.jsonl` and `version/index.u64` under a scratch folder, durably."""

    def __init__(self, scratch: Path, kind: str, *, drop_bad: bool) -> None:
        self._version = scratch / "version"
        self._first_pass = scratch / "first-pass"
        self._kind = kind
        self._drop_bad = drop_bad
        self._ids = array("q")
        self._problems: list[RowProblem] = []
        self._problem_count = 0
        self._turns = 0
        self._columns: dict[str, None] = {}
        self._references = False
        self._multi_turn = False

    def run(self, rows: Iterable[Row | RowProblem], source: str) -> Imported:
        """Imports all rows.

        Raises:
            RowsRefusedError: there are problems and they are not to be dropped; every row was looked at.
            InputError: no row is left.
        """
        self._version.mkdir()
        lines = _Lines(self._version, self._kind)
        lines.write_all(self._canonical(rows))
        self._refuse(source)
        repeated = _repeated(self._ids)
        if len(repeated):
            (self._version / "rows.jsonl").rename(self._first_pass)
            lines = _Lines(self._version, self._kind)
            lines.write_all(_renamed(self._first_pass, self._ids, repeated))
            self._first_pass.unlink()
        return Imported(
            content_hash=lines.content_hash(),
            row_count=len(self._ids),
            turn_count=self._turns,
            columns=tuple(self._columns),
            has_references=self._references,
            multi_turn=self._multi_turn,
            rejected_count=self._problem_count,
            rejected=tuple(self._problems),
            size_bytes=lines.size_bytes,
        )

    def _canonical(self, rows: Iterable[Row | RowProblem]) -> Iterator[bytes]:
        ids, columns = self._ids, self._columns
        for row in rows:
            if isinstance(row, RowProblem):
                self._problem_count += 1
                if len(self._problems) < _KEPT_PROBLEMS:
                    self._problems.append(row)
                continue
            if self._problem_count and not self._drop_bad:
                # Nothing will be kept: only the problems are still of interest.
                continue
            position = len(ids)
            ids.append(hash(row.id))
            self._turns += len(row.turns)
            self._multi_turn = self._multi_turn or len(row.turns) > 1
            self._references = self._references or any(turn.references for turn in row.turns)
            if row.columns.keys() - columns.keys():
                columns.update(dict.fromkeys(row.columns))
            yield _encode(row if row.position == position else msgspec.structs.replace(row, position=position))

    def _refuse(self, source: str) -> None:
        count = self._problem_count
        first = self._problems[0].text() if self._problems else source
        if count and not self._drop_bad:
            rows = "1 row" if count == 1 else f"{count} rows"
            raise RowsRefusedError(
                f"{rows} cannot be used, the first: {first}",
                self._problems,
                count,
                where=source,
                hint="mend the file, or say on_bad_rows: drop",
            )
        if not self._ids:
            raise InputError("there is no usable row", where=first, hint="mend the file", code="no_rows")


class _Lines:
    """The lines of one version on disk, with their index and hash."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._digest = hashlib.blake2b(kind.encode() + b"\n", digest_size=16)
        self.size_bytes = 0

    def write_all(self, lines: Iterator[bytes]) -> None:
        offsets = array("Q")
        block: list[bytes] = []
        with (self._folder / "rows.jsonl").open("wb") as file:
            for line in lines:
                block.append(line)
                if len(block) == INDEX_STEP:
                    offsets.append(self.size_bytes)
                    file.write(self._take(block))
            if block:
                offsets.append(self.size_bytes)
                file.write(self._take(block))
            file.flush()
            os.fsync(file.fileno())
        with (self._folder / "index.u64").open("wb") as file:
            offsets.tofile(file)
            file.flush()
            os.fsync(file.fileno())

    def content_hash(self) -> str:
        return self._digest.hexdigest()

    def _take(self, block: list[bytes]) -> bytes:
        block.append(b"")
        data = b"\n".join(block)
        block.clear()
        self._digest.update(data)
        self.size_bytes += len(data)
        return data


def _repeated(ids: array[int]) -> Any:
    """Returns the hashes that stand more than once, sorted."""
    import numpy as np

    ordered = np.sort(np.frombuffer(ids, dtype=np.int64))
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _renamed(path: Path, ids: array[int], repeated: Any) -> Iterator[bytes]:
    """Yields the lines again, with new ids for the rows whose own ids are not unique."""
    import numpy as np

    hashes = np.frombuffer(ids, dtype=np.int64)
    ambiguous = np.isin(hashes, repeated)
    kept = np.sort(hashes[~ambiguous])
    decode = msgspec.json.Decoder(Row).decode
    with path.open("rb") as file:
        contents = array(
            "Q", (int(content_id(decode(line)), 16) for line, again in zip(file, ambiguous, strict=True) if again)
        )
    numbers = iter(_occurrences(contents))
    contents_left = iter(contents)
    with path.open("rb") as file:
        for line, again in zip(file, ambiguous, strict=True):
            if not again:
                yield line[:-1]
                continue
            number = int(next(numbers))
            name = f"{next(contents_left):016x}" + (f"-{number}" if number > 1 else "")
            yield _encode(msgspec.structs.replace(decode(line), id=_free(name, kept)))


def _occurrences(contents: Sequence[int]) -> Any:
    """Returns for each content which occurrence of it this is, from 1 on."""
    import numpy as np

    values = np.array(contents, dtype=np.uint64)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    places = np.arange(len(values))
    starts = np.where(np.concatenate(([True], ordered[1:] != ordered[:-1])), places, 0)
    numbers = np.empty(len(values), dtype=np.int64)
    numbers[order] = places - np.maximum.accumulate(starts) + 1
    return numbers


def _free(name: str, kept: Any) -> str:
    """Returns the name, or one that no row has chosen for itself."""
    import numpy as np

    while (at := int(np.searchsorted(kept, hash(name)))) < len(kept) and int(kept[at]) == hash(name):
        name += "-again"
    return name
