"""The native face: every resource under /api/v1."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from steelyard.api.native import datasets, endpoints, evaluations, events, keys, results
from steelyard.api.native.bodies import plain_body
from steelyard.api.problems import Problem

PREFIX = "/api/v1"


def build_router() -> APIRouter:
    """Returns all native routes; each error is a problem document."""
    router = APIRouter(
        prefix=PREFIX,
        dependencies=[Depends(plain_body)],
        responses={"default": {"model": Problem, "description": "A problem."}},
    )
    for module in (keys, endpoints, datasets, evaluations, events, results):
        router.include_router(module.router)
    return router
