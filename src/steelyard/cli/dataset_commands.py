"""`dataset`: files in, versions, and files out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

dataset_app = typer.Typer(no_args_is_help=True, help="Data sets and result sets.", rich_markup_mode=None)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")]
KindName = Annotated[str, typer.Option("--kind", help="general, or result_set for answers that exist already.")]
FormatName = Annotated[
    str,
    typer.Option("--format", help="auto, jsonl, json, csv, tsv, xlsx, xls, parquet; of an archive, its members'."),
]
Mapping = Annotated[
    list[str] | None,
    typer.Option("--mapping", metavar="ROLE=COLUMN", help="What a column is, such as reference=gold; repeatable."),
]


@dataset_app.command("add")
def dataset_add(
    file: Path,
    kind: KindName = "general",
    name: Annotated[str, typer.Option()] = "",
    format_name: FormatName = "auto",
    mapping: Mapping = None,
    drop_bad: Annotated[
        bool, typer.Option("--drop-bad", help="Leave bad rows out instead of refusing the file.")
    ] = False,
    errors_out: Annotated[
        Path | None, typer.Option("--errors-out", metavar="FILE", help="Write all bad rows there, as JSON Lines.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Import a file or archive as an immutable version; the same rows again give the same version."""
    from steelyard.adapters.formats.read import read_records
    from steelyard.cli.catalog import CLI_USER
    from steelyard.cli.dataset_files import list_problems, read_mapping
    from steelyard.cli.words import say
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.datasets import import_dataset
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    roles = read_mapping(mapping)
    settings = load_settings(data_dir=data_dir)
    if errors_out is not None:
        count = list_problems(file, format_name, _kind(kind), roles, errors_out)
        print(say(settings.lang, "errors_out", n=count, file=errors_out))
    with open_platform(settings) as platform:
        _, manifest = import_dataset(
            rows=platform.rows, datasets=platform.repositories.datasets, workspace_id=DEFAULT_WORKSPACE, created_by=CLI_USER,
            now=platform.now(), name=name or file.stem, kind=_kind(kind), records=read_records(file, format_name, file=file.name),
            file=file.name, on_bad_rows="drop" if drop_bad else "refuse", mapping=roles,
        )  # fmt: skip
    counts = {"rows": manifest.row_count, "rejected": manifest.rejected_count}
    print(say(settings.lang, "imported", version=manifest.id, name=manifest.name, **counts))
    for problem in manifest.rejected[:20]:
        print("  " + problem.text())


@dataset_app.command("preview")
def dataset_preview(
    file: Path,
    kind: KindName = "general",
    format_name: FormatName = "auto",
    mapping: Mapping = None,
    rows: Annotated[int, typer.Option(min=0, help="Show this many rows.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show what a file would become, without importing it: its columns' roles, first rows and bad rows."""
    from steelyard.cli.dataset_files import preview, preview_text, read_mapping
    from steelyard.settings import load_settings

    found = preview(file, format_name, _kind(kind), read_mapping(mapping), rows)
    if as_json:
        _show(found)
    else:
        print(preview_text(found, load_settings(data_dir=data_dir).lang))


@dataset_app.command("export")
def dataset_export(
    version: str,
    out: Annotated[Path, typer.Option("--out", help="The file; its ending says .jsonl, .csv, .xlsx or .parquet.")],
    shape: Annotated[
        str,
        typer.Option(
            "--as",
            help="plain, qianfan-prompt-response, qianfan-role, qianfan-prompt, qianfan-dpo, qianfan-sorted, ark, openai-evals or openai-item.",
        ),
    ] = "plain",
    data_dir: DataDir = None,
) -> None:
    """Write a version's rows to a file that this or another platform takes."""
    from typing import cast

    from steelyard.adapters.formats.write_rows import write_rows
    from steelyard.cli.words import say
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    settings = load_settings(data_dir=data_dir)
    with open_platform(settings) as platform:
        record = platform.repositories.datasets.get(DEFAULT_WORKSPACE, version)
        manifest = platform.rows.manifest(record.version_id)
        kind = cast("Any", manifest.kind)
        found = write_rows(platform.rows.read(record.version_id), shape, kind, out, columns=manifest.columns)
    print(say(settings.lang, "exported", rows=manifest.row_count, files=", ".join(str(path) for path in found)))


@dataset_app.command("list")
def dataset_list(data_dir: DataDir = None) -> None:
    """List data sets, newest first."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        cursor: str | None = None
        while True:
            page = platform.repositories.datasets.list(DEFAULT_WORKSPACE, limit=200, cursor=cursor)
            for record in page.items:
                print(f"{record.id}\t{record.version_id}\t{record.kind}\t{record.row_count}\t{record.name}")
            cursor = page.next_cursor
            if cursor is None:
                return


@dataset_app.command("show")
def dataset_show(
    version: str,
    rows: Annotated[int, typer.Option(min=0, help="Print this many rows too.")] = 3,
    data_dir: DataDir = None,
) -> None:
    """Show a version's manifest and first rows."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        record = platform.repositories.datasets.get(DEFAULT_WORKSPACE, version)
        _show(platform.rows.manifest(record.version_id))
        for row in platform.rows.read(record.version_id, 0, rows):
            _show(row)


def _kind(given: str) -> Any:
    from steelyard.domain.errors import InputError

    if given not in {"general", "result_set"}:
        raise InputError(f"there is no kind '{given}'", where="--kind", hint="use general or result_set")
    return given


def _show(value: Any) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value)).decode())
