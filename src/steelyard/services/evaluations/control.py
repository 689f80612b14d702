"""What people do to evaluations over HTTP: create, stop, resume, retry, delete. Each is one use case over the ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from steelyard.domain.errors import ConflictError, InputError
from steelyard.domain.evaluation import ENDED, Evaluation, State, check_transition
from steelyard.services.evaluations.create import new_evaluation
from steelyard.services.evaluations.endpoints import stored_endpoint

if TYPE_CHECKING:
    from steelyard.domain.request import EndpointSpec
    from steelyard.ports.executor import Executor
    from steelyard.ports.identity import Principal
    from steelyard.ports.rows import VersionManifest
    from steelyard.services.evaluations.create import Draft
    from steelyard.services.evaluations.plan import EndpointIn, OnBadRows
    from steelyard.services.evaluations.platform import Platform


class StoredCatalog:
    """Implements services.evaluations.create.Catalog for plans that come over HTTP: ids only, never paths or addresses.

    Args:
        platform: the installation.
        workspace_id: where ids are looked up.
    """

    reads_files = False

    def __init__(self, platform: Platform, workspace_id: str) -> None:
        self._platform = platform
        self._workspace_id = workspace_id

    def data(self, ref: str, kind: str, on_bad_rows: OnBadRows) -> VersionManifest:
        """See services.evaluations.create.Catalog."""
        del on_bad_rows
        if not ref.startswith(("ds-", "dg-")):
            raise InputError(
                f"'{ref}' is no data set id",
                where="dataset",
                hint="upload the file first and give its ds- id",
                code="bad_reference",
            )
        record = self._platform.repositories.datasets.get(self._workspace_id, ref)
        if record.kind != kind:
            raise InputError(
                f"{ref} is a {record.kind.replace('_', ' ')}, not a {kind.replace('_', ' ')}",
                where="dataset",
                hint="give a version of the other kind",
                code="wrong_kind",
            )
        # Equal rows are kept once, under the name they first came with; this data set may have another.
        return structs.replace(self._platform.rows.manifest(record.version_id), name=record.name)

    def endpoint(self, given: EndpointIn | str) -> tuple[EndpointSpec, str]:
        """See services.evaluations.create.Catalog."""
        if not isinstance(given, str):
            raise InputError(
                "an address cannot be written into a plan over HTTP",
                where="endpoint",
                hint="create the endpoint first and give its ep- id",
                code="bad_reference",
            )
        return stored_endpoint(self._platform.repositories, self._workspace_id, given)


def start_evaluation(platform: Platform, executor: Executor, draft: Draft, principal: Principal) -> Evaluation:
    """Stores the evaluation of a checked draft and hands it over; returns it queued."""
    evaluation = new_evaluation(
        draft, workspace_id=principal.workspace_id, created_by=principal.user, now=platform.now()
    )
    platform.repositories.evaluations.add(evaluation)
    executor.submit(evaluation)
    return evaluation


def stop_evaluation(platform: Platform, executor: Executor, workspace_id: str, evaluation_id: str) -> Evaluation:
    """Asks a running evaluation to stop; one that has ended is left as it is.

    Raises:
        NotFoundError: no such evaluation.
        ConflictError: another process carries it out.
    """
    evaluation = platform.repositories.evaluations.get(workspace_id, evaluation_id)
    if evaluation.state in ENDED or executor.stop(evaluation_id):
        return platform.repositories.evaluations.get(workspace_id, evaluation_id)
    if platform.results.is_locked(evaluation_id):
        raise ConflictError(
            "another process carries this evaluation out",
            where=evaluation_id,
            hint="stop it there",
            code="evaluation_locked",
        )
    evaluation.state = State.STOPPED
    evaluation.stop_reason = "user"
    evaluation.finished_at = platform.now()
    platform.repositories.evaluations.save(evaluation)
    return evaluation


def resume_evaluation(
    platform: Platform, executor: Executor, workspace_id: str, evaluation_id: str, *, retry_failed: bool = False
) -> Evaluation:
    """Lets an ended evaluation go on: nothing recorded is asked again, except failures with `retry_failed`.

    Raises:
        NotFoundError: no such evaluation.
        ConflictError: it is running.
    """
    evaluation = platform.repositories.evaluations.get(workspace_id, evaluation_id)
    # Its lock may be held a moment longer, while results are closed: the executor waits for that.
    if evaluation.state not in ENDED:
        raise ConflictError(
            f"the evaluation is {evaluation.state}",
            where=evaluation_id,
            hint="it is under way; stop it first",
            code="evaluation_running",
        )
    check_transition(evaluation.state, State.QUEUED)
    evaluation.state = State.QUEUED
    evaluation.finished_at = evaluation.error = evaluation.stop_reason = ""
    platform.repositories.evaluations.save(evaluation)
    executor.submit(evaluation, retry_failed=retry_failed)
    return evaluation


def delete_evaluation(platform: Platform, workspace_id: str, evaluation_id: str) -> None:
    """Removes an evaluation with its results.

    Raises:
        NotFoundError: no such evaluation.
        ConflictError: it is running.
    """
    evaluation = platform.repositories.evaluations.get(workspace_id, evaluation_id)
    if evaluation.state not in ENDED | {State.DRAFT} or platform.results.is_locked(evaluation_id):
        raise ConflictError(
            f"the evaluation is {evaluation.state}",
            where=evaluation_id,
            hint="its results are just being closed; try again"
            if evaluation.state in ENDED
            else "stop it first, then delete it",
            code="evaluation_running",
        )
    platform.results.delete(evaluation_id)
    platform.repositories.evaluations.delete(workspace_id, evaluation_id)
