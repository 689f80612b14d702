"""`report`, `compare`, `samples`: read what was evaluated, whoever evaluated it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from steelyard.domain.evaluation import Evaluation
    from steelyard.services.evaluations.platform import Platform

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept (default ./.steelyard).")]
Out = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of standard output.")]

FORMATS = ("text", "json", "html", "xlsx", "csv", "md")


def find_evaluation(platform: Platform, ref: str) -> Evaluation:
    """Returns the evaluation with this id, else the newest with this name. Raises NotFoundError."""
    from steelyard.domain.errors import NotFoundError
    from steelyard.domain.ids import DEFAULT_WORKSPACE

    evaluations = platform.repositories.evaluations
    if not ref.startswith("ame-"):
        found = evaluations.find_by_name(DEFAULT_WORKSPACE, ref)
        if found is None:
            raise NotFoundError(f"no evaluation has the id or name '{ref}'", hint="check --data-dir")
        return found
    return evaluations.get(DEFAULT_WORKSPACE, ref)


def evaluations(
    search: Annotated[str, typer.Option(help="Only those with this text in name or id.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most this many.")] = 50,
    data_dir: DataDir = None,
) -> None:
    """List evaluations, newest first: id, state, when created, name."""
    from steelyard.domain.ids import DEFAULT_WORKSPACE
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    with open_platform(load_settings(data_dir=data_dir), create=False) as platform:
        for one in platform.repositories.evaluations.list(DEFAULT_WORKSPACE, limit=limit, search=search).items:
            print(f"{one.id}\t{one.state}\t{one.created_at[:19]}Z\t{one.name}")


def report(
    evaluation: Annotated[str, typer.Argument(help="Id (ame-...) or name.")],
    format_name: Annotated[str, typer.Option("--format", help="text, json, html, xlsx, csv or md.")] = "text",
    out: Out = None,
    data_dir: DataDir = None,
) -> None:
    """Print or write the report of an evaluation."""
    from steelyard.cli.output import render_report, write_text
    from steelyard.domain.errors import InputError
    from steelyard.services.evaluations.results import current_report
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    if format_name not in FORMATS:
        raise InputError(
            f"there is no report format '{format_name}'", where="--format", hint="use one of " + ", ".join(FORMATS)
        )
    if format_name == "xlsx" and out is None:
        raise InputError("an XLSX file cannot go to the terminal", where="--format xlsx", hint="add --out report.xlsx")
    settings = load_settings(data_dir=data_dir)
    with open_platform(settings, create=False) as platform:
        built = current_report(platform, find_evaluation(platform, evaluation))
    if format_name == "xlsx":
        from steelyard.adapters.formats.report_xlsx import write_report_xlsx

        assert out is not None
        # The library has an error of its own for a path that cannot be written; this one names it as all others do.
        out.open("wb").close()
        write_report_xlsx(built, out, settings.lang)
    else:
        write_text(render_report(built, format_name, settings.lang), out)


def compare(
    evaluations: Annotated[list[str], typer.Argument(help="Two or more evaluations, by id or name.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Out = None,
    data_dir: DataDir = None,
) -> None:
    """Compare the objects of several evaluations, row by row where they share rows."""
    from steelyard.cli.output import write_text
    from steelyard.domain.errors import InputError
    from steelyard.flow.reports.compare import EvaluationResults, compare_reports
    from steelyard.flow.reports.render_text import render_comparison_text
    from steelyard.services.evaluations.results import unit_results
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    if len(evaluations) < 2:
        raise InputError("comparing takes at least two evaluations", where="compare", hint="steelyard compare A B")
    settings = load_settings(data_dir=data_dir)
    with open_platform(settings, create=False) as platform:
        found = [find_evaluation(platform, ref) for ref in evaluations]
        comparison = compare_reports([EvaluationResults(e.id, e.name, unit_results(platform, e)) for e in found])
    if json:
        import msgspec

        write_text(msgspec.json.format(msgspec.json.encode(comparison)).decode(), out)
    else:
        write_text(render_comparison_text(comparison, settings.lang), out)


def samples(
    evaluation: Annotated[str, typer.Argument(help="Id (ame-...) or name.")],
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="FIELD=V", help="unit=, category=, failed=true, text=, METRIC<V, METRIC>V."),
    ] = None,
    format_name: Annotated[str, typer.Option("--format", help="jsonl, csv or parquet.")] = "jsonl",
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many.")] = None,
    out: Out = None,
    data_dir: DataDir = None,
) -> None:
    """List prompts, answers, references and scores, row by row."""
    from itertools import islice

    from steelyard.adapters.formats.samples import write_samples
    from steelyard.cli.output import parse_filter
    from steelyard.domain.errors import InputError
    from steelyard.services.evaluations.samples import all_samples
    from steelyard.settings import load_settings
    from steelyard.wiring import open_platform

    if format_name not in {"jsonl", "csv", "parquet"}:
        raise InputError(
            f"samples cannot be written as '{format_name}'", where="--format", hint="use jsonl, csv or parquet"
        )
    if format_name == "parquet" and out is None:
        raise InputError(
            "a Parquet file cannot go to the terminal", where="--format parquet", hint="add --out samples.parquet"
        )
    wanted = parse_filter(where or [])
    with open_platform(load_settings(data_dir=data_dir), create=False) as platform:
        found = all_samples(platform, find_evaluation(platform, evaluation), wanted)
        write_samples(islice(found, limit), format_name, out if out is not None else sys.stdout)
