"""Data sets: a file's records become a stored version, once for each content, and a record for each of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from steelyard.domain.errors import ConflictError, InputError
from steelyard.domain.evaluation import ENDED, State
from steelyard.domain.ids import DATASET, DATASET_VERSION, new_id
from steelyard.flow.rows.read import read_rows
from steelyard.ports.repositories import DatasetRecord, Datasets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from steelyard.domain.row import RowProblem
    from steelyard.flow.rows.names import Kind
    from steelyard.flow.rows.records import RawRecord
    from steelyard.ports.repositories import Repositories
    from steelyard.ports.rows import RowStore, VersionManifest


def import_dataset(
    *,
    rows: RowStore,
    datasets: Datasets,
    workspace_id: str,
    created_by: str,
    now: str,
    name: str,
    kind: str,
    records: Iterable[RawRecord | RowProblem],
    file: str,
    on_bad_rows: Literal["refuse", "drop"] = "refuse",
    mapping: Mapping[str, str] | None = None,
) -> tuple[DatasetRecord, VersionManifest]:
    """Imports records as a data set; the same content under the same name gives the record that is there already.

    The same content under another name gives a new data set that shares the version.

    The manifest's `rejected` rows are this import's own.

    Args:
        rows: where the rows go.
        datasets: where the record goes.
        workspace_id: whose it is.
        created_by: who asks.
        now: `created_at` of a new record.
        name: what people call it.
        kind: general or result_set.
        records: the file's records, as they stream in.
        file: its name, for messages and as the manifest's source.
        on_bad_rows: refuse the import, or drop and count them.
        mapping: our name -> the file's column.

    Raises:
        RowsRefusedError: rows cannot be used and are to be refused; nothing is stored.
        InputError: the name is empty, a kind, choice or mapping is unknown, or no row is usable; nothing is stored.
    """
    if not name.strip():
        raise InputError("the data set has no name", where="name", hint="give it one", code="no_name")
    if on_bad_rows not in ("refuse", "drop"):
        raise InputError(
            f"unknown choice '{on_bad_rows}'", where="on_bad_rows", hint="use refuse or drop", code="unknown_choice"
        )
    found = read_rows(records, file=file, kind=cast("Kind", kind), mapping=mapping)
    manifest = rows.write(new_id(DATASET_VERSION), kind, name, found, source=file, drop_bad=on_bad_rows == "drop")
    existing = datasets.find_by_content(workspace_id, kind, manifest.content_hash, name)
    if existing is not None and existing.version_id == manifest.id:
        return existing, manifest
    record = DatasetRecord(
        id=new_id(DATASET),
        workspace_id=workspace_id,
        created_at=now,
        created_by=created_by,
        name=name,
        version_id=manifest.id,
        kind=kind,
        content_hash=manifest.content_hash,
        row_count=manifest.row_count,
    )
    datasets.add(record)
    return record, manifest


def delete_dataset(rows: RowStore, repositories: Repositories, workspace_id: str, dataset_id: str) -> None:
    """Removes a data set; its rows go too, unless an evaluation or another data set uses them.

    Raises:
        NotFoundError: no such data set.
        ConflictError: an evaluation that has not ended uses it.
    """
    record = repositories.datasets.get(workspace_id, dataset_id)
    users = [
        evaluation
        for evaluation in repositories.evaluations.in_states(list(State))
        if any(use.version_id == record.version_id for use in evaluation.spec.datasets)
    ]
    for evaluation in users:
        if evaluation.workspace_id == workspace_id and evaluation.state not in ENDED:
            raise ConflictError(
                f"evaluation {evaluation.id} is using it", where=dataset_id, hint="stop it first", code="dataset_in_use"
            )
    repositories.datasets.delete(workspace_id, record.id)
    if not users and not repositories.datasets.version_is_used(record.version_id):
        rows.delete(record.version_id)
