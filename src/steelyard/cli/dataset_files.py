"""A file looked at before it is imported: what its columns are taken for, its first rows, and its bad ones."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import msgspec

from steelyard.adapters.formats.problem_file import write_problems
from steelyard.adapters.formats.read import read_records
from steelyard.cli.words import say
from steelyard.domain.errors import InputError
from steelyard.domain.row import Row, RowProblem
from steelyard.flow.rows.names import Planner
from steelyard.flow.rows.read import read_rows
from steelyard.flow.rows.records import RawRecord, RowFault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from steelyard.flow.rows.names import Kind, Plan

LOOKED_AT = 200
"""Records that a preview reads."""
_SHOWN_PROBLEMS = 20


class Preview(msgspec.Struct, frozen=True):
    """What the first records of a file would become."""

    roles: dict[str, str]
    """The file's column -> input, reference ...; "" for a plain column."""
    rows: tuple[Row, ...]
    problems: tuple[RowProblem, ...]
    """The first 20."""
    problem_count: int
    record_count: int
    """Records looked at, at most 200."""


def read_mapping(given: Sequence[str] | None) -> dict[str, str]:
    """Returns role -> column of `role=column` texts.

    Raises:
        InputError: one has no `=`, or a role stands twice.
    """
    found: dict[str, str] = {}
    for text in given or ():
        role, sign, column = text.partition("=")
        if not sign or not role.strip() or not column or role.strip() in found:
            raise InputError(
                f"cannot read the mapping '{text}'",
                where="--mapping",
                hint="say each role once, such as --mapping input=question --mapping reference=gold",
                code="bad_mapping",
            )
        found[role.strip()] = column
    return found


def list_problems(path: Path, format_name: str, kind: Kind, mapping: Mapping[str, str], out: Path) -> int:
    """Writes all bad rows of a file to `out` as JSON Lines with their raw lines; returns how many there are.

    Raises:
        InputError: the file as a whole cannot be read, or `out` not written.
    """
    found = read_rows(read_records(path, format_name, file=path.name), file=path.name, kind=kind, mapping=mapping)
    return write_problems((row for row in found if isinstance(row, RowProblem)), path, out)


def preview(path: Path, format_name: str, kind: Kind, mapping: Mapping[str, str], rows: int) -> Preview:
    """Reads the first records of a file and nothing more; stores nothing.

    Raises:
        InputError: the file, its beginning or the mapping cannot be used.
    """
    records = list(islice(read_records(path, format_name, file=path.name), LOOKED_AT))
    planner = Planner(kind, mapping)
    roles: dict[str, str] = {}
    for record in records:
        if isinstance(record, RawRecord):
            for keys in _keys(record.value):
                _learn(roles, planner, keys)
    found = list(read_rows(records, file=path.name, kind=kind, mapping=mapping))
    problems = [row for row in found if isinstance(row, RowProblem)]
    good = [row for row in found if isinstance(row, Row)]
    return Preview(roles, tuple(good[:rows]), tuple(problems[:_SHOWN_PROBLEMS]), len(problems), len(records))


def preview_text(found: Preview, lang: str) -> str:
    """Returns the preview for a terminal."""
    lines = [say(lang, "preview_roles")]
    lines += [f"  {column} -> {role or say(lang, 'preview_column')}" for column, role in found.roles.items()]
    lines += ["  " + say(lang, "preview_hint"), say(lang, "preview_rows")]
    lines += ["  " + msgspec.json.encode(row).decode() for row in found.rows]
    lines.append(say(lang, "preview_problems", n=found.record_count, count=found.problem_count))
    lines += ["  " + problem.text() for problem in found.problems]
    return "\n".join(lines)


def _keys(value: dict[str, Any] | list[Any]) -> list[tuple[str, ...]]:
    if isinstance(value, dict):
        return [tuple(value)]
    return [tuple(cast("dict[str, Any]", item)) for item in value if isinstance(item, dict) and "role" not in item]


def _learn(roles: dict[str, str], planner: Planner, keys: tuple[str, ...]) -> None:
    try:
        plan: Plan = planner.plan(keys)
    except RowFault:
        # The row's own problem tells it.
        return
    told = {key: role for role, key in msgspec.structs.asdict(plan).items() if role != "columns" and key}
    for key in keys:
        roles[key] = roles.get(key) or told.get(key, "")
