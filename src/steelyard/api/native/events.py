"""`/evaluations/{id}/events`: progress as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from steelyard.api.dependencies import PrincipalDep, Services, ServicesDep
from steelyard.api.native.evaluation_out import evaluation_out
from steelyard.domain.errors import SteelyardError
from steelyard.domain.evaluation import ENDED, Evaluation
from steelyard.ports.identity import Principal

router = APIRouter(prefix="/evaluations", tags=["evaluations"])

EVERY_S = 1.0
KEEP_ALIVE_S = 10.0

_LOOKS_PER_EVENT = 5
"""How often in that time the stream looks whether the server ends."""


@router.get(
    "/{evaluation_id}/events",
    response_class=StreamingResponse,
    responses={200: {"description": "Events `progress` and, last, `end`; data is the evaluation.", "content": {"text/event-stream": {}}}},
)  # fmt: skip
async def stream_events(evaluation_id: str, who: PrincipalDep, services: ServicesDep) -> StreamingResponse:
    """Streams progress until the evaluation ends: at every change, at most once a second."""
    evaluation = await _get(services, who, evaluation_id)
    return StreamingResponse(
        _events(services, who, evaluation),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(services: Services, who: Principal, evaluation: Evaluation) -> AsyncIterator[str]:
    sent, silent_s = "", 0.0
    while True:
        data = evaluation_out(evaluation).model_dump_json()
        if evaluation.state in ENDED:
            yield f"event: progress\ndata: {data}\n\nevent: end\ndata: {data}\n\n"
            return
        if data != sent:
            sent, silent_s = data, 0.0
            yield f"event: progress\ndata: {data}\n\n"
        elif silent_s >= KEEP_ALIVE_S:
            silent_s = 0.0
            yield ": keep-alive\n\n"
        for _ in range(_LOOKS_PER_EVENT):
            if services.closing.is_set():
                return
            await asyncio.sleep(EVERY_S / _LOOKS_PER_EVENT)
        silent_s += EVERY_S
        try:
            evaluation = await _get(services, who, evaluation.id)
        except SteelyardError:
            # It was deleted, or the database is gone: whoever connects again is told which.
            return


async def _get(services: Services, who: Principal, evaluation_id: str) -> Evaluation:
    return await run_in_threadpool(services.platform.repositories.evaluations.get, who.workspace_id, evaluation_id)
