"""An evaluation (评测任务): what is to be done, and the one table of what may follow what."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from steelyard.domain.errors import ConflictError
from steelyard.domain.request import EndpointSpec
from steelyard.domain.score import ScorerSpec

PLAN_VERSION = 1


class State(StrEnum):
    """Where an evaluation or a unit is; names the earliest unfinished stage."""

    DRAFT = "draft"
    QUEUED = "queued"
    INFERRING = "inferring"
    SCORING = "scoring"
    AWAITING_REVIEW = "awaiting_review"
    AGGREGATING = "aggregating"
    SUCCEEDED = "succeeded"
    PARTIALLY_FAILED = "partially_failed"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


_S = State
TRANSITIONS: dict[State, frozenset[State]] = {
    _S.DRAFT: frozenset({_S.QUEUED}),
    _S.QUEUED: frozenset({_S.INFERRING, _S.SCORING, _S.STOPPING, _S.STOPPED, _S.FAILED}),
    _S.INFERRING: frozenset({_S.SCORING, _S.AGGREGATING, _S.STOPPING, _S.STOPPED, _S.FAILED, _S.QUEUED}),
    _S.SCORING: frozenset({_S.AWAITING_REVIEW, _S.AGGREGATING, _S.STOPPING, _S.STOPPED, _S.FAILED, _S.QUEUED}),
    _S.AWAITING_REVIEW: frozenset({_S.AGGREGATING, _S.STOPPING, _S.STOPPED, _S.FAILED}),
    _S.AGGREGATING: frozenset({_S.SUCCEEDED, _S.PARTIALLY_FAILED, _S.FAILED, _S.STOPPING, _S.STOPPED, _S.QUEUED}),
    _S.STOPPING: frozenset({_S.STOPPED, _S.FAILED, _S.QUEUED}),
    _S.STOPPED: frozenset({_S.QUEUED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.PARTIALLY_FAILED: frozenset({_S.QUEUED}),
    _S.SUCCEEDED: frozenset({_S.QUEUED}),
}
"""Every allowed step. A running state may fall back to queued only because its process died."""

ENDED = frozenset({State.SUCCEEDED, State.PARTIALLY_FAILED, State.FAILED, State.STOPPED})
RUNNING = frozenset({State.INFERRING, State.SCORING, State.AGGREGATING, State.STOPPING})


def check_transition(old: State, new: State) -> None:
    """Refuses a step that the table does not allow.

    Raises:
        ConflictError: with both states in the message.
    """
    if new != old and new not in TRANSITIONS[old]:
        raise ConflictError(f"an evaluation that is {old} cannot become {new}")


class ObjectSpec(Struct, frozen=True, omit_defaults=True):
    """One evaluated object (评测对象): a model behind an endpoint, or answers that exist already."""

    label: str
    endpoint: EndpointSpec | None = None
    result_set: str = ""
    """A `ds-` version of kind result_set; then `endpoint` is None."""
    model_version_id: str = ""
    prompt_template: str = ""
    """Empty: the row's input as it is."""
    system: str = ""
    """System text for rows that bring none."""
    params: dict[str, Any] = {}
    baseline: bool = False
    history: str = "answers"
    """What a dialogue's later turns are told was said before: the model's own answers, or the `references`."""


class DatasetUse(Struct, frozen=True, omit_defaults=True):
    """One data set of an evaluation."""

    version_id: str
    content_hash: str
    name: str
    row_count: int
    scorers: tuple[ScorerSpec, ...] = ()
    """Empty: the evaluation's scorers."""
    ability: str = ""
    weight: float = 1.0


class EvaluationSpec(Struct, frozen=True, omit_defaults=True):
    """Everything that is to be done; what the hash covers is said in `services.evaluations.plan`."""

    objects: tuple[ObjectSpec, ...]
    datasets: tuple[DatasetUse, ...]
    """For result-set objects: one use an object, in the same order."""
    scorers: tuple[ScorerSpec, ...] = ()
    repeats: int = 1
    seed: int = 0
    limit: int | None = None
    max_concurrency: int | None = None
    rows_dropped: int = 0
    allow_failed: float = 0.0
    version: int = PLAN_VERSION


class UnitSpec(Struct, frozen=True):
    """One object on one data set (子任务)."""

    index: int
    id: str
    object: ObjectSpec
    dataset: DatasetUse
    scorers: tuple[ScorerSpec, ...]

    @property
    def label(self) -> str:
        """The object's label."""
        return self.object.label


class UnitCounts(Struct, omit_defaults=False):
    """Live counts of one unit, in requests (rows x turns x repeats)."""

    total: int = 0
    answered: int = 0
    failed: int = 0
    scored: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    trouble: str = ""
    """What the last attempt that failed met, in one line; empty while none has."""


class Evaluation(Struct):
    """An evaluation as it is stored."""

    id: str
    workspace_id: str
    created_at: str
    """UTC, RFC 3339."""
    created_by: str
    name: str
    description: str
    state: State
    plan_hash: str
    spec: EvaluationSpec
    units: list[UnitSpec]
    counts: list[UnitCounts]
    unit_states: list[State]
    stop_reason: str = ""
    """user, budget, decided; empty unless stopped."""
    error: str = ""
    """One line, when failed."""
    started_at: str = ""
    finished_at: str = ""
    labels: dict[str, str] = {}
    """Face-specific notes, such as the Qianfan request that created it."""
