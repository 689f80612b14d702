"""`dataset`, `endpoint`, `key`: what the data directory knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

dataset_app = typer.Typer(no_args_is_help=True, help="Data sets and result sets.", rich_markup_mode=None)
endpoint_app = typer.Typer(no_args_is_help=True, help="Where models are reached.", rich_markup_mode=None)
key_app = typer.Typer(no_args_is_help=True, help="API keys and access keys.", rich_markup_mode=None)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")]


def _show(value: Any) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value)).decode())


@dataset_app.command("add")
def dataset_add(
    file: Path,
    kind: Annotated[str, typer.Option(help="general, or result_set for answers that exist already.")] = "general",
    name: Annotated[str, typer.Option()] = "",
    format_name: Annotated[str, typer.Option("--format", help="auto, jsonl, csv, tsv, xlsx or parquet.")] = "auto",
    drop_bad: Annotated[
        bool, typer.Option("--drop-bad", help="Leave bad rows out instead of refusing the file.")
    ] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--mapping", metavar="ROLE=COLUMN", help="For example input=question; may be repeated."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Import a file as an immutable version; the same rows again give the same version."""
    from steelyard.cli.catalog import LocalCatalog
    from steelyard.cli.words import say
    from steelyard.domain.errors import InputError
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    if kind not in {"general", "result_set"}:
        raise InputError(f"there is no kind '{kind}'", where="--kind", hint="use general or result_set")
    settings = load_settings(data_dir=data_dir)
    with open_platform(settings) as platform:
        manifest = LocalCatalog(platform, Path(), parse_mapping(mapping or [])).import_file(
            file, kind, "drop" if drop_bad else "refuse", name, format_name
        )
    print(
        say(
            settings.lang,
            "imported",
            version=manifest.id,
            rows=manifest.row_count,
            rejected=manifest.rejected_count,
            name=manifest.name,
        )
    )
    for problem in manifest.rejected[:20]:
        print("  " + problem.text())


def parse_mapping(pairs: list[str]) -> dict[str, str]:
    """Returns role -> column of `role=column` pairs. Raises InputError for anything else."""
    from steelyard.domain.errors import InputError

    found: dict[str, str] = {}
    for pair in pairs:
        role, equals, column = pair.partition("=")
        if not equals or not role.strip() or not column.strip():
            raise InputError(
                f"'{pair}' is no ROLE=COLUMN", where="--mapping", hint="for example --mapping input=question"
            )
        found[role.strip()] = column.strip()
    return found


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


@endpoint_app.command("add")
def endpoint_add(
    base_url: str,
    model: str,
    name: Annotated[str, typer.Option()] = "",
    api_key_env: Annotated[str, typer.Option(help="Environment variable that holds the key when it is used.")] = "",
    rpm: Annotated[int | None, typer.Option(min=1)] = None,
    tpm: Annotated[int | None, typer.Option(min=1)] = None,
    max_concurrency: Annotated[int | None, typer.Option(min=1)] = None,
    data_dir: DataDir = None,
) -> None:
    """Register an OpenAI-compatible endpoint; prints its id."""
    from steelyard.cli.catalog import CLI_USER
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.evaluations.endpoints import add_endpoint, endpoint_spec
    from steelyard.services.evaluations.plan import EndpointIn
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    given = EndpointIn(
        base_url=base_url, model=model, api_key_env=api_key_env, rpm=rpm, tpm=tpm, max_concurrency=max_concurrency
    )
    with open_platform(load_settings(data_dir=data_dir)) as platform:
        record = add_endpoint(
            platform,
            endpoint_spec(given),
            name=name or model,
            workspace_id=DEFAULT_WORKSPACE,
            created_by=CLI_USER,
            api_key="",
        )
        print(record.id)


@endpoint_app.command("list")
def endpoint_list(data_dir: DataDir = None) -> None:
    """List endpoints, newest first."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        for record in platform.repositories.endpoints.list(DEFAULT_WORKSPACE, limit=200).items:
            print(f"{record.id}\t{record.model_version_id}\t{record.name}\t{record.spec.label}")


@endpoint_app.command("test")
def endpoint_test(endpoint: str, data_dir: DataDir = None) -> None:
    """Look whether an endpoint can be reached, without asking for a completion."""
    import asyncio

    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.evaluations.endpoints import check_reachable, stored_endpoint
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        spec, _ = stored_endpoint(platform.repositories, DEFAULT_WORKSPACE, endpoint)
        asyncio.run(check_reachable(platform.providers, [spec]))
        print(f"reachable: {spec.label}")


@key_app.command("create")
def key_create(
    name: Annotated[str, typer.Option()] = "cli",
    kind: Annotated[str, typer.Option(help="api (Bearer) or access (signed vendor requests).")] = "api",
    data_dir: DataDir = None,
) -> None:
    """Create a key and show it, once."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.access import create_key
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        made = create_key(platform.repositories, DEFAULT_WORKSPACE, "root", kind=kind, name=name)
        print(made.key if not made.secret else f"{made.key} {made.secret}")


@key_app.command("list")
def key_list(data_dir: DataDir = None) -> None:
    """List keys without their values."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.access import list_keys
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        for record in list_keys(platform.repositories, DEFAULT_WORKSPACE):
            print(f"{record.id}\t{record.kind}\t{record.name}\t{record.revoked_at or 'active'}")


@key_app.command("revoke")
def key_revoke(key_id: str, data_dir: DataDir = None) -> None:
    """Make a key useless."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.access import revoke_key
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir)) as platform:
        revoke_key(platform.repositories, DEFAULT_WORKSPACE, key_id)
