"""The bad rows of a file, as a file of its own: each with its reason and the line as it was written."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from steelyard.adapters.formats.archives import archive_of, members_of
from steelyard.adapters.formats.text import encoding_of, lines_of
from steelyard.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from steelyard.domain.row import RowProblem

_NOT_TEXT = (".xlsx", ".xls", ".parquet", ".pq")
_encode = msgspec.json.Encoder().encode


def write_problems(problems: Iterable[RowProblem], path: Path, out: Path) -> int:
    """Writes one JSON line a problem: file, line, column, reason, and raw: the line it begins on, null in binary tables.

    Keeps all problems in memory, and one line of the file.

    Args:
        problems: all of the file at `path`, which was read under its own name without folders.
        path: the data, a file or an archive; read again for its lines.
        out: written anew, also where there are no problems.

    Returns:
        How many there are.

    Raises:
        InputError: `out` cannot be written.
    """
    by_file: dict[str, dict[int, list[RowProblem]]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, {}).setdefault(problem.line, []).append(problem)
    count = 0
    try:
        with out.open("wb") as file:
            for problem, raw in _with_lines(by_file, path):
                file.write(_encode({**msgspec.structs.asdict(problem), "raw": raw}) + b"\n")
                count += 1
    except OSError as error:
        raise InputError(
            f"cannot write: {error.strerror}", where=str(out), hint="give a path that can be written"
        ) from error
    return count


def _with_lines(by_file: dict[str, dict[int, list[RowProblem]]], path: Path) -> Iterator[tuple[RowProblem, str | None]]:
    if not by_file:
        return
    kind = archive_of(path.name)
    if not kind:
        for found in by_file.values():
            yield from _in_file(found, path, path.name)
        return
    for member in members_of(path, kind, path.name):
        found = by_file.get(member.name)
        if found:
            name = member.name[: -len(".gz")] if kind == "gz" else member.name
            yield from _in_file(found, member.path, name)


def _in_file(by_line: dict[int, list[Any]], path: Path, name: str) -> Iterator[tuple[RowProblem, str | None]]:
    if name.lower().endswith(_NOT_TEXT):
        yield from ((problem, None) for problem in chain.from_iterable(by_line.values()))
        return
    left = dict(by_line)
    for line in lines_of(path, encoding_of(path)):
        for problem in left.pop(line.number, ()):
            yield problem, line.data.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if not left:
            return
    yield from ((problem, None) for problem in chain.from_iterable(left.values()))
