"""An evaluation as HTTP shows it."""

from __future__ import annotations

from pydantic import BaseModel

from steelyard.domain.evaluation import Evaluation, State


class CountsOut(BaseModel):
    """Live counts, in answers (rows x turns x repeats)."""

    total: int
    answered: int
    failed: int
    scored: int


class UnitOut(BaseModel):
    """One object on one data set."""

    id: str
    label: str
    dataset: str
    dataset_version_id: str
    state: State
    counts: CountsOut


class UsageOut(BaseModel):
    """Tokens that the endpoints reported."""

    prompt_tokens: int
    completion_tokens: int


class EvaluationOut(BaseModel):
    """An evaluation with its live progress."""

    id: str
    name: str
    description: str
    state: State
    progress: float
    """Share of answers that are there or have failed, 0..1; 1 when it ended with results."""
    units: list[UnitOut]
    usage: UsageOut
    error: str | None
    """One line, when it failed."""
    stop_reason: str | None
    """user, budget or decided, when it is stopped."""
    labels: dict[str, str]
    plan_hash: str
    created_at: str
    created_by: str
    started_at: str | None
    finished_at: str | None


class EvaluationCreatedOut(EvaluationOut):
    """A new evaluation, with what a person should know of its plan."""

    warnings: list[str]


def evaluation_out(evaluation: Evaluation) -> EvaluationOut:
    """Returns the evaluation as it is shown."""
    units = [
        UnitOut(
            id=unit.id, label=unit.label, dataset=unit.dataset.name, dataset_version_id=unit.dataset.version_id, state=state,
            counts=CountsOut(total=counts.total, answered=counts.answered, failed=counts.failed, scored=counts.scored),
        )
        for unit, counts, state in zip(evaluation.units, evaluation.counts, evaluation.unit_states, strict=True)
    ]  # fmt: skip
    usage = UsageOut(
        prompt_tokens=sum(c.prompt_tokens for c in evaluation.counts),
        completion_tokens=sum(c.completion_tokens for c in evaluation.counts),
    )
    return EvaluationOut(
        id=evaluation.id, name=evaluation.name, description=evaluation.description, state=evaluation.state, progress=_progress(evaluation),
        units=units, usage=usage, error=evaluation.error or None, stop_reason=evaluation.stop_reason or None, labels=evaluation.labels,
        plan_hash=evaluation.plan_hash, created_at=evaluation.created_at, created_by=evaluation.created_by,
        started_at=evaluation.started_at or None, finished_at=evaluation.finished_at or None,
    )  # fmt: skip


def _progress(evaluation: Evaluation) -> float:
    if evaluation.state in {State.SUCCEEDED, State.PARTIALLY_FAILED}:
        return 1.0
    total = sum(c.total for c in evaluation.counts)
    done = sum(c.answered + c.failed for c in evaluation.counts)
    return min(done / total, 1.0) if total else 0.0
