"""What came out: `/report` and `/samples` of an evaluation, and `/comparisons` of several."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from steelyard.api.dependencies import PrincipalDep, Services, ServicesDep
from steelyard.api.native.pages import Cursor, Limit, PageOut
from steelyard.api.native.uploads import scratch_file
from steelyard.domain.errors import InputError
from steelyard.domain.report import Report
from steelyard.flow.reports.words import Lang
from steelyard.services.evaluations.results import current_report, unit_results
from steelyard.services.evaluations.samples import SampleFilter, page_samples

router = APIRouter()

ReportFormat = Literal["json", "text", "html", "md", "csv", "xlsx"]

_RENDERERS = {
    "json": ("render_json", "application/json"),
    "text": ("render_text", "text/plain"),
    "html": ("render_html", "text/html"),
    "md": ("render_markdown", "text/markdown"),
    "csv": ("render_csv", "text/csv"),
}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class SampleScoreOut(BaseModel):
    """One score of a sample; `value` is null where there is none, and `reason` says why."""

    metric: str
    value: float | None
    reason: str
    flag: str
    signature: str


class SampleOut(BaseModel):
    """One answer with all that belongs to it; `answer` is null where there is none, and `failure` says why."""

    unit_id: str
    label: str
    row_id: str
    position: int
    repeat: int
    turn: int
    prompt: str
    answer: str | None
    reference: list[str]
    scores: list[SampleScoreOut]
    failure: str
    message: str
    reasoning: str
    category: str | None
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float
    attempts: int
    columns: dict[str, Any]


class ComparisonIn(BaseModel):
    """Evaluations to be set against each other."""

    model_config = ConfigDict(extra="forbid")

    evaluations: list[str] = Field(min_length=2, max_length=20)
    """`ame-` ids, all different."""


@router.get(
    "/evaluations/{evaluation_id}/report",
    tags=["evaluations"],
    response_class=Response,
    responses={200: {"description": "The report in the asked format.", "content": {"application/json": {}}}},
)
def get_report(
    evaluation_id: str,
    who: PrincipalDep,
    services: ServicesDep,
    report_format: Annotated[ReportFormat, Query(alias="format")] = "json",
    lang: Annotated[Lang | None, Query(description="Of the texts for people; JSON is never translated.")] = None,
) -> Response:
    """Returns the report: final when the evaluation has ended, else what can be said so far."""
    evaluation = services.platform.repositories.evaluations.get(who.workspace_id, evaluation_id)
    report = current_report(services.platform, evaluation)
    if report_format == "xlsx":
        name = f'attachment; filename="{evaluation_id}.xlsx"'
        content = _xlsx(services, report, lang or services.lang)
        return Response(content, media_type=_XLSX, headers={"Content-Disposition": name})
    module, media_type = _RENDERERS[report_format]
    render = getattr(import_module(f"steelyard.flow.reports.{module}"), module)
    headers = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
    return Response(
        render(report, lang or services.lang), media_type=media_type, headers=headers if report_format == "html" else None
    )  # fmt: skip


@router.get("/evaluations/{evaluation_id}/samples", tags=["evaluations"], response_model=PageOut[SampleOut])
def list_samples(
    evaluation_id: str,
    who: PrincipalDep,
    services: ServicesDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    unit: Annotated[str, Query(description="A unit's id or label.")] = "",
    category: str = "",
    failed: Annotated[bool | None, Query(description="true: only failed requests; false: only answers.")] = None,
    metric: Annotated[str, Query(description="Which `below` and `above` are about; any when left out.")] = "",
    below: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    above: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    text: Annotated[str, Query(description="A part of prompt or answer.")] = "",
) -> Response:
    """Lists prompts, answers, references and every score, in the order of the data set."""
    evaluation = services.platform.repositories.evaluations.get(who.workspace_id, evaluation_id)
    wanted = SampleFilter(unit, category, failed, metric, below, above, text)
    items, following = page_samples(services.platform, evaluation, limit=limit, cursor=cursor, wanted=wanted)
    return Response(msgspec.json.encode({"items": items, "next_cursor": following}), media_type="application/json")


@router.post(
    "/comparisons",
    tags=["comparisons"],
    response_class=Response,
    responses={200: {"description": "Differences by metric, and what may not be compared.", "content": {"application/json": {}}}},
)  # fmt: skip
def compare(body: ComparisonIn, who: PrincipalDep, services: ServicesDep) -> Response:
    """Compares the objects of several evaluations on the rows they share."""
    from steelyard.flow.reports.compare import EvaluationResults, compare_reports

    if len(set(body.evaluations)) < len(body.evaluations):
        raise InputError("an evaluation is named twice", where="evaluations", hint="name each once")
    found = [services.platform.repositories.evaluations.get(who.workspace_id, one) for one in body.evaluations]
    results = [EvaluationResults(e.id, e.name, unit_results(services.platform, e)) for e in found]
    return Response(msgspec.json.encode(compare_reports(results)), media_type="application/json")


def _xlsx(services: Services, report: Report, lang: Lang) -> bytes:
    with scratch_file(services.upload_dir, ".xlsx") as path:
        services.write_report_xlsx(report, path, lang)
        return path.read_bytes()
