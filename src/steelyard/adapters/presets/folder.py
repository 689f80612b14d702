"""A preset's data as it lies in a folder, in the layout its authors gave it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, cast

from steelyard.domain.errors import InputError
from steelyard.domain.row import RowProblem
from steelyard.flow.rows.records import RawRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from steelyard.domain.preset import Preset

    Reader = Callable[[Path, str], Iterator[RawRecord | RowProblem]]

_LARGEST_OBJECT = 64 * 1024 * 1024
_LONGEST_CELL = 64 * 1024 * 1024


def paths_of(preset: Preset, split: str, subset: str) -> list[str]:
    """Returns the paths that may hold a split of a subset, the preferred one first."""
    return [path.replace("{subset}", subset) for path in preset.files[split]]


def find_file(preset: Preset, folder: Path, split: str, subset: str) -> str | None:
    """Returns the first of the split's paths that is a file in the folder, or None."""
    return next((path for path in paths_of(preset, split, subset) if (folder / path).is_file()), None)


def splits_of(preset: Preset) -> tuple[str, ...]:
    """Returns the splits that a run reads: the evaluated one, and that of the examples."""
    return (preset.split, preset.shots.split) if preset.shots.count else (preset.split,)


class PresetFolder:
    """Implements services.presets.PresetFiles over a folder.

    Args:
        preset: whose data it is.
        folder: where it lies.
        read: reads JSON Lines and Parquet: path and name for messages -> records.
    """

    def __init__(self, preset: Preset, folder: Path, read: Reader) -> None:
        self._preset = preset
        self._folder = folder
        self._read = read

    def records(self, split: str, subset: str) -> tuple[str, Iterator[RawRecord | RowProblem]]:
        """See services.presets.PresetFiles."""
        preset = self._preset
        found = find_file(preset, self._folder, split, subset)
        if found is None:
            wanted = paths_of(preset, split, subset)[0]
            target = f"{preset.name}/{subset}" if subset else preset.name
            raise InputError(
                f"the data of preset:{target} is not here yet, {wanted} is missing",
                where=str(self._folder),
                hint=f"run `steelyard preset fetch {target}`, with --from FOLDER to bring your own copy",
                code="preset_not_fetched",
            )
        name = f"{preset.name}/{found}"
        path = self._folder / found
        if found.endswith(".csv"):
            return name, _csv_records(path, name, preset.columns)
        if found.endswith(".json") and preset.records_at:
            return name, _object_records(path, name, preset.records_at)
        return name, self._read(path, name)


def _csv_records(path: Path, name: str, columns: tuple[str, ...]) -> Iterator[RawRecord | RowProblem]:
    """Yields rows of a CSV file in UTF-8; a column may have no name (a row counter)."""
    csv.field_size_limit(_LONGEST_CELL)
    header = list(columns)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            line = 1
            for cells in reader:
                if not header:
                    header = [cell.strip() for cell in cells]
                elif len(cells) != len(header):
                    yield RowProblem(name, line, "", f"has {len(cells)} cells, {len(header)} are expected")
                else:
                    yield RawRecord(line, dict(zip(header, cells, strict=True)))
                line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise _damaged(name, error) from error


def _object_records(path: Path, name: str, key: str) -> Iterator[RawRecord | RowProblem]:
    """Yields the records of a JSON object's list; lines are their numbers, from 1."""
    try:
        if path.stat().st_size > _LARGEST_OBJECT:
            raise InputError(
                "the JSON file is larger than 64 MB", where=name, hint="write JSON Lines", code="file_too_large"
            )
        data: Any = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise _damaged(name, error) from error
    items = cast("dict[str, Any]", data).get(key) if isinstance(data, dict) else None
    if not isinstance(items, list):
        raise InputError(f"the file holds no list '{key}'", where=name, hint="fetch it again", code="bad_file")
    for number, item in enumerate(cast("list[Any]", items), 1):
        if isinstance(item, dict):
            yield RawRecord(number, cast("dict[str, Any]", item))
        else:
            yield RowProblem(name, number, "", "must be an object")


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(f"the file cannot be read: {error}", where=name, hint="fetch it again", code="bad_file")
