"""`/evaluations`: a plan in, an evaluation that is carried out; stop, resume, retry, delete."""

from __future__ import annotations

from typing import Annotated

from anyio import from_thread
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from steelyard.api.dependencies import PrincipalDep, Services, ServicesDep
from steelyard.api.native.evaluation_out import EvaluationCreatedOut, EvaluationOut, evaluation_out
from steelyard.api.native.idempotency import OnceDep
from steelyard.api.native.pages import Cursor, Limit, PageOut
from steelyard.domain.errors import InputError
from steelyard.domain.evaluation import State
from steelyard.domain.request import EndpointSpec
from steelyard.flow.scores.registry import build_scorer
from steelyard.services.evaluations.control import (
    StoredCatalog,
    delete_evaluation,
    resume_evaluation,
    start_evaluation,
    stop_evaluation,
)
from steelyard.services.evaluations.create import Draft, compile_plan, new_evaluation
from steelyard.services.evaluations.lifecycle import expected_answers
from steelyard.services.evaluations.plan import PlanIn, check_objects

router = APIRouter(prefix="/evaluations", tags=["evaluations"])


class PlannedUnitOut(BaseModel):
    """What one object on one data set would take."""

    label: str
    dataset: str
    dataset_version_id: str
    rows: int
    answers: int
    """Rows of the sample x turns x repeats."""
    requests: int
    """How many of them would be asked for; none of a result set."""
    scorers: list[str]
    """Signatures."""


class DryRunOut(BaseModel):
    """What a plan would do; nothing was created."""

    name: str
    plan_hash: str
    units: list[PlannedUnitOut]
    requests: int
    warnings: list[str]


@router.post(
    "",
    status_code=201,
    response_model=EvaluationCreatedOut,
    responses={200: {"model": DryRunOut, "description": "With `dry_run=true`."}},
)
def create_evaluation(
    body: PlanIn,
    who: PrincipalDep,
    services: ServicesDep,
    once: OnceDep,
    dry_run: Annotated[bool, Query(description="Check the plan and say what it would do, without doing it.")] = False,
) -> Response:
    """Starts an evaluation. Data sets, result sets and endpoints are named by id."""
    asked = body.model_dump_json()
    check_objects(body.objects, where="plan")
    catalog = StoredCatalog(services.platform, who.workspace_id)
    if dry_run:
        answer = _dry_run(services, _compiled(services, body, catalog))
        return Response(answer.model_dump_json(), 200, media_type="application/json")

    def make() -> EvaluationCreatedOut:
        draft = _compiled(services, body, catalog)
        evaluation = start_evaluation(services.platform, services.executor, draft, who)
        return EvaluationCreatedOut(**evaluation_out(evaluation).model_dump(), warnings=draft.warnings)

    return once.create(asked, make)


@router.get("")
def list_evaluations(
    who: PrincipalDep,
    services: ServicesDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[list[State] | None, Query(description="Only in this state; may be given several times.")] = None,
    search: Annotated[str, Query(description="A part of name or id.")] = "",
) -> PageOut[EvaluationOut]:
    """Lists evaluations."""
    page = services.platform.repositories.evaluations.list(
        who.workspace_id, limit=limit, cursor=cursor, search=search, states=state or ()
    )
    return PageOut(items=[evaluation_out(evaluation) for evaluation in page.items], next_cursor=page.next_cursor)


@router.get("/{evaluation_id}")
def get_evaluation(evaluation_id: str, who: PrincipalDep, services: ServicesDep) -> EvaluationOut:
    """Returns an evaluation with its live progress."""
    return evaluation_out(services.platform.repositories.evaluations.get(who.workspace_id, evaluation_id))


@router.delete("/{evaluation_id}", status_code=204, name="delete_evaluation")
def remove_evaluation(evaluation_id: str, who: PrincipalDep, services: ServicesDep) -> None:
    """Removes an evaluation that has ended, with its results."""
    delete_evaluation(services.platform, who.workspace_id, evaluation_id)


@router.post("/{evaluation_id}/stop", name="stop_evaluation")
def stop(evaluation_id: str, who: PrincipalDep, services: ServicesDep) -> EvaluationOut:
    """Stops an evaluation: requests on their way are dropped, everything recorded stays. One that has ended is left as it is."""
    return evaluation_out(stop_evaluation(services.platform, services.executor, who.workspace_id, evaluation_id))


@router.post("/{evaluation_id}/resume", name="resume_evaluation")
def resume(evaluation_id: str, who: PrincipalDep, services: ServicesDep) -> EvaluationOut:
    """Lets an evaluation that has ended go on: what has no answer yet is asked."""
    return evaluation_out(resume_evaluation(services.platform, services.executor, who.workspace_id, evaluation_id))


@router.post("/{evaluation_id}/retry-failed", name="retry_failed")
def retry_failed(evaluation_id: str, who: PrincipalDep, services: ServicesDep) -> EvaluationOut:
    """Asks again what failed, and what has no answer yet."""
    return evaluation_out(
        resume_evaluation(services.platform, services.executor, who.workspace_id, evaluation_id, retry_failed=True)
    )


def _compiled(services: Services, plan: PlanIn, catalog: StoredCatalog) -> Draft:
    draft = compile_plan(plan, catalog)
    for i, target in enumerate(draft.spec.objects):
        if target.endpoint is not None and target.endpoint.base_url.startswith("builtin:"):
            try:
                # A stored endpoint was opened when it was created; a built-in is first heard of here.
                from_thread.run(_open_and_close, services, target.endpoint)
            except InputError as error:
                where = f"objects.{i}.endpoint"
                raise InputError(error.message, where=where, hint=error.hint, code=error.error_code) from None
    return draft


async def _open_and_close(services: Services, endpoint: EndpointSpec) -> None:
    await services.platform.providers.open(endpoint).close()


def _dry_run(services: Services, draft: Draft) -> DryRunOut:
    evaluation = new_evaluation(draft, workspace_id="", created_by="", now="")
    units: list[PlannedUnitOut] = []
    for unit in evaluation.units:
        answers = expected_answers(services.platform.rows, draft.spec, unit)
        limit = draft.spec.limit
        units.append(
            PlannedUnitOut(
                label=unit.label, dataset=unit.dataset.name, dataset_version_id=unit.dataset.version_id,
                rows=unit.dataset.row_count if limit is None else min(limit, unit.dataset.row_count), answers=answers,
                requests=answers if unit.object.endpoint is not None else 0, scorers=[build_scorer(s).signature for s in unit.scorers],
            )
        )  # fmt: skip
    return DryRunOut(
        name=draft.name,
        plan_hash=draft.plan_hash,
        units=units,
        requests=sum(unit.requests for unit in units),
        warnings=draft.warnings,
    )
