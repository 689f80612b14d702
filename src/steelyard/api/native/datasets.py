"""`/datasets`: files in, immutable versions of rows out."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any, Literal, cast

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from steelyard.api.dependencies import PrincipalDep, Services, ServicesDep
from steelyard.api.native.idempotency import OnceDep
from steelyard.api.native.pages import Cursor, Limit, PageOut
from steelyard.api.native.uploads import UploadedForm, receive_form, scratch_file
from steelyard.api.problems import RowRefusal
from steelyard.domain.errors import InputError
from steelyard.ports.identity import Principal
from steelyard.ports.repositories import DatasetRecord
from steelyard.ports.rows import VersionManifest
from steelyard.services.datasets import delete_dataset as remove_dataset
from steelyard.services.datasets import import_dataset

router = APIRouter(prefix="/datasets", tags=["datasets"])

_FIELDS: dict[str, dict[str, Any]] = {
    "file": {"type": "string", "format": "binary", "description": "JSON Lines, JSON, CSV, TSV, XLSX, XLS or Parquet."},
    "name": {"type": "string", "description": "For people; the file's name when it is left out."},
    "kind": {"type": "string", "enum": ["general", "result_set"], "default": "general"},
    "format": {
        "type": "string",
        "enum": ["auto", "jsonl", "json", "csv", "tsv", "xlsx", "xls", "parquet"],
        "default": "auto",
    },
    "mapping": {"type": "string", "description": 'JSON object: our name -> the file\'s column, as {"input": "问题"}.'},
    "on_bad_rows": {"type": "string", "enum": ["refuse", "drop"], "default": "refuse"},
}
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": _FIELDS}}},
    }
}


class DatasetOut(BaseModel):
    """A data set with its one version."""

    id: str
    version_id: str
    name: str
    kind: str
    row_count: int
    turn_count: int
    """Requests that one pass over it takes."""
    columns: list[str]
    has_references: bool
    multi_turn: bool
    content_hash: str
    source: str
    created_at: str
    created_by: str


class DatasetCreatedOut(DatasetOut):
    """A data set just imported, with what could not be used of this file."""

    rejected_count: int
    rejected: list[RowRefusal]
    """The first 100."""


class TurnOut(BaseModel):
    """One question of a row."""

    input: str | list[dict[str, Any]]
    references: list[str]
    answer: str | None


class RowOut(BaseModel):
    """One row, as it is kept."""

    id: str
    position: int
    turns: list[TurnOut]
    system: str | None
    history: list[dict[str, Any]]
    category: str | None
    group_id: str | None
    session_id: str | None
    params: dict[str, Any]
    columns: dict[str, Any]


@router.post("", status_code=201, response_model=DatasetCreatedOut, openapi_extra=_UPLOAD)
async def create_dataset(request: Request, who: PrincipalDep, services: ServicesDep, once: OnceDep) -> Response:
    """Imports a file as a new version, or finds the version that holds the same rows."""
    with scratch_file(services.upload_dir) as path:
        form = await receive_form(request, path)
        return await run_in_threadpool(
            once.create,
            msgspec.json.encode([form.digest, form.file_name, form.fields], order="sorted").decode(),
            lambda: _import(services, who, form, path),
        )


@router.get("")
def list_datasets(
    who: PrincipalDep,
    services: ServicesDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    kind: Literal["", "general", "result_set"] = "",
) -> PageOut[DatasetOut]:
    """Lists data sets."""
    page = services.platform.repositories.datasets.list(who.workspace_id, limit=limit, cursor=cursor, kind=kind)
    items = [DatasetOut(**_shown(record, services.platform.rows.manifest(record.version_id))) for record in page.items]
    return PageOut(items=items, next_cursor=page.next_cursor)


@router.get("/{dataset_id}")
def get_dataset(dataset_id: str, who: PrincipalDep, services: ServicesDep) -> DatasetOut:
    """Returns the data set of a `dg-` or `ds-` id."""
    record = services.platform.repositories.datasets.get(who.workspace_id, dataset_id)
    return DatasetOut(**_shown(record, services.platform.rows.manifest(record.version_id)))


@router.delete("/{dataset_id}", status_code=204)
def delete_dataset(dataset_id: str, who: PrincipalDep, services: ServicesDep) -> None:
    """Removes a data set; its rows go too, unless an evaluation or another data set uses them."""
    remove_dataset(services.platform.rows, services.platform.repositories, who.workspace_id, dataset_id)


@router.get("/{dataset_id}/rows", response_model=PageOut[RowOut])
def list_rows(
    dataset_id: str,
    who: PrincipalDep,
    services: ServicesDep,
    limit: Limit = 50,
    cursor: str | None = Query(default=None, description="`next_cursor` of the page before."),
) -> Response:
    """Lists rows in the order of the file."""
    record = services.platform.repositories.datasets.get(who.workspace_id, dataset_id)
    start = _position(cursor)
    items: list[dict[str, Any]] = []
    for row in services.platform.rows.read(record.version_id, start, start + limit):
        turns = [{"input": t.input, "references": t.references, "answer": t.answer} for t in row.turns]
        history = [{"role": m.role, "content": m.content} for m in row.history]
        items.append({**msgspec.structs.asdict(row), "turns": turns, "history": history})
    following = start + limit
    page = {"items": items, "next_cursor": str(following) if following < record.row_count else None}
    return Response(msgspec.json.encode(page), media_type="application/json")


def _import(services: Services, who: Principal, form: UploadedForm, path: Path) -> DatasetCreatedOut:
    if not form.file_name:
        raise InputError(
            "the form has no file", where="file", hint="send the file in a part named `file`", code="no_file"
        )
    if unknown := sorted(set(form.fields) - set(_FIELDS)):
        raise InputError(f"unknown field '{unknown[0]}'", where=unknown[0], hint="use " + ", ".join(_FIELDS))
    fields = form.fields
    platform = services.platform
    record, manifest = import_dataset(
        rows=platform.rows, datasets=platform.repositories.datasets, workspace_id=who.workspace_id, created_by=who.user,
        now=platform.now(), name=fields.get("name", "").strip() or PurePath(form.file_name).stem, kind=fields.get("kind") or "general",
        records=services.read_records(path, fields.get("format") or "auto", form.file_name), file=form.file_name,
        on_bad_rows=cast("Literal['refuse', 'drop']", fields.get("on_bad_rows") or "refuse"), mapping=_mapping(fields.get("mapping", "")),
    )  # fmt: skip
    rejected = [RowRefusal(line=p.line, column=p.column, reason=p.reason) for p in manifest.rejected]
    return DatasetCreatedOut(**_shown(record, manifest), rejected_count=manifest.rejected_count, rejected=rejected)


def _mapping(text: str) -> dict[str, str] | None:
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InputError(
            f"the mapping is no JSON object of texts: {error}", where="mapping", hint='for example {"input": "问题"}'
        ) from error


def _shown(record: DatasetRecord, manifest: VersionManifest) -> dict[str, Any]:
    return {
        "id": record.id, "version_id": record.version_id, "name": record.name, "kind": record.kind, "row_count": manifest.row_count,
        "turn_count": manifest.turn_count, "columns": list(manifest.columns), "has_references": manifest.has_references,
        "multi_turn": manifest.multi_turn, "content_hash": record.content_hash, "source": manifest.source,
        "created_at": record.created_at, "created_by": record.created_by,
    }  # fmt: skip


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if cursor.isascii() and cursor.isdecimal() and len(cursor) < 19:
        return int(cursor)
    raise InputError(
        "the cursor is not one that a list returned",
        where="cursor",
        hint="pass next_cursor of the page before, unchanged",
        code="bad_cursor",
    )
