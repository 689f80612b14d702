"""What a plan on disk refers to: files beside it, inline addresses, built-ins, and ids of the data directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.adapters.formats.read import read_records
from steelyard.adapters.presets.cards import resolve
from steelyard.domain.errors import InputError
from steelyard.domain.ids import DEFAULT_WORKSPACE
from steelyard.services.datasets import import_dataset
from steelyard.services.evaluations.endpoints import endpoint_spec, stored_endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from steelyard.domain.request import EndpointSpec
    from steelyard.domain.score import ScorerSpec
    from steelyard.ports.rows import VersionManifest
    from steelyard.services.evaluations.plan import EndpointIn
    from steelyard.services.evaluations.platform import Platform

CLI_USER = "local"
PRESET = "preset:"


class LocalCatalog:
    """Implements services.evaluations.create.Catalog for the command line.

    Args:
        platform: the data directory, opened.
        folder: paths of the plan are relative to it.
        mapping: our name -> the files' column, where the names are others.
        presets: `presets` of the data directory, which `preset fetch` fills.
    """

    reads_files = True

    def __init__(
        self, platform: Platform, folder: Path, mapping: Mapping[str, str] | None = None, presets: Path | None = None
    ) -> None:
        self._platform = platform
        self._folder = folder
        self._mapping = mapping or None
        self._presets = presets or Path()

    def data(self, ref: str, kind: str, on_bad_rows: Literal["refuse", "drop"]) -> VersionManifest:
        """See services.evaluations.create.Catalog."""
        if ref.startswith(PRESET):
            if kind != "general":
                raise InputError(
                    "a preset holds questions, not answers", where=ref, hint="name it as `dataset`", code="bad_plan"
                )
            return import_preset(self._platform, self._presets, ref.removeprefix(PRESET), on_bad_rows)
        path = self._folder / ref
        if ref.startswith(("ds-", "dg-")) and not path.exists():
            record = self._platform.repositories.datasets.get(DEFAULT_WORKSPACE, ref)
            return self._platform.rows.manifest(record.version_id)
        return self.import_file(path, kind, on_bad_rows)

    def defaults(self, ref: str) -> tuple[tuple[ScorerSpec, ...], str]:
        """See services.evaluations.create.SuggestsScorers."""
        if not ref.startswith(PRESET):
            return (), ""
        card, _ = resolve(ref.removeprefix(PRESET), self._presets)
        return card.scorers, card.ability

    def import_file(
        self, path: Path, kind: str, on_bad_rows: Literal["refuse", "drop"], name: str = "", format_name: str = "auto"
    ) -> VersionManifest:
        """Imports a file, or finds the version that holds the same rows. Raises InputError, RowsRefusedError."""
        _, manifest = import_dataset(
            rows=self._platform.rows, datasets=self._platform.repositories.datasets, workspace_id=DEFAULT_WORKSPACE, created_by=CLI_USER,
            now=self._platform.now(), name=name or path.stem, kind=kind, records=read_records(path, format_name), file=path.name,
            on_bad_rows=on_bad_rows, mapping=self._mapping,
        )  # fmt: skip
        return manifest

    def endpoint(self, given: EndpointIn | str) -> tuple[EndpointSpec, str]:
        """See services.evaluations.create.Catalog."""
        if isinstance(given, str):
            return stored_endpoint(self._platform.repositories, DEFAULT_WORKSPACE, given)
        return endpoint_spec(given), ""


def import_preset(
    platform: Platform, presets: Path, reference: str, on_bad_rows: Literal["refuse", "drop"]
) -> VersionManifest:
    """Imports a preset (NAME or NAME/SUBSET) whose files lie in `presets/NAME`. Raises InputError, RowsRefusedError."""
    from steelyard.adapters.presets.folder import PresetFolder
    from steelyard.services.presets import preset_records

    card, subset = resolve(reference, presets)
    files = PresetFolder(card.preset, presets / card.preset.name, lambda path, name: read_records(path, file=name))
    _, manifest = import_dataset(
        rows=platform.rows, datasets=platform.repositories.datasets, workspace_id=DEFAULT_WORKSPACE, created_by=CLI_USER,
        now=platform.now(), name=reference, kind="general", records=preset_records(card, files, subset),
        file=f"preset:{card.label}", on_bad_rows=on_bad_rows, mapping=None,
    )  # fmt: skip
    return manifest
