"""`dataset check`, `profile`, `diff`, `clean`, `split`, `sample`: look through data sets, and make new versions of them."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from steelyard.cli.dataset_commands import dataset_app

if TYPE_CHECKING:
    from collections.abc import Generator

    from steelyard.flow.rows.names import Kind
    from steelyard.ports.rows import VersionManifest
    from steelyard.services.dataset_check import Shelf, Source
    from steelyard.services.evaluations.platform import Platform
    from steelyard.settings import Settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the draw: the same seed draws the same rows.")]
Given = Annotated[str, typer.Argument(metavar="VERSION|FILE", help="A ds- or dg- id, or a file.")]
DataKind = Annotated[str, typer.Option(help="What a file holds: general, or result_set.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="A column that belongs to the question, because templates use it; repeatable."),
]
Similarity = Annotated[float, typer.Option(help="From which similarity on rows are near duplicates, in (0, 1].")]


@contextmanager
def _source(settings: Settings, given: str, kind: str, *, drop_bad: bool = False) -> Generator[Source]:
    """Opens a version, or a file as a version that is gone afterwards: nothing of it is kept, no data directory made.

    Bad rows of a file are refused, unless the caller says what became of them.
    """
    from steelyard.domain.errors import InputError
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.dataset_check import Source
    from steelyard.wiring import open_platform

    if kind not in {"general", "result_set"}:
        raise InputError(f"there is no kind '{kind}'", where="--kind", hint="use general or result_set")
    path = Path(given)
    if given.startswith(("ds-", "dg-")) and not path.exists():
        with open_platform(settings) as platform:
            record = platform.repositories.datasets.get(DEFAULT_WORKSPACE, given)
            yield Source(platform.rows, platform.rows.manifest(record.version_id))
    else:
        with _fleeting(path, cast("Kind", kind), drop_bad=drop_bad) as source:
            yield source


@contextmanager
def _fleeting(path: Path, kind: Kind, *, drop_bad: bool) -> Generator[Source]:
    from tempfile import TemporaryDirectory

    from steelyard.adapters.formats.read import read_records
    from steelyard.adapters.store.rows import FileRowStore
    from steelyard.flow.rows.read import read_rows
    from steelyard.services.dataset_check import FLEETING, Source

    records = read_records(path, "auto")
    with TemporaryDirectory() as folder:
        store = FileRowStore(Path(folder))
        rows = read_rows(records, file=path.name, kind=kind)
        yield Source(store, store.write(FLEETING, kind, path.stem, rows, source=path.name, drop_bad=drop_bad))


def _shelf(platform: Platform) -> Shelf:
    from steelyard.cli.catalog import CLI_USER
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.services.dataset_check import Shelf

    return Shelf(platform.rows, platform.repositories.datasets, DEFAULT_WORKSPACE, CLI_USER, platform.now())


def _print_json(value: Any) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def _print_made(versions: list[VersionManifest], lang: str, *, as_json: bool) -> None:
    from steelyard.cli.check_text import say

    if as_json:
        _print_json({"versions": versions})
        return
    for made in versions:
        print(say(lang, "made", version=made.id, rows=made.row_count, name=made.name))


@dataset_app.command("check")
def dataset_check(
    given: Given,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 when there is an error or a warning.")] = False,
    near: Annotated[bool, typer.Option("--near/--no-near", help="Look for near duplicates too.")] = True,
    similarity: Similarity = 0.8,
    column: Columns = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search for near duplicates.")] = 0,
    kind: DataKind = "general",
    json: Json = False,
    data_dir: DataDir = None,
) -> int:
    """Look for duplicates, contradictions, leaked answers, wrong encodings and more; changes nothing."""
    from steelyard.cli.check_text import checkup_text
    from steelyard.flow.rows.doctor.check import CheckOptions
    from steelyard.services.dataset_check import check_version
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    options = CheckOptions(tuple(column or ()), near, similarity, seed)
    with _source(settings, given, kind, drop_bad=True) as source:
        checkup = check_version(source, options)
    if json:
        _print_json({"rows": checkup.rows, "suspicious": checkup.is_suspicious, "findings": checkup.findings})
    else:
        print(checkup_text(checkup, settings.lang))
    return 1 if strict and checkup.is_suspicious else 0


@dataset_app.command("profile")
def dataset_profile(given: Given, kind: DataKind = "general", json: Json = False, data_dir: DataDir = None) -> None:
    """Count rows, turns, lengths, languages, categories and estimated tokens; changes nothing."""
    from steelyard.cli.check_text import profile_text
    from steelyard.services.dataset_check import profile_version
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    with _source(settings, given, kind) as source:
        profile = profile_version(source)
    if json:
        _print_json(profile)
    else:
        print(profile_text(profile, settings.lang))


@dataset_app.command("diff")
def dataset_diff(
    before: Given, after: Given, kind: DataKind = "general", json: Json = False, data_dir: DataDir = None
) -> None:
    """Say which rows were added, removed or changed from one version to another, matched by row id."""
    from steelyard.cli.check_text import difference_text
    from steelyard.services.dataset_check import diff_versions
    from steelyard.settings import load_settings

    settings = load_settings(data_dir=data_dir)
    with (
        _source(settings, before, kind) as old,
        _source(settings, after, kind) as new,
    ):
        found = diff_versions(old, new)
    if json:
        _print_json(found)
    else:
        print(difference_text(found, settings.lang))


@dataset_app.command("clean")
def dataset_clean(
    given: Given,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="CODE", help="Leave out rows with this finding too; repeatable."),
    ] = None,
    similarity: Similarity = 0.8,
    column: Columns = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search for near duplicates.")] = 0,
    kind: DataKind = "general",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write a new version without duplicates and without the rows of the findings named; the old one stays."""
    from steelyard.cli.check_text import say
    from steelyard.flow.rows.doctor.check import CheckOptions
    from steelyard.services.dataset_check import clean_version
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    settings = load_settings(data_dir=data_dir)
    options = CheckOptions(tuple(column or ()), similarity=similarity, seed=seed)
    with open_platform(settings) as platform, _source(settings, given, kind, drop_bad=True) as source:
        cleaned = clean_version(source, _shelf(platform), options, drop or [])
    if json:
        _print_json(cleaned)
        return
    made = cleaned.version
    print(
        say(
            settings.lang,
            "cleaned",
            version=made.id,
            rows=made.row_count,
            dropped=cleaned.rows_dropped,
            name=made.name,
        )
    )
    for code, count in cleaned.dropped.items():
        print(f"  {code}: {count}")


@dataset_app.command("split")
def dataset_split(
    given: Given,
    parts: Annotated[str, typer.Option(help="Shares that add up to 1, such as 0.8,0.2.")],
    seed: Seed = 0,
    kind: DataKind = "general",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write new versions that share the rows out; rows of one group_id stay together."""
    from steelyard.domain.errors import InputError
    from steelyard.services.dataset_check import split_version
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    try:
        shares = [float(part) for part in parts.split(",")]
    except ValueError as error:
        raise InputError(
            f"cannot read the parts '{parts}'", where="--parts", hint="for example --parts 0.8,0.2", code="bad_parts"
        ) from error
    settings = load_settings(data_dir=data_dir)
    with open_platform(settings) as platform, _source(settings, given, kind) as source:
        made = split_version(source, _shelf(platform), shares, seed)
    _print_made(made, settings.lang, as_json=json)


@dataset_app.command("sample")
def dataset_sample(
    given: Given,
    n: Annotated[int, typer.Option("--n", min=1, help="Rows to draw.")],
    seed: Seed = 0,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="FIELD=VALUE", help="category, group_id or a column; repeatable, all must hold."
        ),
    ] = None,
    kind: DataKind = "general",
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Write a new version of rows drawn at random."""
    from steelyard.domain.errors import InputError
    from steelyard.services.dataset_check import sample_version
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    wanted: list[tuple[str, str]] = []
    for condition in where or []:
        field, equals, value = condition.partition("=")
        if not equals or not field.strip():
            raise InputError(
                f"cannot read the condition '{condition}'",
                where="--where",
                hint="for example --where category=law",
                code="bad_condition",
            )
        wanted.append((field.strip(), value.strip()))
    settings = load_settings(data_dir=data_dir)
    with open_platform(settings) as platform, _source(settings, given, kind) as source:
        made = sample_version(source, _shelf(platform), n, seed, wanted)
    _print_made([made], settings.lang, as_json=json)
