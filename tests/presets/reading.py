"""From a preset's name and a folder to the rows a model would be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.adapters.formats.read import read_records
from steelyard.adapters.presets.cards import resolve
from steelyard.adapters.presets.folder import PresetFolder
from steelyard.domain.row import Row, RowProblem
from steelyard.flow.rows.read import read_rows
from steelyard.services.presets import preset_records

if TYPE_CHECKING:
    from pathlib import Path


def read_preset(reference: str, folder: Path, own: Path | None = None) -> tuple[list[Row], list[RowProblem]]:
    """Returns rows and problems of a preset whose files lie in the folder itself."""
    card, subset = resolve(reference, own or folder / "none")
    files = PresetFolder(card.preset, folder, lambda path, name: read_records(path, file=name))
    found = list(read_rows(preset_records(card, files, subset), file=reference, kind="general"))
    return [r for r in found if isinstance(r, Row)], [r for r in found if isinstance(r, RowProblem)]
