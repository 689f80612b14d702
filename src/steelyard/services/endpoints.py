"""Stored endpoints: removed with their keys, once nothing needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steelyard.domain.errors import ConflictError
from steelyard.domain.evaluation import ENDED, State

if TYPE_CHECKING:
    from steelyard.ports.repositories import Repositories


def delete_endpoint(repositories: Repositories, workspace_id: str, endpoint_id: str) -> None:
    """Removes an endpoint and its key; reports of evaluations that used it stay.

    Args:
        repositories: where it is.
        workspace_id: whose it is.
        endpoint_id: `ep-` or `amv-` id.

    Raises:
        NotFoundError: no such endpoint.
        ConflictError: an evaluation that has not ended uses it.
    """
    record = repositories.endpoints.get(workspace_id, endpoint_id)
    for evaluation in repositories.evaluations.in_states([state for state in State if state not in ENDED]):
        used = {target.endpoint.id for target in evaluation.spec.objects if target.endpoint is not None}
        if evaluation.workspace_id == workspace_id and record.id in used:
            raise ConflictError(
                f"evaluation {evaluation.id} is using it",
                where=endpoint_id,
                hint="stop it first",
                code="endpoint_in_use",
            )
    repositories.endpoints.delete(workspace_id, record.id)
    if record.spec.secret_id:
        repositories.secrets.delete(record.spec.secret_id)
